/** A partition of which nothing came in so many looks, though there is more of it, and nothing of any other. */
const looksAtPartition = 6;
/** While others go on: with hundreds of partitions to catch up on, each must wait for its turn. */
const looksAtOneOfMany = 24;
/** Nobody answered in so many looks. */
const looksAtBroker = 12;

interface Seen {
  readonly position: bigint | undefined;
  looks: number;
}

/**
 * Notices by its effect that reading stands still, whatever the cause: there is more of a partition, and nothing comes;
 * or those who would say so do not answer. Looks are counted, rather than time, so that a process that itself stood
 * still accuses nobody.
 */
export class Standstill {
  readonly #everyMs: number;
  readonly #seen = new Map<number, Seen>();
  #ends: readonly (bigint | undefined)[] = [];
  #sinceHeard = 0;
  #sinceEnds = 0;

  /** `everyMs`: how often somebody looks. */
  constructor(everyMs: number) {
    this.#everyMs = everyMs;
  }

  /** The group's coordinator answered a heartbeat. */
  heard(): void {
    this.#sinceHeard = 0;
  }

  /** Brokers were asked where partitions end, and answered: with an error, which is told elsewhere, or with the ends. */
  answered(ends = this.#ends): void {
    this.#sinceEnds = 0;
    this.#ends = ends;
  }

  /**
   * Why it is to be thought that reading stands still; undefined while it goes on. `partitions`: those that are read
   * now, of the others it begins to count anew; `position`: see TopicMember.
   */
  look(partitions: ReadonlySet<number>, position: (partition: number) => bigint | undefined): string | undefined {
    if (++this.#sinceHeard > looksAtBroker)
      return this.#say('the coordinator of the group says nothing', looksAtBroker);
    if (++this.#sinceEnds > looksAtBroker) return this.#say('no broker says where the topic ends', looksAtBroker);
    for (const partition of this.#seen.keys()) if (!partitions.has(partition)) this.#seen.delete(partition);
    const goesOn = [...this.#seen].some(([partition, seen]) => seen.position !== position(partition));
    for (const partition of partitions) {
      const [at, end] = [position(partition), this.#ends[partition]];
      const looks = this.#stillFor(partition, at, end);
      const enough = goesOn && at !== undefined ? looksAtOneOfMany : looksAtPartition;
      if (looks >= enough) return this.#say(inWords(partition, at, end), looks);
    }
    return undefined;
  }

  /** In how many looks it has not moved, though it could. */
  #stillFor(partition: number, position: bigint | undefined, end: bigint | undefined): number {
    const seen = this.#seen.get(partition);
    const isAtEnd = position !== undefined && (end === undefined || position >= end);
    if (seen !== undefined && seen.position === position && !isAtEnd) return ++seen.looks;
    this.#seen.set(partition, { position, looks: 0 });
    return 0;
  }

  #say(what: string, looks: number): string {
    return `${what}, for ${(looks * this.#everyMs) / 1000} s: reading again from what is committed`;
  }
}

const inWords = (partition: number, position: bigint | undefined, end: bigint | undefined): string =>
  position === undefined
    ? `nobody says from where partition ${partition} is to be read`
    : `nothing comes of partition ${partition} from offset ${position}, and it goes on to ${end}`;
