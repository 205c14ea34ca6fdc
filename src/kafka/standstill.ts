/** A partition of which nothing came in so many looks, though there is more of it, and nothing of any other. */
const fewestLooks = 6;
/** So many times as many while others go on: with hundreds of partitions to catch up on, each must wait for its turn. */
const asOneOfMany = 4;
/** So many times as many where nobody answered at all. */
const asUnanswered = 2;
/** From half a minute to four. */
const mostDoublings = 3;

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
  readonly #enough: number;
  readonly #seen = new Map<number, Seen>();
  #ends: readonly (bigint | undefined)[] = [];
  #sinceHeard = 0;
  #sinceEnds = 0;

  /** `everyMs`: how often somebody looks. `longestAnswerMs`: a broker that takes so long for an answer is slow, no more. */
  constructor(everyMs: number, longestAnswerMs: number) {
    this.#everyMs = everyMs;
    this.#enough = Math.max(fewestLooks, Math.ceil(longestAnswerMs / everyMs) + 1);
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
   * now, of the others it begins to count anew; `position`: see TopicMember; `inVain`: so often before it helped nothing
   * to begin anew, and each doubles the time that a partition has.
   */
  look(
    partitions: ReadonlySet<number>,
    position: (partition: number) => bigint | undefined,
    inVain = 0,
  ): string | undefined {
    const unanswered = asUnanswered * this.#enough;
    if (++this.#sinceHeard > unanswered) return this.#say('the coordinator of the group says nothing', unanswered);
    if (++this.#sinceEnds > unanswered) return this.#say('no broker says where the topic ends', unanswered);
    for (const partition of this.#seen.keys()) if (!partitions.has(partition)) this.#seen.delete(partition);
    const goesOn = [...this.#seen].some(([partition, seen]) => seen.position !== position(partition));
    const enough = this.#enough * 2 ** Math.min(inVain, mostDoublings);
    for (const partition of partitions) {
      const [at, end] = [position(partition), this.#ends[partition]];
      const looks = this.#stillFor(partition, at, end);
      const isOneOfMany = goesOn && at !== undefined;
      if (looks >= (isOneOfMany ? asOneOfMany * enough : enough)) return this.#say(inWords(partition, at, end), looks);
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
