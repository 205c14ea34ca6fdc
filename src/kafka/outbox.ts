import type { Outgoing, RecordHeaders, RecordWriter } from './client.ts';
import { partitionOf } from './partition.ts';
import type { TraceRecord } from './record-writer.ts';

/** Writes under way at once; what comes meanwhile goes together with the next one. */
const mostUnderWay = 3;

/** Records of one request, or of a part of it, of which the last that is over says how it went. */
interface Delivery {
  left: number;
  /** Whoever waits was told of it. */
  failure: Error | undefined;
  isLate: boolean;
  readonly headers: RecordHeaders | undefined;
  readonly timer: NodeJS.Timeout;
  readonly over: (failure: Error | undefined) => void;
}

interface Waiting extends Outgoing {
  readonly key: Buffer;
  readonly delivery: Delivery;
}

interface OutboxOptions {
  readonly topic: string;
  /** Of all that is held, until brokers have it. */
  readonly maxBytes: number;
  /** Of a partition's records in one write. */
  readonly maxBatchBytes: number;
  /** What brokers have to take records, from when they came here. */
  readonly timeoutMs: number;
  /** Told each time that brokers did not take records. */
  readonly onTrouble?: (why: string) => void;
}

/** What an outbox counts. */
interface OutboxStats {
  heldBytes: number;
  writtenRecords: number;
  writtenBytes: number;
  /** Records that the brokers did not take in time, or refused. */
  failedRecords: number;
  /** Of the last time that brokers were asked; empty where that went well. */
  lastError: string;
}

/** Beside its bytes, what a record costs until it is over: objects of ours and of the library. */
const recordBytes = 512;

/**
 * Records on their way to brokers, bounded in bytes. A write takes what waits for each partition, as much as one batch
 * may hold; so the more comes the fewer writes there are for it. Writes overtake each other: nothing orders the spans
 * of a trace but their times.
 */
export class Outbox {
  readonly stats: OutboxStats = { heldBytes: 0, writtenRecords: 0, writtenBytes: 0, failedRecords: 0, lastError: '' };
  readonly #options: OutboxOptions;
  readonly #writer: RecordWriter;
  #waiting: (readonly [TraceRecord, Delivery])[] = [];
  readonly #byPartition = new Map<number, Waiting[]>();
  #underWay = 0;
  #scheduled = false;
  #sweeping = false;

  constructor(options: OutboxOptions, writer: RecordWriter) {
    this.#options = options;
    this.#writer = writer;
  }

  /** Is there room for so many bytes more? */
  fits(bytes: number): boolean {
    return this.stats.heldBytes + bytes <= this.#options.maxBytes;
  }

  /** `headers`: of each record. Resolves when brokers have all of it: undefined, or why they have not, after `timeoutMs` at the latest. */
  put(records: readonly TraceRecord[], headers?: RecordHeaders): Promise<Error | undefined> {
    if (records.length === 0) return Promise.resolve(undefined);
    for (const record of records) this.stats.heldBytes += sizeOf(record);
    return new Promise((over) => {
      const timer = setTimeout(() => this.#late(delivery), this.#options.timeoutMs);
      const delivery: Delivery = { left: records.length, failure: undefined, isLate: false, headers, timer, over };
      for (const record of records) this.#waiting.push([record, delivery]);
      this.#schedule();
    });
  }

  /** Asks brokers for the topic, so that what is wrong is told before anybody sends. */
  async probe(): Promise<void> {
    try {
      await this.#writer.partitions();
    } catch (error) {
      this.#tell(error as Error);
    }
  }

  /** Closes the connections; what is under way has failed then. */
  async close(): Promise<void> {
    await this.#writer.close();
  }

  #schedule(): void {
    if (this.#scheduled || this.#underWay >= mostUnderWay) return;
    this.#scheduled = true;
    setImmediate(() => void this.#write());
  }

  async #write(): Promise<void> {
    this.#underWay++;
    let records: Waiting[] = [];
    let failure: Error | undefined;
    try {
      const partitions = await this.#writer.partitions();
      this.#sort(partitions);
      records = this.#take();
    } catch (error) {
      failure = error as Error;
      records = this.#takeAll();
    }
    this.#scheduled = false;
    if (records.length > 0) {
      if (this.#waits) this.#schedule();
      failure ??= await this.#writer.write(records).then(
        () => undefined,
        (error: Error) => error,
      );
      this.stats.lastError = '';
      if (failure !== undefined) this.#tell(failure);
      this.#settle(records, failure);
    }
    this.#underWay--;
    if (this.#waits) this.#schedule();
  }

  get #waits(): boolean {
    return this.#waiting.length > 0 || this.#byPartition.size > 0;
  }

  #sort(partitions: number): void {
    const { topic } = this.#options;
    for (const [{ key, value, hash }, delivery] of this.#waiting) {
      const partition = partitionOf(hash, partitions);
      const list = this.#byPartition.get(partition);
      const plain = { topic, partition, key, value, delivery };
      const waiting: Waiting = delivery.headers === undefined ? plain : { ...plain, headers: delivery.headers };
      if (list === undefined) this.#byPartition.set(partition, [waiting]);
      else list.push(waiting);
    }
    this.#waiting.length = 0;
  }

