import { randomInt } from 'node:crypto';
import { createServer, type Server } from 'node:net';
import { Worker } from 'node:worker_threads';
import type { Credentials } from '../access/credential.ts';
import { lendingMemory } from '../buffer/lending.ts';
import { systemClock } from '../clock.ts';
import { PolicyMemory } from '../decide/state.ts';
import { Refusal } from '../errors.ts';
import { Repeats } from '../forward/repeats.ts';
import type { Brought, KeepState, Way } from '../model/brought-back.ts';
import type { Explanation } from '../model/explanation.ts';
import { type FleetView, sharersIn } from '../model/fleet.ts';
import type { PastCandidates, PastTrace } from '../model/past-trace.ts';
import type { PodChanges } from '../model/pod.ts';
import type { ShardStats } from '../model/shard-stats.ts';
import { type Tenant, tenantsOf } from '../model/tenant.ts';
import { listen } from '../receive/listen.ts';
import type { Endpoint } from '../receive/receiver.ts';
import type { ServerCredentials } from '../receive/server-credentials.ts';
import { ownerOf } from '../route/route.ts';
import { ringWordsFor, shareMemory } from '../shard/neighbours.ts';
import type { GatheredTraces, GatherRequest } from '../simulate/gather.ts';
import { compactHeapAfterBursts } from './compact-heap.ts';
import { compileFor } from './compile-for.ts';
import { amongShards } from './divide.ts';
import type { FromThread, Question, ThreadData, ToThread } from './messages.ts';
import { Questions } from './questions.ts';
import { packed, type RelayAnswer } from './relay-answer.ts';
import type { Addresses, FleetLink, Protocol, RulesRevision, ShardConfig, ShardEvents, Shards } from './shards.ts';

/** Beside this file, as it is run: TypeScript in a checkout, JavaScript in the image. */
const threadFile = new URL(
  import.meta.url.endsWith('.ts') ? './shard-thread.ts' : './shard-thread.js',
  import.meta.url,
);
/** V8 gives a worker a smaller young generation than the flags say; three semi-spaces of 32 MiB. */
const maxYoungGenerationSizeMb = 96;

/** Loading its modules, a shard has no turns yet. */
const loadWithinMs = 50_000;

/**
 * Several shards, each in a thread of its own with its own listeners on the shared ports. Limits are divided, or shared
 * memory.
 */
