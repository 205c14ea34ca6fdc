import type { Clock } from '../clock.ts';
import { Arriving, type Landing } from './arriving.ts';
import { longestAnswerMs, type TopicConsumer } from './client.ts';
import { complaintOf } from './complaint.ts';
import { LowWaters, type Over } from './low-water.ts';
import { isNoMember, memberOf, type TopicMember } from './member.ts';
import type { KafkaConfig } from './options.ts';
import type { SetAside } from './set-aside.ts';
import { Standstill } from './standstill.ts';

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
  /** Nothing came though there was more: it left the group and came back. */
  standstills: number;
  paused: boolean;
  connected: boolean;
  /** Of what is wrong now; empty where nothing is. */
  lastError: string;
  /** By partition. */
  readonly lag: Record<number, number>;
}

const tryAgainMs = 20;
const reopenMs = 1_000;
const lookEveryMs = 5_000;
const none: ReadonlySet<number> = new Set();
/** What is decided is not delivered for so long: nothing more is read meanwhile. */
const longestDeliveryMs = 10_000;

/**
 * Reads a topic as a member of its group. What orders what, for each partition:
 *
 *   1. a message has landed in a segment before the next one is taken, so segments hold them in the order of offsets;
 *   2. a segment is not in use any more: each of its spans was judged, here or in the shard that owns its trace, and
 *      counted as dropped or written to a batch; then, and only then, `delivered` is asked
 *   3. which has all shards hand over their batches and waits until exporters are done with all of them;
 *   4. what could not be read is where it is set aside;
 *   5. then the offset behind the message is committed.
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
    standstills: 0,
    paused: false,
    connected: false,
    lastError: '',
    lag: {},
  };
  readonly #options: ReaderOptions;
  readonly #offsets = new LowWaters();
  readonly #arriving: Arriving;
  #standstill: Standstill;
  /** Since something was committed. */
  #standstillsInVain = 0;
  #member: TopicMember | undefined;
  /** The partitions of which the rest here is. */
  #own: ReadonlySet<number> = new Set();
  #taking = false;
  #stopped = false;
  #over = false;
  #committing: Promise<void> | undefined;
  #deliveringSince = Number.POSITIVE_INFINITY;
  #lookAt = 0;
  #timer: NodeJS.Timeout | undefined;
  #fail: (error: Error) => void = () => {};

  constructor(options: ReaderOptions) {
    const { config, landing, setAside } = options;
    this.#options = options;
    this.#standstill = this.#newStandstill();
    const took = this.#offsets.took.bind(this.#offsets);
    this.#arriving = new Arriving({ topic: config.topic, landing, setAside, took }, this.stats);
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
    this.#member?.pause();
    this.#arriving.clear();
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
    const { promise: failed, reject } = Promise.withResolvers<never>();
    failed.catch(() => {});
    this.#fail = reject;
    const member = memberOf(open(), config.topic, {
      came: (partition, offset, value, key) => {
        if (this.#member === member) this.#came(partition, offset, value, key);
      },
      rebalanced: () => this.stats.rebalances++,
      heard: () => this.#standstill.heard(),
      moved: (what) => this.#trouble(new Error(what)),
      failed: reject,
    });
    this.#member = member;
    this.#standstill = this.#newStandstill();
    this.stats.paused = false;
    await Promise.race([member.join(), failed]);
    if (this.#stopped) member.pause();
    this.stats.connected = true;
    this.stats.lastError = '';
    await failed;
  }

  async #close(): Promise<void> {
    const member = this.#member;
    this.#member = undefined;
    this.#offsets.clear();
    this.#arriving.clear();
    this.stats.connected = false;
    await member?.close().catch(() => {});
  }

  #came(partition: number, offset: bigint, value: Buffer | null | undefined, key?: Buffer): void {
    if (this.#stopped) return;
    const isEnough = this.#arriving.put(partition, offset, value, key);
    if (!isEnough) this.#takeSoon(0);
    else if (!this.#arriving.take(partition)) {
      this.#pause(true);
      this.#takeSoon(tryAgainMs);
    }
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
    for (const partition of this.#arriving.partitions) if (!this.#arriving.take(partition)) break;
    const waits = !this.#arriving.isEmpty;
    this.#pause(waits || this.#isPressed);
    if (waits) this.#takeSoon(tryAgainMs);
  }

  /** Partitions that are others' by now are theirs to commit. */
  #forgetOthers(): void {
    const own = this.#member?.partitions;
    if (own === undefined || own === this.#own) return;
    this.#own = own;
    for (const partition of [...this.#offsets.partitions, ...this.#arriving.partitions]) {
      if (own.has(partition)) continue;
      this.#offsets.forget(partition);
      this.#arriving.forget(partition);
    }
  }

  /** What is decided does not get away, or there is too much to do: the topic can wait, and loses nothing by it. */
  get #isPressed(): boolean {
    if (this.#options.landing.isPressed || this.#options.setAside.isBehind) return true;
    return this.#options.clock.monotonicMs() - this.#deliveringSince > longestDeliveryMs;
  }

  #pause(isPaused: boolean): void {
    if (this.#stopped) return;
    if (isPaused) this.#member?.pause();
    else if (this.stats.paused) this.#member?.resume();
    this.stats.paused = isPaused;
  }

  async #tick(): Promise<void> {
    this.#pause(!this.#arriving.isEmpty || this.#isPressed);
    this.#committing ??= this.#commit().finally(() => {
      this.#committing = undefined;
    });
    const now = this.#options.clock.monotonicMs();
    if (now - this.#lookAt < lookEveryMs) return;
    this.#lookAt = now;
    this.#lookForStandstill();
    await this.#measureLag().catch((error) => this.#trouble(error));
  }

  #newStandstill(): Standstill {
    return new Standstill(lookEveryMs, longestAnswerMs(this.#options.config.timeoutMs));
  }

  #lookForStandstill(): void {
    const member = this.#member;
    if (member === undefined || this.#stopped) return;
    const partitions = this.stats.paused ? none : member.partitions;
    const why = this.#standstill.look(partitions, member.position, this.#standstillsInVain);
    if (why === undefined) return;
    this.stats.standstills++;
    this.#standstillsInVain++;
    this.#fail(new Error(why));
  }

  async #commit(): Promise<void> {
    const { landing, delivered, setAside, clock } = this.#options;
    const member = this.#member;
    if (member === undefined) return;
    this.#forgetOthers();
    landing.seal();
    const over = this.#offsets.over(landing.lowestInUse);
    if (over.length === 0) return;
    this.#deliveringSince = clock.monotonicMs();
    const [isDelivered, isAside] = await Promise.all([delivered(), setAside.settled()]);
    this.#deliveringSince = Number.POSITIVE_INFINITY;
    if (this.#member !== member) return;
    if (isDelivered) {
      // It is over as before the next time.
      if (isAside) await this.#write(member, over);
      return;
    }
    this.stats.rewinds++;
    if (!this.#stopped)
      this.#fail(new Error('what was decided could not be delivered: reading again from what is committed'));
  }

  async #write(member: TopicMember, over: readonly Over[]): Promise<void> {
    this.#forgetOthers();
    const own = this.#offsets.still(over);
    if (own.length === 0) return;
    const offsets = new Map(own.map(({ partition, water }) => [partition, water.ready]));
    try {
      await member.commit(offsets);
      this.stats.commits++;
      this.#standstillsInVain = 0;
      this.stats.lastError = '';
      for (const { partition, water } of own) water.committed = offsets.get(partition)!;
    } catch (error) {
      this.stats.failedCommits++;
      if (isNoMember(error as Error) && !this.#stopped) this.#fail(error as Error);
      else this.#trouble(error as Error);
    }
  }

  async #measureLag(): Promise<void> {
    const standstill = this.#standstill;
    const own = this.#member?.partitions ?? none;
    if (this.stats.connected) this.#forgetLag(own);
    const partitions = [...own];
    if (this.#member === undefined || partitions.length === 0) return standstill.answered();
    const ends = await this.#member.ends(partitions).catch((error: Error) => {
      standstill.answered();
      throw error;
    });
    standstill.answered(ends);
    for (const partition of this.#offsets.partitions) {
      const [end, committed] = [ends[partition], this.#offsets.committed(partition)];
      if (end !== undefined && committed !== undefined)
        this.stats.lag[partition] = Math.max(0, Number(end - committed));
    }
  }

  /** Of partitions that are others' by now. */
  #forgetLag(own: ReadonlySet<number>): void {
    const { lag } = this.stats;
    for (const partition of Object.keys(lag).map(Number)) if (!own.has(partition)) delete lag[partition];
  }

  #trouble(error: Error): void {
    if (this.#over) return;
    this.stats.lastError = complaintOf(error);
    this.#options.onTrouble(this.stats.lastError);
  }
}
