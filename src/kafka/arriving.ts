import { Refusal, refusals } from '../errors.ts';
import type { Message, Receipt } from '../model/intake.ts';
import type { Poison, SetAside } from './set-aside.ts';
import { isWhole, joined } from './whole-record.ts';

/** Where messages land that are read: a shard's buffer. */
export interface Landing {
  /** As Intake.accept. */
  take(message: Message): Receipt | Refusal;
  /** The number of the segment in which the last message landed that was taken. */
  readonly lastSequence: number;
  /** Every segment of a smaller number has nothing in it that waits; larger than all where none has. */
  readonly lowestInUse: number;
  /** What lands from now on lies in another segment. */
  seal(): void;
  /** Traces would soon be judged worse than they deserve for want of time or memory. */
  readonly isPressed: boolean;
}

interface ArrivingOptions {
  readonly topic: string;
  readonly landing: Pick<Landing, 'take' | 'lastSequence'>;
  readonly setAside: SetAside;
  /** All up to `offset` is in; `sequence`: see LowWater.took. */
  readonly took: (partition: number, offset: bigint, sequence: number) => void;
}

interface ArrivingStats {
  messages: number;
  bytes: number;
  poison: number;
}

interface Pending {
  readonly values: Buffer[];
  /** Of each value. */
  readonly offsets: bigint[];
  readonly keys: (Buffer | undefined)[];
  /** The last that came. */
  offset: bigint;
  bytes: number;
}

/** So many bytes of one partition are taken in together. */
const bytesTogether = 256 * 1024;

/** Records that came and have not landed yet, by partition, in order: several small ones land together. */
export class Arriving {
  readonly #options: ArrivingOptions;
  readonly #stats: ArrivingStats;
  readonly #pending = new Map<number, Pending>();

  constructor(options: ArrivingOptions, stats: ArrivingStats) {
    this.#options = options;
    this.#stats = stats;
  }

  get partitions(): IterableIterator<number> {
    return this.#pending.keys();
  }

  get isEmpty(): boolean {
    return this.#pending.size === 0;
  }

  /** Whether so much has come of this partition that it should be taken in now. */
  put(partition: number, offset: bigint, value: Buffer | null | undefined, key?: Buffer): boolean {
    let pending = this.#pending.get(partition);
    if (pending === undefined)
      this.#pending.set(partition, (pending = { values: [], offsets: [], keys: [], offset, bytes: 0 }));
    this.#stats.messages++;
    this.#stats.bytes += value?.length ?? 0;
    // Two records that are no requests could be one together.
    if (value && !isWhole(value))
      this.#poison({ partition, offset, key, value, why: 'not an ExportTraceServiceRequest' });
    else if (value) {
      pending.values.push(value);
      pending.offsets.push(offset);
      pending.keys.push(key ?? undefined);
      pending.bytes += value.length;
    }
    pending.offset = offset;
    return pending.bytes >= bytesTogether;
  }

  /** False where there is no room now. */
  take(partition: number): boolean {
    const pending = this.#pending.get(partition);
    if (pending === undefined) return true;
    const { landing, took } = this.#options;
    const { values, offset } = pending;
    const landed = values.length > 0;
    if (landed) {
      const answer = landing.take(joined(values));
      if (answer instanceof Refusal) {
        if (refusals[answer.reason].retryable) return false;
        if (!this.#takeEach(partition, pending, answer)) return false;
      }
    }
    this.#pending.delete(partition);
    took(partition, offset, landed ? landing.lastSequence : -1);
    return true;
  }

  forget(partition: number): void {
    this.#pending.delete(partition);
  }

  clear(): void {
    this.#pending.clear();
  }

  /** One of them is at fault: it is set aside, and the others come in. */
  #takeEach(partition: number, { values, offsets, keys }: Pending, { message }: Refusal): boolean {
    while (values.length > 0) {
      const answer = this.#options.landing.take(joined(values.slice(0, 1)));
      if (answer instanceof Refusal) {
        if (refusals[answer.reason].retryable) return false;
        const [offset, key, value] = [offsets[0], keys[0], values[0]];
        this.#poison({ partition, offset, key, value, why: answer.message || message });
      }
      values.shift();
      offsets.shift();
      keys.shift();
    }
    return true;
  }

  #poison(poison: Omit<Poison, 'topic'>): void {
    this.#stats.poison++;
    const { setAside, topic } = this.#options;
    setAside.put({ topic, ...poison });
  }
}
