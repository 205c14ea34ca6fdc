import type { Clock } from '../clock.ts';
import { Refusal, refusals } from '../errors.ts';
import type { Message, Receipt } from '../model/intake.ts';
import { isNoMember, onLeftOut, type TopicConsumer, type TopicStream } from './client.ts';
import { complaintOf } from './complaint.ts';
import { LowWater } from './low-water.ts';
import type { KafkaConfig } from './options.ts';
import type { SetAside } from './set-aside.ts';
import { isWhole, joined } from './whole-record.ts';

/** Where messages land that are read: a shard's buffer. */
interface Landing {
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

interface ReaderOptions {
  readonly config: KafkaConfig;
  /** A member of the group, that does not read yet. */
  readonly open: () => TopicConsumer;
  readonly landing: Landing;
  readonly setAside: SetAside;
  /**
   * Resolves when all that was decided by now, in any shard, has left: true when it was delivered or refused for good,
   * false when some of it failed for a passing reason.
   */
  readonly delivered: () => Promise<boolean>;
  readonly onTrouble: (what: string) => void;
  readonly clock: Clock;
}

interface ReaderStats {
  messages: number;
  bytes: number;
  commits: number;
  failedCommits: number;
  poison: number;
  rebalances: number;
  /** Partitions went back to what is committed, since something had not been delivered. */
  rewinds: number;
  paused: boolean;
  connected: boolean;
  /** Of what is wrong now; empty where nothing is. */
  lastError: string;
  /** By partition. */
  readonly lag: Record<number, number>;
}

interface Pending {
  readonly values: Buffer[];
  /** Of each value. */
  readonly offsets: bigint[];
  /** The last that came. */
  offset: bigint;
  bytes: number;
}

/** So many bytes of one partition are taken in together. */
const bytesTogether = 256 * 1024;
const tryAgainMs = 20;
const reopenMs = 1_000;
const lagEveryMs = 5_000;
/** What is decided is not delivered for so long: nothing more is read meanwhile. */
const longestDeliveryMs = 10_000;

/**
 * Reads a topic as a member of its group. What orders what, for each partition:
 *
 *   1. a message has landed in a segment before the next one is taken, so segments hold them in the order of offsets;
 *   2. a segment is not in use any more: each of its spans was judged, here or in the shard that owns its trace, and
 *      counted as dropped or written to a batch; then, and only then, `delivered` is asked
 *   3. which has all shards hand over their batches and waits until exporters are done with all of them;
 *   4. then the offset behind the message is committed.
 *
 * So whoever takes a partition over reads again whatever was not delivered. What was, but is not committed yet, leaves
 * twice: with the same verdict where it is by the trace's randomness.
 */
export class TopicReader {
  readonly stats: ReaderStats = {
    messages: 0,
    bytes: 0,
    commits: 0,
    failedCommits: 0,
    poison: 0,
    rebalances: 0,
    rewinds: 0,
    paused: false,
    connected: false,
    lastError: '',
    lag: {},
  };
  readonly #options: ReaderOptions;
  readonly #partitions = new Map<number, LowWater>();
  readonly #pending = new Map<number, Pending>();
  #consumer: TopicConsumer | undefined;
  #stream: TopicStream | undefined;
  #assignments: unknown;
  #taking = false;
  #stopped = false;
  #over = false;
  #committing: Promise<void> | undefined;
  #deliveringSince = Number.POSITIVE_INFINITY;
  #lagAt = 0;
  #timer: NodeJS.Timeout | undefined;
  #fail: (error: Error) => void = () => {};

  constructor(options: ReaderOptions) {
    this.#options = options;
  }

  /** Reads until `stop`; what goes wrong is told, and tried again. */
  start(): void {
    const { commitIntervalMs } = this.#options.config;
    this.#timer = setInterval(() => void this.#tick(), commitIntervalMs);
    void this.#run();
  }

  /** Takes nothing more; stays in the group, so that what was taken can be committed. */
  stop(): void {
    this.#stopped = true;
    this.#stream?.pause();
    this.#pending.clear();
  }