export class ShardThreads implements Shards {
  readonly count: number;
  readonly #config: ShardConfig;
  readonly #events: ShardEvents;
  readonly #workers: Worker[];
  readonly #questions: Questions[];
  readonly #turns: Int32Array;
  readonly #tenants: readonly Tenant[];
  /** What policies remember, by tenant. */
  readonly #memories: readonly PolicyMemory[];
  /** Of shared memory that passed through this thread on its way from shard to shard. */
  #returnedBytes = 0;
  // What this thread does can wait for a collection, and what it has not collected, none of them gives back.
  readonly #compacting = compactHeapAfterBursts(
    () => this.#returnedBytes,
    () => true,
  );
  readonly #dead = new Set<number>();
  #ending = false;
  #renewing: Promise<void> = Promise.resolve();

  constructor(shards: number, config: ShardConfig, rules: RulesRevision, events: ShardEvents) {
    this.count = shards;
    this.#config = amongShards(config, shards);
    this.#events = events;
    const turns = new SharedArrayBuffer(shards * 4);
    this.#turns = new Int32Array(turns).fill((systemClock.monotonicMs() + loadWithinMs) | 0);
    const tenants = tenantsOf(config.tenants);
    this.#tenants = tenants;
    this.#memories = tenants.map(() => new PolicyMemory(shards, randomInt(1, 2 ** 31)));
    const common = {
      config: this.#config,
      rules: this.#withNumbers(rules),
      shared: tenants.map(() => shareMemory(shards, lendingMemory, ringWordsFor(shards, tenants.length))),
      inflight: new SharedArrayBuffer(4),
      repeats: config.fleet ? Repeats.memories(tenants.length) : [],
      turns,
    };
    this.#workers = Array.from({ length: shards }, (_, self) => this.#startThread({ ...common, self }));
    this.#questions = this.#workers.map(
      (worker, shard) =>
        new Questions(
          shard,
          (id, question) => post(worker, { type: 'question', id, question }),
          (id) => post(worker, { type: 'abandon', id }),
        ),
    );
  }

  /** The first shard binds the addresses, which settles ports left open; the others join it there. */
  async start(): Promise<Addresses> {
    const { receive } = this.#config;
    await this.#mustBeFree(receive, this.#config.fleet?.listen);
    const shared = (endpoint: Endpoint) => ({ ...endpoint, reusePort: true });
    const at = (bound: Addresses): ShardConfig['receive'] => ({
      ...receive,
      ...(receive.grpc && { grpc: { ...receive.grpc, endpoint: shared(bound.grpc ?? receive.grpc.endpoint) } }),
      ...(receive.http && { http: { ...receive.http, endpoint: shared(bound.http ?? receive.http.endpoint) } }),
    });
    const listen = this.#config.fleet?.listen;
    const bound = await this.#questions[0].ask<Addresses>({
      ask: 'start',
      config: at({}),
      listen: listen && shared(listen),
    });
    const others = at(bound);
    // grpc-js cannot share a port: then the first shard receives for all, and hands over.
    if (others.grpc?.server === 'grpc-js') delete (others as { grpc?: unknown }).grpc;
    const start = { ask: 'start', config: others, listen: bound.cluster && shared(bound.cluster) } as const;
    await Promise.all(this.#questions.slice(1).map((shard) => shard.ask(start)));
    return bound;
  }

  swap(rules: RulesRevision): void {
    this.#tellAll({ type: 'swap', rules: this.#withNumbers(rules) });
  }

  /** Policies that go on have the numbers that they had; what is new gets its own, and what is gone lets go. */
  #withNumbers(rules: RulesRevision): RulesRevision {
    const numbers = this.#tenants.map((tenant, i) => {
      compileFor(this.#config, rules, tenant, this.#memories[i]);
      return this.#memories[i].numbers;
    });
    return { ...rules, numbers };
  }

  renewSenders(port: Protocol, credentials: Credentials): void {
    this.#tellAll({ type: 'renewSenders', port, credentials });
  }

  renewTls(port: Protocol, credentials: ServerCredentials): void {
    this.#tellAll({ type: 'renewTls', port, credentials });
  }

  knowPods(changes: PodChanges): void {
    this.#tellAll({ type: 'knowPods', changes });
  }

  /** In two steps, the second when all shards have done the first; views come one after the other. */
  renewFleet(view: FleetView): Promise<void> {
    this.#renewing = this.#renewing.then(async () => {
      if (this.#ending) return;
      await this.#askAll({ ask: 'prepareFleet', view }).catch(() => {});
      for (const memory of this.#memories) memory.members = sharersIn(view);
      this.#tellAll({ type: 'renewFleet', view });
    });
    return this.#renewing;
  }

  renewLink(link: FleetLink): void {
    this.#tellAll({ type: 'renewLink', link });
  }

  exportQueue(shares: readonly number[]): void {
    this.#tellAll({ type: 'exportQueue', shares });
  }

  stats(): Promise<readonly ShardStats[]> {
    return Promise.all(this.#questions.map((shard) => shard.stats()));
  }

  async explain(traceId: string, tenant: number, parts: readonly Uint8Array[]): Promise<Explanation | undefined> {
    return this.#ownerOf(traceId).askInTime({ ask: 'explain', traceId, tenant, parts });
  }

  pastTraces(traceIds: readonly string[], tenant: number, over: AbortSignal): Promise<PastTrace[][]> {
    return this.#askAllUnlessOver({ ask: 'pastTraces', traceIds, tenant }, over);
  }

  gather(asked: GatherRequest, tenant: number, over: AbortSignal): Promise<GatheredTraces[]> {
    return this.#askAllUnlessOver({ ask: 'gather', asked, tenant }, over);
  }

  pastCandidates(query: string, tenant: number, over: AbortSignal): Promise<PastCandidates[]> {
    return this.#askAllUnlessOver({ ask: 'pastCandidates', query, tenant }, over);
  }

  keep(traceId: string, tenant: number, way: Way, isSure: boolean): Promise<KeepState> {
    return this.#ownerOf(traceId).askInTime({ ask: 'keep', traceId, tenant, way, isSure });
  }

  async bringBack(traceId: string, tenant: number): Promise<Brought> {
    const all = await this.#askAll<Brought>({ ask: 'bringBack', traceId, tenant });
    return { spans: all.reduce((sum, { spans }) => sum + spans, 0), isWhole: all.every(({ isWhole }) => isWhole) };
  }

  async notBrought(traceId: string, tenant: number): Promise<void> {
    await this.#ownerOf(traceId).ask({ ask: 'notBrought', traceId, tenant });
  }

  #ownerOf(traceId: string): Questions {
    return this.#questions[ownerOf(Number.parseInt(traceId.slice(-8), 16) | 0, this.count)];
  }

  async stopReceiving(deadlineMs: number): Promise<void> {
    await this.#askAll({ ask: 'stopReceiving', deadlineMs });
  }

  async flush(): Promise<void> {
    await this.#askAll({ ask: 'flush' });
  }

  async finishReading(): Promise<void> {
    // No question more, at the end, for shards that read nothing.
    if (this.#config.kafka !== undefined) await this.#askAll({ ask: 'finishReading' });
  }

  async decideWaiting(maxBytes: number): Promise<boolean> {
    const more = await this.#askAll<boolean>({ ask: 'decideWaiting', maxBytes: maxBytes / this.count });
    return more.includes(true);
  }

  async end(): Promise<void> {
    this.#ending = true;
    clearInterval(this.#compacting);
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
  }

  slowest(): { shard: number; stalledMs: number } {
    const now = systemClock.monotonicMs();
    const stalled = Array.from(this.#turns, (_, shard) => (now - Atomics.load(this.#turns, shard)) | 0);
    const stalledMs = Math.max(...stalled);
    return { shard: stalled.indexOf(stalledMs), stalledMs };
  }

  /** What a thread that has been ended is told goes nowhere. */
  #tellAll(message: ToThread): void {
    if (!this.#ending) for (const worker of this.#workers) post(worker, message);
  }

  #askAll<T>(question: Question): Promise<T[]> {
    return Promise.all(this.#questions.map((shard) => shard.ask<T>(question)));
  }

  #askAllUnlessOver<T>(question: Question, over: AbortSignal): Promise<T[]> {
    return Promise.all(this.#questions.map((shard) => shard.askUnlessOver<T>(question, over)));
  }

  #startThread(workerData: ThreadData): Worker {
    const worker = new Worker(threadFile, { workerData, resourceLimits: { maxYoungGenerationSizeMb } });
    worker.on('message', (message: FromThread) => this.#receive(workerData.self, message));
    const { self } = workerData;
    worker.on('error', (error) => this.#died(self, error));
    worker.on('exit', (code) => this.#died(self, new Error(`the thread of shard ${self} ended with code ${code}`)));
    return worker;
  }

  /**
   * A shard that dies takes acknowledged spans with it, and others hold its memory: the process must end and be started
   * anew.
   */
  #died(shard: number, error: unknown): void {
    if (this.#ending || this.#dead.has(shard)) return;
    this.#dead.add(shard);
    this.#events.died(shard, error);
    this.#questions[shard].fail(new Error(`shard ${shard} died: ${(error as Error)?.message ?? error}`));
  }

  #receive(from: number, message: FromThread): void {
    switch (message.type) {
      case 'emit':
        this.#events.emit(message.request, () => this.#giveBack(from, message), message.tenant);
        return;
      case 'fault':
        this.#events.fault(new Error(message.message));
        return;
      case 'slab':
        if (message.notice.memory === undefined)
          this.#returnedBytes += message.notice.numbers.length * message.notice.capacity;
        post(this.#workers[message.to], { type: 'slab', notice: message.notice, tenant: message.tenant });
        return;
      case 'bringBack':
        this.#tellAll(message);
        return;
      case 'relay':
        void this.#relay(from, message);
        return;
      case 'heard':
        this.#events.heard(message.word);
        return;
      case 'unreachable':
        this.#events.unreachable(message.name);
        return;
      case 'lost':
        this.#events.lost(message.reason, message.spans);
        return;
      case 'delivered':
        void this.#tellDelivered(from, message.id);
        return;
      case 'kafka':
        this.#events.kafka(...message.told);
        return;
      case 'full':
        this.#events.full(message.protocol);
        return;
      case 'conditionFault':
        this.#events.conditionFault(...message.told);
        return;
      case 'refused':
        this.#events.refused(message.sum);
        return;
      case 'overload':
        this.#events.overload(from, message.stats, message.tenant);
        return;
      default:
        this.#questions[from].answered(message);
    }
  }

  async #tellDelivered(shard: number, id: number): Promise<void> {
    const isDelivered = await this.#events.delivered(shard).catch(() => false);
    if (!this.#ending) post(this.#workers[shard], { type: 'delivered', id, isDelivered });
  }

  async #relay(from: number, { id, to, relayed }: Extract<FromThread, { type: 'relay' }>): Promise<void> {
    const answer = await this.#questions[to]
      .ask<RelayAnswer>({ ask: 'relay', relayed })
      .catch(() => packed(new Refusal('internal', `shard ${to} is gone`)));
    if (!this.#ending) post(this.#workers[from], { type: 'relayed', id, answer });
  }

  /** To the shard that wrote it. */
  #giveBack(shard: number, { request: { body }, tenant }: Extract<FromThread, { type: 'emit' }>): void {
    const message: ToThread = { type: 'reuse', body, tenant: tenant.index };
    if (!this.#ending) this.#workers[shard].postMessage(message, [body.buffer as ArrayBuffer]);
  }

  /**
   * Sockets that share a port also share it with a gateway that runs already, and with this one's other protocol. Ones
   * that do not share, open at the same time, find it taken.
   */
  async #mustBeFree({ grpc, http }: ShardConfig['receive'], listening: Endpoint | undefined): Promise<void> {
    const servers: Server[] = [];
    try {
      for (const [where, endpoint] of [
        ['receive.grpc', grpc?.endpoint],
        ['receive.http', http?.endpoint],
        ['cluster.listen', listening],
      ] as const) {
        if (endpoint === undefined || endpoint.port === 0) continue;
        const server = createServer();
        await listen(server, where, endpoint);
        servers.push(server);
      }
    } finally {
      for (const server of servers) await new Promise((resolve) => server.close(resolve));
    }
  }
}

const post = (worker: Worker, message: ToThread): void => worker.postMessage(message);
