import { setTimeout as sleep } from 'node:timers/promises';
import { inTime } from '../in-time.ts';
import { isTooLarge, type Outgoing, type RecordWriter } from './client.ts';
import type { Poison, SetAside } from './set-aside.ts';

interface DeadLetterOptions {
  readonly topic: string;
  /** Of a record, and of those that are written together. */
  readonly maxRecordBytes: number;
  /** How long a commit waits for what was set aside before it. */
  readonly timeoutMs: number;
  /** Before brokers that did not take something are asked again. */
  readonly retryMs?: number;
  /** For what the topic takes never. */
  readonly tooLarge: SetAside;
  readonly onWritten: (poison: Poison) => void;
  /** Told each time that brokers did not take records. */
  readonly onTrouble: (why: string) => void;
}

/** What waits for the brokers; while it is more, nothing is read. */
const maxHeldBytes = 16 * 1024 * 1024;
/** Beside its bytes, what a record costs while it waits. */
const recordBytes = 512;
const usualRetryMs = 1_000;

/**
 * Records that cannot be read go to a topic of their own, as they came, with key, and headers that say where they stood
 * and what is wrong. They wait for the brokers as long as it takes: until they are there nothing behind them is
 * committed, so whoever reads the topic next finds them again. So a record may be there twice, and is there.
 */
export class DeadLetters implements SetAside {
  readonly #options: DeadLetterOptions;
  readonly #writer: RecordWriter;
  readonly #closing = new AbortController();
  #waiting: Poison[] = [];
  #heldBytes = 0;
  #isWriting = false;
  /** Of all that came, how many are over. */
  #came = 0;
  #over = 0;
  #settling: { readonly count: number; readonly resolve: () => void }[] = [];
  /** A batch was too large for the brokers: the next ones go alone. */
  #alone = 0;

  constructor(options: DeadLetterOptions, writer: RecordWriter) {
    this.#options = options;
    this.#writer = writer;
  }

  /** Asks brokers for the topic, so that what is wrong is told before anything is to go there. */
  async probe(): Promise<void> {
    await this.#writer.partitions().catch((error) => this.#options.onTrouble((error as Error).message));
  }

  put(poison: Poison): void {
    if (sizeOf(poison) > this.#options.maxRecordBytes) {
      this.#options.tooLarge.put(poison);
      return;
    }
    this.#came++;
    // It is a part of all that was fetched with it.
    const own = { ...poison, value: Buffer.from(poison.value), key: poison.key && Buffer.from(poison.key) };
    this.#heldBytes += sizeOf(own);
    this.#waiting.push(own);
    if (!this.#isWriting) void this.#writeAll();
  }

  get isBehind(): boolean {
    return this.#heldBytes > maxHeldBytes;
  }

  async settled(): Promise<boolean> {
    await this.#options.tooLarge.settled();
    const count = this.#came;
    if (this.#over >= count) return true;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#settling.push({ count, resolve });
    await inTime(promise, this.#options.timeoutMs, { ref: false });
    this.#settling = this.#settling.filter((each) => each.resolve !== resolve);
    return this.#over >= count;
  }

  /** What waits is not written any more; it was not committed either. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#writer.close().catch(() => {});
  }

  async #writeAll(): Promise<void> {
    const { signal } = this.#closing;
    this.#isWriting = true;
    while (this.#waiting.length > 0 && !signal.aborted) {
      const batch = this.#waiting.slice(0, this.#fitting());
      try {
        const partitions = await this.#writer.partitions();
        await this.#writer.write(batch.map((poison) => this.#record(poison, partitions)));
        for (const poison of batch) this.#options.onWritten(poison);
        this.#done(batch);
      } catch (error) {
        if (signal.aborted) break;
        if (isTooLarge(error as Error)) this.#shrink(batch);
        else {
          this.#options.onTrouble((error as Error).message);
          await sleep(this.#options.retryMs ?? usualRetryMs, undefined, { signal, ref: false }).catch(() => {});
        }
      }
    }
    this.#isWriting = false;
  }

  /** How many go together. */
  #fitting(): number {
    if (this.#alone > 0) return 1;
    let bytes = 0;
    let count = 0;
    for (const poison of this.#waiting) {
      bytes += sizeOf(poison);
      if (count > 0 && bytes > this.#options.maxRecordBytes) break;
      count++;
    }
    return count;
  }

  #shrink(batch: readonly Poison[]): void {
    if (batch.length > 1) {
      this.#alone = batch.length;
      return;
    }
    this.#options.tooLarge.put(batch[0]);
    this.#done(batch);
  }

  #done(batch: readonly Poison[]): void {
    this.#waiting.splice(0, batch.length);
    for (const poison of batch) this.#heldBytes -= sizeOf(poison);
    this.#alone = Math.max(0, this.#alone - batch.length);
    this.#over += batch.length;
    for (const { count, resolve } of this.#settling) if (this.#over >= count) resolve();
  }

  /** Records of one partition stay together, as far as the other topic has as many. */
  #record({ topic, partition, offset, key, value, why }: Poison, partitions: number): Outgoing {
    const said = { topic, partition: `${partition}`, offset: `${offset}`, reason: why };
    const headers = Object.entries(said).map(([name, text]) => [Buffer.from(`tailgate.${name}`), Buffer.from(text)]);
    return {
      topic: this.#options.topic,
      partition: partition % partitions,
      ...(key && { key }),
      value,
      headers: new Map(headers as [Buffer, Buffer][]),
    };
  }
}

const sizeOf = ({ topic, key, value, why }: Poison): number =>
  value.length + (key?.length ?? 0) + topic.length + why.length + recordBytes;
