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

/** A partition of which more is over than is committed. */
export interface Over {
  readonly partition: number;
  readonly water: LowWater;
}

/** The offsets of all partitions that a member of a group has. */
export class LowWaters {
  readonly #byPartition = new Map<number, LowWater>();

  get partitions(): readonly number[] {
    return [...this.#byPartition.keys()];
  }

  /** Where reading began, or what is committed since; undefined where nothing has come. */
  committed(partition: number): bigint | undefined {
    const water = this.#byPartition.get(partition);
    return water && (water.committed < 0n ? water.first : water.committed);
  }

  /** See LowWater. What came back to this member begins where it was committed. */
  took(partition: number, offset: bigint, sequence: number): void {
    let water = this.#byPartition.get(partition);
    if (water === undefined || offset < water.next) this.#byPartition.set(partition, (water = new LowWater()));
    water.took(offset, sequence);
  }

  /** No segment with a number below `lowest` is in use: what can be committed, then. */
  over(lowest: number): Over[] {
    const all = [...this.#byPartition].map(([partition, water]) => ({ partition, water }));
    for (const { water } of all) water.over(lowest);
    return all.filter(({ water }) => water.ready > water.committed);
  }

  /** Those of them that are still this member's, as they were. */
  still(over: readonly Over[]): Over[] {
    return over.filter(({ partition, water }) => this.#byPartition.get(partition) === water);
  }

  forget(partition: number): void {
    this.#byPartition.delete(partition);
  }

  clear(): void {
    this.#byPartition.clear();
  }
}
