import type { SpanConditions } from '../model/conditions.ts';
import { emptyPlace, moveTo } from '../model/predicates.ts';
import { Slice, sliceWords } from '../model/slice.ts';
import { EnvelopeBits } from './envelope-bits.ts';

/** How many resources and scopes were begun, by whichever scan. */
let envelopes = 0;

/** Bits of a message around spans: the first word, and the further ones. */
class BitWords {
  low = 0;
  readonly wide: Int32Array;

  constructor(words: number) {
    this.wide = new Int32Array(words - 1);
  }

  clear(): void {
    this.low = 0;
    if (this.wide.length > 0) this.wide.fill(0);
  }

  /** Adds these to a row's. */
  addTo(rows: Int32Array, row: number): void {
    rows[row + Slice.bits] |= this.low;
    for (let i = 0; i < this.wide.length; i++) rows[row + sliceWords + i] |= this.wide[i];
  }
}

/**
 * The bits of a slice's row that do not come of the span alone: those of its resource and scope, asked once for all
 * spans in them, and those that follow from others.
 */
export class RowBits {
  readonly resource: BitWords;
  readonly scope: BitWords;
  readonly #conditions: SpanConditions;
  readonly #ofResource: EnvelopeBits | undefined;
  readonly #ofScope: EnvelopeBits | undefined;
  readonly #place = emptyPlace();

  private constructor(conditions: SpanConditions) {
    this.#conditions = conditions;
    this.resource = new BitWords(conditions.words);
    this.scope = new BitWords(conditions.words);
    this.#ofResource = conditions.resource && new EnvelopeBits('resource', conditions.resource);
    this.#ofScope = conditions.scope && new EnvelopeBits('scope', conditions.scope);
  }

  /** Undefined where the conditions ask for nothing of the kind. */
  static for(conditions: SpanConditions): RowBits | undefined {
    const { resource, scope, compounds } = conditions;
    return resource || scope || compounds.length > 0 ? new RowBits(conditions) : undefined;
  }

  beginResource(): void {
    this.resource.clear();
    this.#ofResource?.begin();
    this.#place.resourceNumber = ++envelopes;
  }

  beginScope(): void {
    this.scope.clear();
    this.#ofScope?.begin();
    this.#place.scopeNumber = ++envelopes;
  }

  /** A Resource message, or one more part of it, at buf[start, end). */
  readResource(buf: Uint8Array, start: number, end: number): void {
    this.resource.low = this.#ofResource?.of(buf, start, end, this.resource.low, this.resource.wide) ?? 0;
  }

  readScope(buf: Uint8Array, start: number, end: number): void {
    this.scope.low = this.#ofScope?.of(buf, start, end, this.scope.low, this.scope.wide) ?? 0;
  }

  /** Puts the bits of the present resource and scope into the row at rows[row …], and all that follow. */
  complete(buf: Uint8Array, rows: Int32Array, row: number): void {
    this.resource.addTo(rows, row);
    this.scope.addTo(rows, row);
    this.follow(buf, rows, row);
  }

  /** Sets the bits that follow from others, and takes back those that do not. */
  follow(buf: Uint8Array, rows: Int32Array, row: number): void {
    const { compounds } = this.#conditions;
    const place = moveTo(this.#place, buf, rows, row);
    for (let i = 0; i < compounds.length; i++) {
      const { bit, follows } = compounds[i];
      const at = bit < 32 ? row + Slice.bits : row + sliceWords + (bit >>> 5) - 1;
      const mask = 1 << (bit & 31);
      if (follows(rows, row + Slice.bits, row + sliceWords, place)) rows[at] |= mask;
      else rows[at] &= ~mask;
    }
  }
}
