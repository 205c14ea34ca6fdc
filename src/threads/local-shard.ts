import { randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Credentials } from '../access/credential.ts';
import { PolicyMemory } from '../decide/state.ts';
import { Enricher } from '../enrich/enrich.ts';
import { Pods } from '../enrich/pods.ts';
import { addedTo } from '../enrich/resource.ts';
import type { Brought, KeepState, Way } from '../model/brought-back.ts';
import type { Explanation } from '../model/explanation.ts';
import { type FleetView, sharersIn } from '../model/fleet.ts';
import type { PastCandidates, PastTrace } from '../model/past-trace.ts';
import type { PodChanges } from '../model/pod.ts';
import type { ShardStats } from '../model/shard-stats.ts';
import type { Histogram } from '../model/stats.ts';
import { type Tenant, tenantsOf } from '../model/tenant.ts';
import { hexOf, wordsOf } from '../model/trace-id.ts';
import type { PolicySet } from '../model/verdict.ts';
import { Admission } from '../receive/admission.ts';
import { chunks } from '../receive/chunks.ts';
import type { ServerCredentials } from '../receive/server-credentials.ts';
import type { NeighbourOptions } from '../shard/neighbours.ts';
import type { GatheredTraces, GatherRequest } from '../simulate/gather.ts';
import { allocateBallast } from './ballast.ts';
import type { BringBack } from './bring-back.ts';
import { collectNow, compactHeapAfterBursts } from './compact-heap.ts';
import { compileFor } from './compile-for.ts';
import { amongTenants } from './divide.ts';
import type { FleetPart } from './fleet-part.ts';
import { InTurn } from './in-turn.ts';
import { unpack } from './packer.ts';
import { Receivers } from './receivers.ts';
import { type RefusedAt, sumRefusals } from './refusals.ts';
import { SenderAccess } from './sender-access.ts';
import type { ShardKafka } from './shard-kafka.ts';
import { shardStats } from './shard-stats.ts';
import type {
  Addresses,
  FleetLink,
  FleetShardConfig,
  Protocol,
  RulesRevision,
  ShardConfig,
  ShardEvents,
  Shards,
} from './shards.ts';
import { TenantPipeline } from './tenant-pipeline.ts';
import { Ticker } from './ticker.ts';
import { WindowQuestions } from './window-questions.ts';

/** A trace is being written to a batch that is to be handed over. */
const flushAgainMs = 5;

/** Traces decided at a stretch: less than a millisecond's worth. */
const tracesPerStep = 200;

type Relay = ConstructorParameters<typeof FleetPart>[3]['relay'];

/** Its place among several; by tenant. */
interface Membership {
  readonly neighbours: readonly NeighbourOptions[];
  /** Bytes in flight in all shards, see receive/admission.ts. */
  readonly inflight: SharedArrayBuffer;
  /** What all shards remember, see forward/repeats.ts. */
  readonly repeats: readonly SharedArrayBuffer[];
  /** Has all shards bring a trace back, this one too. */
  readonly bringBack: (traceId: string, tenant: number) => void;
  /** Has another shard judge where a part of a request belongs. */
  readonly relay: Relay;
}

/** The one shard of this thread: receivers, a pipeline for each tenant, and ticker. A gateway of one shard is this alone. */
export class LocalShard implements Shards {
  readonly count = 1;
  readonly tenants: readonly TenantPipeline[];
  readonly enricher: Enricher;
  readonly #pods = new Pods();
  readonly admission: Admission;
  readonly senders: SenderAccess;
  readonly receivers: Receivers;
  /** Where there are other gateways. */
  readonly fleet: FleetPart | undefined;
  /** What policies remember, by tenant. */
  readonly #memories: PolicyMemory[] = [];
  readonly #shards: number;
  readonly #config: ShardConfig;
  readonly #events: ShardEvents;
  readonly #ticker: Ticker;
  readonly #compacting: NodeJS.Timeout;
  /** Segments that are shared memory; an ArrayBuffer's bytes V8 counts itself. */
  readonly ballast: ArrayBuffer | undefined;
  readonly #windows: WindowQuestions;
  /** By tenant. */
  readonly #bringing: readonly BringBack[];
  readonly #deciding: InTurn<TenantPipeline>;
  /** Where the boot file names a topic. */
  kafka: ShardKafka | undefined;
  readonly #self: number;
  readonly #refusals: ReturnType<typeof sumRefusals>;

