import { EventEmitter } from 'node:events';
import { Readable } from 'node:stream';
import { requestBytes } from './spans.ts';

interface Asked {
  readonly offsets: readonly { readonly partition: number; readonly offset: bigint }[];
}

/** A stream as the library has it, into which a story brings what comes. */
export class HandStream extends Readable {
  /** From where it is to read, by partition. */
  readonly from: ReadonlyMap<number, bigint>;
  readonly offsetsToFetch = new Map<string, bigint>();
  readonly offsetsCommitted = new Map<string, bigint>();

  constructor({ offsets }: Asked) {
    super({ objectMode: true, highWaterMark: 64, read: () => {} });
    this.from = new Map(offsets.map(({ partition, offset }) => [partition, offset]));
    for (const [partition, offset] of this.from) this.offsetsToFetch.set(`t:${partition}`, offset);
  }

  /** What was to be fetched is not in the log: the library goes on where that begins. */
  goTo(partition: number, offset: number): void {
    for (const offsets of [this.offsetsToFetch, this.offsetsCommitted]) offsets.set(`t:${partition}`, BigInt(offset));
    this.emit('offsets');
  }

  bring(partition: number, ...offsets: number[]): void {
    for (const offset of offsets)
      this.push({ partition, offset: BigInt(offset), value: Buffer.from(requestBytes({ trace: `${offset}` })) });
  }
}

/** A consumer of the topic `t` as the library has it, whose broker does what the story says. */
export class HandConsumer extends EventEmitter {
  readonly topics = { track: () => true };
  assignments: { topic: string | undefined; partitions: number[] }[] | null = [{ topic: 't', partitions: [0] }];
  readonly streams: HandStream[] = [];
  readonly commits: bigint[] = [];
  refusal: Error | undefined;
  isClosed = false;
  isMetadataKept = true;
  /** What is committed, and where the topic ends, by partition. */
  committed: bigint[] = [0n, 0n, 0n];
  ends: bigint[] = [0n, 0n, 0n];
  /** Those that ask what is committed, while it is not said: they are told by their answer. */
  asking: PromiseWithResolvers<bigint[]>[] | undefined;
  closing: Promise<void> = Promise.resolve();
  readonly #joining: Promise<void>;

  constructor(joining = Promise.resolve()) {
    super();
    this.#joining = joining;
  }

  /** The one that is read now. */
  get stream(): HandStream {
    return this.streams.at(-1)!;
  }

  async consume(asked: Asked): Promise<HandStream> {
    await this.#joining;
    this.streams.push(new HandStream(asked));
    return this.stream;
  }

  commit({ offsets }: { offsets: { offset: bigint }[] }): Promise<void> {
    if (this.refusal !== undefined) return Promise.reject(this.refusal);
    this.commits.push(...offsets.map(({ offset }) => offset));
    return Promise.resolve();
  }

  listOffsets = (): Promise<Map<string, bigint[]>> => Promise.resolve(new Map([['t', this.ends]]));

  async listCommittedOffsets(): Promise<Map<string, bigint[]>> {
    this.asking?.push(Promise.withResolvers());
    return new Map([['t', await (this.asking?.at(-1)?.promise ?? this.committed)]]);
  }

  clearMetadata(): void {
    this.isMetadataKept = false;
  }

  /** What a heartbeat's answer says. */
  assign(...partitions: number[]): void {
    this.assignments = [{ topic: 't', partitions }];
    this.emit('consumer:heartbeat:end');
  }

  close(): Promise<void> {
    this.isClosed = true;
    return this.closing;
  }

  bring(...offsets: number[]): void {
    this.stream.bring(0, ...offsets);
  }
}