  /** Of each partition as much as one batch may hold. */
  #take(): Waiting[] {
    const taken: Waiting[] = [];
    for (const [partition, list] of this.#byPartition) {
      let bytes = 0;
      let count = 0;
      while (count < list.length && (count === 0 || bytes + sizeOf(list[count]) <= this.#options.maxBatchBytes))
        bytes += sizeOf(list[count++]);
      for (const each of list.splice(0, count)) taken.push(each);
      if (list.length === 0) this.#byPartition.delete(partition);
    }
    return taken;
  }

  #takeAll(): Waiting[] {
    this.#sort(1);
    const all = [...this.#byPartition.values()].flat();
    this.#byPartition.clear();
    return all;
  }

  /**
   * Brokers had their time, whatever they are asked for. What waits is given up; what is under way may still arrive, so
   * that the sender's next try doubles it, and is held until the library is done with it.
   */
  #late(delivery: Delivery): void {
    const why = new Error(`no answer within ${this.#options.timeoutMs} ms`);
    delivery.isLate = true;
    this.#answer(delivery, why);
    this.#tell(why);
    if (this.#sweeping) return;
    this.#sweeping = true;
    setImmediate(() => this.#sweep());
  }

  /** Lets go of what waits and is late; once for all that is late at the same time. */
  #sweep(): void {
    this.#sweeping = false;
    const given: { key: Buffer; value: Buffer; delivery: Delivery }[] = [];
    for (const [{ key, value }, delivery] of this.#waiting) if (delivery.isLate) given.push({ key, value, delivery });
    this.#waiting = this.#waiting.filter(([, { isLate }]) => !isLate);
    for (const [partition, list] of this.#byPartition) {
      const left = list.filter(({ delivery }) => !delivery.isLate);
      for (const each of list) if (each.delivery.isLate) given.push(each);
      if (left.length === 0) this.#byPartition.delete(partition);
      else this.#byPartition.set(partition, left);
    }
    const [first] = given;
    if (first !== undefined) this.#settle(given, first.delivery.failure);
  }

  #tell({ message }: Error): void {
    this.stats.lastError = message;
    this.#options.onTrouble?.(message);
  }

  /** Whoever waits for the records is told, once; they are held all the same. */
  #answer(delivery: Delivery, failure: Error): void {
    if (delivery.failure !== undefined) return;
    delivery.failure = failure;
    clearTimeout(delivery.timer);
    delivery.over(failure);
  }

  #settle(records: readonly { key: Buffer; value: Buffer; delivery: Delivery }[], failure: Error | undefined): void {
    const { stats } = this;
    for (const record of records) {
      const { delivery, key, value } = record;
      stats.heldBytes -= sizeOf(record);
      delivery.left--;
      const why = failure ?? (delivery.isLate ? delivery.failure : undefined);
      if (why === undefined) {
        stats.writtenRecords++;
        stats.writtenBytes += key.length + value.length;
      } else {
        stats.failedRecords++;
        this.#answer(delivery, why);
      }
      if (delivery.left > 0 || delivery.failure !== undefined) continue;
      clearTimeout(delivery.timer);
      delivery.over(undefined);
    }
  }
}

const sizeOf = ({ key, value }: { key: Buffer; value: Buffer }): number => key.length + value.length + recordBytes;