  /** `Fleet`: where the boot file names other gateways, since it need not be loaded else. */
  constructor(
    config: ShardConfig,
    rules: RulesRevision,
    events: ShardEvents,
    member?: Membership,
    Fleet?: typeof FleetPart,
  ) {
    this.#config = config;
    this.#events = events;
    if (member !== undefined) this.ballast = allocateBallast();
    const enrich = { ...config.enrich, redact: config.redact, pods: this.#pods };
    this.enricher = new Enricher(enrich);
    this.#windows = new WindowQuestions(enrich);
    this.admission = new Admission(config.receive, member?.inflight);
    this.#shards = member?.neighbours[0].shared.lendings.length ?? 1;
    this.tenants = tenantsOf(config.tenants).map((tenant) => this.#openTenant(tenant, rules, member));
    this.#bringing = this.tenants.map(({ pipeline, tenant: { index } }) => {
      const bring = member?.bringBack ?? ((traceId: string) => void this.bringBack(traceId, index));
      pipeline.shard.broughtBack.onBring = (id) => bring(hexOf(id), index);
      return this.#windows.bringBack(pipeline);
    });
    this.#self = member?.neighbours[0].self ?? 0;
    this.fleet = config.fleet && Fleet && this.#joinFleet(Fleet, config.fleet, member);
    const elsewhere = () => this.kafka?.intake;
    const podAt = config.enrich.kubernetes?.byConnection ? (ip: string) => this.#pods.nameOf(ip) : undefined;
    const more = { members: this.fleet?.members, podAt };
    this.senders = new SenderAccess(config, this.#intakes(), this.#shards, elsewhere, more);
    this.#refusals = sumRefusals((sum) => events.refused(sum));
    this.receivers = new Receivers({
      senders: this.senders,
      admission: this.admission,
      maxConnections: config.receive.maxConnections,
      shards: this.#shards,
      tls: config.tls,
      word: () => this.fleet?.shard.word ?? new Uint8Array(0),
      events,
      refused: (refused) => this.#refused(refused),
    });
    this.#deciding = new InTurn(this.tenants);
    const turns = new InTurn(this.tenants);
    this.#ticker = new Ticker(() => {
      const inflight = this.admission.share;
      const { delayMs } = this.#ticker.gaps;
      return turns.serve((tenant) => tenant.tick(tracesPerStep, inflight, delayMs));
    });
    const buffers = this.tenants.map(({ pipeline }) => pipeline.shard.buffer);
    const isIdle = (): boolean => buffers.every(({ segments }) => segments.bytes === 0);
    const returned = (): number =>
      buffers.reduce(
        (sum, { blocks, segments }) => sum + blocks.returnedBytes + segments.forgottenBytes,
        chunks.returnedBytes,
      );
    this.#compacting = compactHeapAfterBursts(returned, isIdle);
  }

  /** Loaded where it is asked for. */
  async #openKafka(): Promise<void> {
    if (this.#config.kafka === undefined) return;
    const { ShardKafka } = await import('./shard-kafka.ts');
    const { delivered, kafka: tell } = this.#events;
    const refused = (it: RefusedAt) => this.#refused(it);
    const place = { self: this.#self, shards: this.#shards, delivered, tell, refused };
    this.kafka = new ShardKafka(this.#config, this.#config.kafka, this.tenants[0].pipeline, place);
  }

  #refused(refused: RefusedAt): void {
    this.#refusals.put(refused.reason, refused);
  }

  #joinFleet(Fleet: typeof FleetPart, config: FleetShardConfig, member: Membership | undefined): FleetPart {
    const self = this.#self;
    const relay = member?.relay ?? (() => Promise.reject(new Error('there is no other shard')));
    const { enrich, tenants } = this.#config;
    const added = addedTo({ ...enrich, pods: enrich.kubernetes && this.#pods });
    const place = { self, shards: this.#shards, relay, added, repeats: member?.repeats ?? [] };
    return new Fleet(config, this.tenants, tenants, place, this.#events);
  }

  /** What is before the pipelines: nothing, where there are no other gateways. */
  #intakes() {
    return this.tenants.map(({ tenant, pipeline }) => ({
      tenant,
      intake: this.fleet?.intakes[tenant.index] ?? pipeline,
    }));
  }

  renewFleet(view: FleetView): void {
    this.fleet?.renew(view);
    for (const memory of this.#memories) memory.members = sharersIn(view);
  }

  renewLink(link: FleetLink): void {
    this.fleet?.renewLink(link);
  }

  #openTenant(tenant: Tenant, rules: RulesRevision, member: Membership | undefined): TenantPipeline {
    const { batch, receive } = this.#config;
    const { maxEnvelopeBytes, maxSpanBytes } = receive;
    const { buffer, window } = amongTenants(this.#config, tenant.index);
    const neighbours = member?.neighbours[tenant.index];
    const options = {
      buffer: { ...buffer, unpack },
      window,
      batch,
      maxEnvelopeBytes,
      maxSpanBytes,
      seed: randomInt(2 ** 31),
      collect: collectNow,
      ...(neighbours && { neighbours }),
      compressAfterMs: buffer.compressAfterMs,
    };
    const named = { set: this.#compile(rules, tenant), name: rules.name };
    return new TenantPipeline(tenant, options, named, this.enricher, {
      emit: (request) => this.#events.emit(request, () => this.reuse(request.body, tenant.index), tenant),
      lost: (reason, spans) => this.#events.lost(reason, spans),
      overload: (stats) => this.#events.overload(0, stats, tenant.name),
      conditionFault: (news) => this.#events.conditionFault(news, tenant.name),
    });
  }

  /** Listens at the addresses given, or at the configured ones. */
  async start(receive = this.#config.receive, listen = this.#config.fleet?.listen): Promise<Addresses> {
    await this.#openKafka();
    this.kafka?.startReading();
    return this.receivers.start(receive, listen);
  }

  /** Others may send, from the next request on. */
  renewSenders(port: Protocol, credentials: Credentials): void {
    this.senders.renew(port, credentials);
  }

  /** Pods that are known from now on, and that are not. */
  knowPods(changes: PodChanges): void {
    this.#pods.change(changes);
  }

  /** Other certificates for connections that come from now on. */
  renewTls(port: Protocol, credentials: ServerCredentials): void {
    this.receivers.renewTls(port, credentials);
  }

  swap(rules: RulesRevision): void {
    for (const { pipeline, tenant } of this.tenants) pipeline.swap(this.#compile(rules, tenant), rules.name);
  }

  async flush(): Promise<void> {
    for (const { pipeline } of this.tenants) while (!pipeline.flush()) await sleep(flushAgainMs);
  }

  async finishReading(): Promise<void> {
    await this.kafka?.finishReading();
  }

  async stopReceiving(deadlineMs: number): Promise<void> {
    this.kafka?.stopReading();
    await this.receivers.stopReceiving(deadlineMs);
    this.#refusals.flush();
    // What was cut but is still being unpacked would come to shards that have decided all they had.
    for (const { pipeline } of this.tenants) pipeline.close();
    await this.kafka?.closeWriting();
  }

  /** Takes part of what waits to its end; the ticker goes on, for other shards may still need this one. */
  decideWaiting(maxBytes: number): boolean {
    return this.#deciding.serve((tenant) => tenant.decideWaiting(tracesPerStep, maxBytes));
  }

  exportQueue(shares: readonly number[]): void {
    for (const { pipeline, tenant } of this.tenants)
      pipeline.shard.overload.surroundings.exportQueue = shares[tenant.index];
  }

  end(): void {
    this.#ticker.stop();
    this.kafka?.end();
    clearInterval(this.#compacting);
    for (const bringing of this.#bringing) bringing.stop();
    for (const tenant of this.tenants) tenant.stop();
  }

  stats(): readonly ShardStats[] {
    return [shardStats(this)];
  }

  explain(traceId: string, tenant: number, parts: readonly Uint8Array[]): Explanation | undefined {
    return this.tenants[tenant].pipeline.explain(traceId, parts);
  }

  async pastTraces(traceIds: readonly string[], tenant: number, over: AbortSignal): Promise<readonly PastTrace[][]> {
    return [await this.#windows.traces(this.tenants[tenant].pipeline.shard, traceIds, over)];
  }

  async gather(asked: GatherRequest, tenant: number, over: AbortSignal): Promise<readonly GatheredTraces[]> {
    const { environment, traceDebug: debug } = this.#config;
    const { pipeline, tenant: of } = this.tenants[tenant];
    return [await this.#windows.gather(pipeline.shard, asked, { environment, debug, tenant: of.name }, over)];
  }

  async pastCandidates(query: string, tenant: number, over: AbortSignal): Promise<readonly PastCandidates[]> {
    return [await this.#windows.candidates(this.tenants[tenant].pipeline.shard, query, over)];
  }

  keep(traceId: string, tenant: number, way: Way, isSure: boolean): KeepState {
    return this.tenants[tenant].pipeline.keep(wordsOf(traceId), way, isSure);
  }

  bringBack(traceId: string, tenant: number): Promise<Brought> {
    return this.#bringing[tenant].bring(traceId);
  }

  notBrought(traceId: string, tenant: number): void {
    this.tenants[tenant].pipeline.shard.broughtBack.notBrought(wordsOf(traceId));
  }

  get turns(): Histogram {
    return this.#ticker.turns;
  }

  slowest(): { shard: number; stalledMs: number } {
    return { shard: 0, stalledMs: this.#ticker.stalledMs() };
  }

  /** The body of an emitted request came back. */
  reuse(body: Uint8Array, tenant: number): void {
    this.tenants[tenant].pipeline.shard.batches.reuse(body);
  }

  #compile(rules: RulesRevision, tenant: Tenant): PolicySet {
    const memory = (this.#memories[tenant.index] ??= new PolicyMemory(this.#shards, randomInt(1, 2 ** 31)));
    return compileFor(this.#config, rules, tenant, memory, rules.numbers?.[tenant.index]);
  }
}
