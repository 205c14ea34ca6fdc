import type { MessagesStream } from '@platformatic/kafka';
import type { TopicConsumer } from './client.ts';

type Stream = MessagesStream<Buffer, Buffer, Buffer, Buffer>;
type Came = (partition: number, offset: bigint, value: Buffer | null | undefined, key?: Buffer) => void;

/** Of a partition of which nothing is committed: it is read from the earliest record on. */
export const earliest = -1n;

const unread: ReadonlyMap<number, bigint> = new Map();

/**
 * Reads partitions from positions that it is given, and knows how far it is.
 *
 * The library would have one stream over all assignments, and set its positions anew behind each: where it cannot ask
 * for them it says nothing and never reads again (MessagesStream's kRefreshOffsetsAndFetch), partitions that were kept
 * go back to what is committed, and an answer from before the change may be taken for one from behind it
 * (platformatic/kafka issues 223 and 267, pull request 368). So each assignment has a stream of its own, with a
 * connection of its own, that nothing of an earlier one can get into, and that fails aloud.
 */
export class Fetching {
  readonly #consumer: TopicConsumer;
  readonly #topic: string;
  readonly #came: Came;
  readonly #failed: (error: Error) => void;
  readonly #moved: (what: string) => void;
  /** Of each partition that is read: the next offset to come. */
  #positions = new Map<number, bigint>();
  /** Those that ended before their position, and where that was: what lies below it is to come. */
  readonly #wentBack = new Map<number, bigint>();
  /** Those that it was opened for. */
  #assignments: TopicConsumer['assignments'] = null;
  #stream: Stream | undefined;
  /** While streams are being asked for; never fails. */
  #opening: Promise<void> = Promise.resolve();
  /** How many streams were asked for: an earlier one that opens later is none. */
  #opened = 0;
  #isPaused = false;
  #isClosed = false;

  constructor(
    consumer: TopicConsumer,
    topic: string,
    { came, failed, moved }: { came: Came; failed: (error: Error) => void; moved: (what: string) => void },
  ) {
    this.#consumer = consumer;
    this.#topic = topic;
    this.#came = came;
    this.#failed = failed;
    this.#moved = moved;
    // With the last stream of a topic the library would unsubscribe.
    consumer.topics.track(topic);
  }

  has(partition: number): boolean {
    return this.#positions.has(partition);
  }

  /**
   * Fetches nothing until it is opened again, and of others nothing is taken from now on, though answers to earlier
   * fetches are still on their way: a commit behind those would pass over what the reader lets go of with the partition,
   * and nobody would read that.
   */
  keepOnly(partitions: ReadonlySet<number>): void {
    for (const partition of this.#positions.keys()) if (!partitions.has(partition)) this.#positions.delete(partition);
    this.#assignments = this.#consumer.assignments;
    this.#end();
  }

  /** Reads these as well, from these offsets on; the others go on where they are. */
  async open(from = unread): Promise<void> {
    if (this.#isClosed) return;
    this.#end();
    const mine = this.#opened;
    for (const [partition, offset] of from) this.#positions.set(partition, offset);
    const opening = this.#consumer.consume({
      topics: [this.#topic],
      mode: 'manual',
      // Of others the library asks for the earliest.
      offsets: [...this.#positions]
        .filter(([, offset]) => offset !== earliest)
        .map(([partition, offset]) => ({ topic: this.#topic, partition, offset })),
      fallbackMode: 'earliest',
      highWaterMark: 64,
    });
    // What it resolves to would be every stream that there was.
    this.#opening = Promise.allSettled([this.#opening, opening]).then(() => {});
    const stream = await opening;
    stream.on('error', (error) => {
      if (this.#stream === stream) this.#failed(error);
    });
    if (mine !== this.#opened) stream.destroy();
    else this.#read(stream);
  }

  #end(): void {
    this.#opened++;
    this.#stream?.destroy();
    this.#stream = undefined;
    this.#wentBack.clear();
  }

  #read(stream: Stream): void {
    this.#stream = stream;
    // One that nobody listens to fetches nothing.
    if (this.#positions.size === 0) return;
    if (this.#isPaused) stream.pause();
    stream.on('offsets', () => this.#stream === stream && this.#lookForMoves(stream));
    stream.on('data', ({ partition, offset, value, key }) => {
      const position = this.#stream === stream ? this.#positions.get(partition) : undefined;
      if (position === undefined) return;
      // What was fetched before comes first, and lies above it.
      if (offset < (this.#wentBack.get(partition) ?? 0n)) this.#wentBack.delete(partition);
      else if (offset < position) return;
      this.#positions.set(partition, offset + 1n);
      this.#came(partition, offset, value, key);
    });
  }

  /**
   * Where a position is not in the log (its records were deleted unread, or it was cut, or made anew) the library goes on
   * at the log's start, sets what it counts as committed to the same, and says only that there are other offsets. It does
   * so of each partition, too, when there are other assignments: those begin anew as soon as they are seen.
   */
  #lookForMoves({ offsetsToFetch, offsetsCommitted }: Stream): void {
    if (this.#consumer.assignments !== this.#assignments) return;
    for (const [partition, position] of this.#positions) {
      const key = `${this.#topic}:${partition}`;
      const start = offsetsToFetch.get(key);
      if (position === earliest || start === undefined || start === position) continue;
      if (start !== offsetsCommitted.get(key)) continue;
      if (start < position) {
        this.#wentBack.set(partition, position);
        this.#positions.set(partition, start);
      }
      const why = start < position ? `ends before offset ${position}` : `has lost what lay from offset ${position} on`;
      this.#moved(`partition ${partition} ${why}: it is read from offset ${start} on, where it begins`);
    }
  }

  // The library goes on reading behind each rebalance, whoever had it pause.
  pause(): void {
    this.#isPaused = true;
    if (this.#stream?.isPaused() === false) this.#stream.pause();
  }

  resume(): void {
    this.#isPaused = false;
    if (this.#positions.size > 0) this.#stream?.resume();
  }

  /** Below it all has come; undefined where nobody knows yet. Markers of transactions, which come to nobody, count. */
  position(partition: number): bigint | undefined {
    const came = this.#positions.get(partition);
    const fetched = this.#stream?.offsetsToFetch.get(`${this.#topic}:${partition}`);
    if (came === undefined) return undefined;
    if (fetched !== undefined && fetched > came && this.#stream?.readableLength === 0) return fetched;
    return came === earliest ? undefined : came;
  }

  /** Resolves when no stream is being asked for any more: a consumer that is closed meanwhile ends the process. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#end();
    await this.#opening;
  }
}
