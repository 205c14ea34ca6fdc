/** Messages of one partition that came in together: the offset of the last one, and where they landed. */
interface Landed {
  readonly offset: bigint;
  readonly sequence: number;
}

const none = -1n;

/**
 * One partition's offsets: how far everything is over. Messages come in the order of their offsets and land in segments
 * that are numbered in order of opening (Segments.sequence); a message is over when its segment has nothing in it that
 * waits, and its offset is `ready` to be committed when those before it are over, too.
 */
export class LowWater {
  /** The first offset that came, and the next one expected; -1n = none has come. */
  first = none;
  next = none;
  /** All below it is over; all below `committed` is committed. */
  ready = none;
  committed = none;
  readonly #landed: Landed[] = [];
  #at = 0;

  /** Messages up to `offset` came in; `sequence`: -1 where nothing of them landed. */
  took(offset: bigint, sequence: number): void {
    if (this.first < 0n) this.first = offset;
    this.next = offset + 1n;
    const last = this.#landed.at(-1);
    if (last !== undefined && last.sequence >= sequence) this.#landed.pop();
    this.#landed.push({ offset, sequence: Math.max(sequence, last?.sequence ?? sequence) });
  }

  /** No segment with a number below `lowest` is in use. */
  over(lowest: number): void {
    while (this.#at < this.#landed.length && this.#landed[this.#at].sequence < lowest)
      this.ready = this.#landed[this.#at++].offset + 1n;
    if (this.#at * 2 < this.#landed.length) return;
    this.#landed.splice(0, this.#at);
    this.#at = 0;
  }
}