  /** Commits what is over, and leaves the group. */
  async finish(): Promise<void> {
    this.stop();
    clearInterval(this.#timer);
    await this.#committing;
    await this.#commit();
    this.#over = true;
    await this.#close();
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      try {
        await this.#readOn();
      } catch (error) {
        if (this.#stopped) return;
        this.#trouble(error as Error);
        await this.#close();
        await new Promise((resolve) => setTimeout(resolve, reopenMs));
      }
    }
  }

  async #readOn(): Promise<void> {
    const { config, open } = this.#options;
    const consumer = open();
    this.#consumer = consumer;
    const failed = new Promise<never>((_, reject) => {
      this.#fail = reject;
    });
    failed.catch(() => {});
    consumer.on('error' as never, ((error: Error) => this.#fail(error)) as never);
    consumer.on('consumer:group:rebalance', () => this.stats.rebalances++);
    // Whoever stood still for longer than a session: others have its partitions.
    onLeftOut(consumer, (error) => this.#fail(error));
    const consumed = consumer.consume({
      topics: [config.topic],
      mode: 'committed',
      fallbackMode: 'earliest',
      highWaterMark: 64,
    });
    const stream = await Promise.race([consumed, failed]);
    this.#stream = stream;
    stream.on('error', (error) => this.#fail(error));
    stream.on('data', ({ partition, offset, value }) => this.#came(partition, offset, value));
    this.stats.paused = false;
    if (this.#stopped) stream.pause();
    this.stats.connected = true;
    this.stats.lastError = '';
    await failed;
  }

  async #close(): Promise<void> {
    const consumer = this.#consumer;
    this.#consumer = undefined;
    this.#stream = undefined;
    this.#assignments = undefined;
    this.#partitions.clear();
    this.#pending.clear();
    this.stats.connected = false;
    await consumer?.close(true).catch(() => {});
  }

  #came(partition: number, offset: bigint, value: Buffer | null | undefined): void {
    if (this.#stopped) return;
    let pending = this.#pending.get(partition);
    if (pending === undefined) this.#pending.set(partition, (pending = { values: [], offsets: [], offset, bytes: 0 }));
    this.stats.messages++;
    this.stats.bytes += value?.length ?? 0;
    // Two records that are no requests could be one together.
    if (value && !isWhole(value)) this.#poison(partition, offset, value, 'not an ExportTraceServiceRequest');
    else if (value) {
      pending.values.push(value);
      pending.offsets.push(offset);
      pending.bytes += value.length;
    }
    pending.offset = offset;
    if (pending.bytes < bytesTogether) this.#takeSoon(0);
    else if (!this.#take(partition, pending)) this.#takeSoon(tryAgainMs);
  }

  #takeSoon(waitMs: number): void {
    if (this.#taking) return;
    this.#taking = true;
    const take = (): void => {
      this.#taking = false;
      this.#takeAll();
    };
    if (waitMs === 0) setImmediate(take);
    else setTimeout(take, waitMs);
  }

  #takeAll(): void {
    if (this.#stopped) return;
    this.#forgetOthers();
    for (const [partition, pending] of this.#pending) if (!this.#take(partition, pending)) break;
    const waits = this.#pending.size > 0;
    this.#pause(waits || this.#isPressed);
    if (waits) this.#takeSoon(tryAgainMs);
  }

  /** False where there is no room now. */
  #take(partition: number, pending: Pending): boolean {
    const { landing } = this.#options;
    const { values, offset } = pending;
    const landed = values.length > 0;
    if (landed) {
      const answer = landing.take(joined(values));
      if (answer instanceof Refusal) {
        if (refusals[answer.reason].retryable) {
          this.#pause(true);
          return false;
        }
        if (!this.#takeEach(partition, pending, answer)) return false;
      }
    }
    this.#pending.delete(partition);
    this.#lowWater(partition, offset).took(offset, landed ? landing.lastSequence : -1);
    return true;
  }

  /** One of them is at fault: it is set aside, and the others come in. */
  #takeEach(partition: number, pending: Pending, { message }: Refusal): boolean {
    const { landing } = this.#options;
    const { values, offsets } = pending;
    while (values.length > 0) {
      const answer = landing.take(joined(values.slice(0, 1)));
      if (answer instanceof Refusal) {
        if (refusals[answer.reason].retryable) {
          this.#pause(true);
          return false;
        }
        this.#poison(partition, offsets[0], values[0], answer.message || message);
      }
      values.shift();
      offsets.shift();
    }
    return true;
  }

  #poison(partition: number, offset: bigint, value: Buffer, why: string): void {
    this.stats.poison++;
    const { setAside, config } = this.#options;
    setAside.put({ topic: config.topic, partition, offset, value, why });
  }

  #lowWater(partition: number, offset: bigint): LowWater {
    const known = this.#partitions.get(partition);
    // What came back to this member begins where it was committed.
    if (known !== undefined && offset >= known.next) return known;
    const fresh = new LowWater();
    this.#partitions.set(partition, fresh);
    return fresh;
  }

  /** Partitions that are others' by now are theirs to commit. */
  #forgetOthers(): void {
    const assignments = this.#consumer?.assignments;
    if (assignments === this.#assignments) return;
    this.#assignments = assignments;
    const own = new Set(assignments?.flatMap(({ partitions }) => partitions));
    for (const partition of this.#partitions.keys()) if (!own.has(partition)) this.#forget(partition);
    for (const partition of this.#pending.keys()) if (!own.has(partition)) this.#forget(partition);
  }

  #forget(partition: number): void {
    this.#partitions.delete(partition);
    this.#pending.delete(partition);
    delete this.stats.lag[partition];
  }

  /** What is decided does not get away, or there is too much to do: the topic can wait, and loses nothing by it. */
  get #isPressed(): boolean {
    if (this.#options.landing.isPressed) return true;
    return this.#options.clock.monotonicMs() - this.#deliveringSince > longestDeliveryMs;
  }

  #pause(isPaused: boolean): void {
    if (this.#stopped) return;
    // The library goes on reading behind each rebalance, whoever had it pause.
    if (isPaused && this.#stream?.isPaused() === false) this.#stream.pause();
    else if (!isPaused && this.stats.paused) this.#stream?.resume();
    this.stats.paused = isPaused;
  }

  async #tick(): Promise<void> {
    this.#pause(this.#pending.size > 0 || this.#isPressed);
    this.#committing ??= this.#commit().finally(() => {
      this.#committing = undefined;
    });
    const now = this.#options.clock.monotonicMs();
    if (now - this.#lagAt < lagEveryMs) return;
    this.#lagAt = now;
    await this.#measureLag().catch((error) => this.#trouble(error));
  }

  async #commit(): Promise<void> {
    const { landing, delivered, clock } = this.#options;
    const consumer = this.#consumer;
    if (consumer === undefined) return;
    this.#forgetOthers();
    landing.seal();
    const lowest = landing.lowestInUse;
    const marks = [...this.#partitions].map(([partition, water]) => ({ partition, water }));
    for (const { water } of marks) water.over(lowest);
    if (!marks.some(({ water }) => water.ready > water.committed)) return;
    this.#deliveringSince = clock.monotonicMs();
    const isDelivered = await delivered();
    this.#deliveringSince = Number.POSITIVE_INFINITY;
    if (this.#consumer !== consumer) return;
    if (!isDelivered) {
      this.stats.rewinds++;
      if (!this.#stopped)
        this.#fail(new Error('what was decided could not be delivered: reading again from what is committed'));
      return;
    }
    await this.#write(consumer, marks);
  }

  async #write(consumer: TopicConsumer, marks: readonly { partition: number; water: LowWater }[]): Promise<void> {
    const { topic } = this.#options.config;
    this.#forgetOthers();
    const own = marks.filter(
      ({ partition, water }) => this.#partitions.get(partition) === water && water.ready > water.committed,
    );
    if (own.length === 0) return;
    const offsets = own.map(({ partition, water }) => ({ topic, partition, offset: water.ready, leaderEpoch: -1 }));
    try {
      await consumer.commit({ offsets });
      this.stats.commits++;
      this.stats.lastError = '';
      own.forEach(({ water }, i) => {
        water.committed = offsets[i].offset;
      });
    } catch (error) {
      this.stats.failedCommits++;
      if (isNoMember(error as Error) && !this.#stopped) this.#fail(error as Error);
      else this.#trouble(error as Error);
    }
  }

  async #measureLag(): Promise<void> {
    const consumer = this.#consumer;
    const { topic } = this.#options.config;
    const partitions = [...this.#partitions.keys()];
    if (consumer === undefined || partitions.length === 0) return;
    const ends = (await consumer.listOffsets({ topics: [topic], partitions: { [topic]: partitions } })).get(topic);
    for (const [partition, { committed, first }] of this.#partitions) {
      const end = ends?.[partition];
      if (end !== undefined)
        this.stats.lag[partition] = Math.max(0, Number(end - (committed < 0n ? first : committed)));
    }
  }

  #trouble(error: Error): void {
    if (this.#over) return;
    this.stats.lastError = complaintOf(error);
    this.#options.onTrouble(this.stats.lastError);
  }
}
