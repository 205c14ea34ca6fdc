import { randomInt } from 'node:crypto';

const leastSlots = 1024;
/** Of a trace with tens of thousands of terms, once: not kept for those to come. */
const mostSlotsKept = 65_536;

/** Senders choose the terms, but not which of them want the same slot: that differs between processes. */
const multiplier = (2 * randomInt(2 ** 31) + 1) | 0;

/**
 * The terms of one trace at a time, or those that the tags know: a hash table that is emptied and filled again, without
 * an object a term. Terms are never 0.
 */
export class TermSet {
  #slots = new Int32Array(leastSlots);
  #terms = new Int32Array(leastSlots / 2);
  /** Of slots, less one: asking the array for its length takes longer than all else here. */
  #mask = leastSlots - 1;
  size = 0;

  clear(): void {
    if (this.#slots.length > mostSlotsKept) {
      this.#slots = new Int32Array(leastSlots);
      this.#terms = new Int32Array(leastSlots / 2);
      this.#mask = leastSlots - 1;
    } else if (this.size > 0) this.#slots.fill(0);
    this.size = 0;
  }

  has(term: number): boolean {
    return this.#slots[this.#find(term | 0)] !== 0;
  }

  /** False where it was there already. */
  add(term: number): boolean {
    const signed = term | 0;
    const at = this.#find(signed);
    if (this.#slots[at] !== 0) return false;
    if (this.size === this.#terms.length) {
      this.#grow();
      return this.add(signed);
    }
    this.#slots[at] = signed;
    this.#terms[this.size++] = signed;
    return true;
  }

  /** The terms in the order they came; lent until the next change. */
  values(): Int32Array {
    return this.#terms.subarray(0, this.size);
  }

  #find(term: number): number {
    const slots = this.#slots;
    const mask = this.#mask;
    // The mask changes nothing, but keeps compiled code from taking it for a double.
    let at = (Math.imul(term, multiplier) >>> Math.clz32(mask)) & mask;
    while (slots[at] !== 0 && slots[at] !== term) at = (at + 1) & mask;
    return at;
  }

  #grow(): void {
    const terms = this.#terms;
    this.#slots = new Int32Array(this.#slots.length * 2);
    this.#mask = this.#slots.length - 1;
    this.#terms = new Int32Array(terms.length * 2);
    this.#terms.set(terms);
    for (const term of terms) this.#slots[this.#find(term)] = term;
  }
}
