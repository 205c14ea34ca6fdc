import { randomInt } from 'node:crypto';
import { systemClock } from '../clock.ts';
import { compileRules } from '../decide/compile.ts';
import { Enricher } from '../enrich/enrich.ts';
import type { Explanation } from '../model/explanation.ts';
import type { ExportRequest } from '../model/export-request.ts';
import type { ShardStats } from '../model/shard-stats.ts';
import type { Histogram } from '../model/stats.ts';
import type { PolicySet } from '../model/verdict.ts';
import { Pipeline } from '../pipeline.ts';
import { type Access, openAccess } from '../receive/access.ts';
import { Admission } from '../receive/admission.ts';
import { CheckedAccess } from '../receive/checked-access.ts';
import { chunks } from '../receive/chunks.ts';
import { ConnectionLimit, type ConnectionStats } from '../receive/connection-limit.ts';
import { createGrpcReceiver } from '../receive/grpc.ts';
import { createHttpReceiver } from '../receive/http.ts';
import { connectionsByOpenFiles } from '../receive/open-files.ts';
import type { Receiver } from '../receive/receiver.ts';
import { ReceiveStats } from '../receive/stats.ts';
import type { NeighbourOptions } from '../shard/neighbours.ts';
import { allocateBallast } from './ballast.ts';
import { collectNow, compactHeapAfterBursts } from './compact-heap.ts';
import { Packer, unpack } from './packer.ts';
import { overloadStats, shardStats } from './shard-stats.ts';
import type { Addresses, RulesRevision, SenderCredentials, ShardConfig, ShardEvents, Shards } from './shards.ts';
import { Ticker } from './ticker.ts';

/** How often one cause of lost spans is told. */
const tellLossesEveryMs = 10_000;

/** How often it is told that a listener is full. */
const tellFullEveryMs = 60_000;

const noConnections = (): ConnectionStats => ({ open: 0, sentAway: 0, refused: 0 });

/** Traces decided at a stretch: less than a millisecond's worth. */
const tracesPerStep = 200;

/** Its place among several. */
interface Membership {
  readonly neighbours: NeighbourOptions;
  /** Bytes in flight in all shards, see receive/admission.ts. */
  readonly inflight: SharedArrayBuffer;
}

/** The one shard of this thread: receivers, pipeline and ticker. A gateway of one shard is this alone. */
export class LocalShard implements Shards {
  readonly count = 1;
  readonly pipeline: Pipeline;
  readonly enricher: Enricher;
  readonly admission: Admission;
  readonly refused = new ReceiveStats();
  readonly connections = { grpc: noConnections(), http: noConnections() };
  readonly #shards: number;
  #toldFullAt = Number.NEGATIVE_INFINITY;
  readonly #config: ShardConfig;
  readonly #events: ShardEvents;
  readonly #ticker: Ticker;
  readonly #compacting: NodeJS.Timeout;
  readonly #packer: Packer | undefined;
  readonly #receivers: Receiver[] = [];
  #senders: SenderCredentials;
  readonly #checked: { grpc?: CheckedAccess; http?: CheckedAccess } = {};
  /** Segments that are shared memory; an ArrayBuffer's bytes V8 counts itself. */
  readonly ballast: ArrayBuffer | undefined;
  #stopping = false;
  #toldRung = 0;
  #toldLosses = 0;
  #toldLossesAt = Number.NEGATIVE_INFINITY;
  /** Kept spans handed to the exporters. */
  emittedSpans = 0;

  constructor(config: ShardConfig, rules: RulesRevision, events: ShardEvents, member?: Membership) {
    this.#config = config;
    this.#senders = config.senders ?? {};
    this.#events = events;
    if (member !== undefined) this.ballast = allocateBallast();
    this.enricher = new Enricher({ ...config.enrich, redact: config.redact });
    this.admission = new Admission(config.receive, member?.inflight);
    const { buffer, batch } = config;
    const { maxEnvelopeBytes, maxSpanBytes } = config.receive;
    const neighbours = member?.neighbours;
    this.#shards = neighbours?.shared.lendings.length ?? 1;
    this.pipeline = new Pipeline(
      {
        buffer: { ...buffer, unpack },
        batch,
        maxEnvelopeBytes,
        maxSpanBytes,
        seed: randomInt(2 ** 31),
        collect: collectNow,
        ...(neighbours && { neighbours }),
      },
      { set: this.#compile(rules), name: rules.name },
      this.enricher,
      (request) => this.#emit(request),
      systemClock,
    );
    this.#ticker = new Ticker(() => {
      this.#lookAtOverload();
      const more = this.pipeline.tick(tracesPerStep);
      this.#tellLosses(systemClock.monotonicMs());
      return more;
    });
    const { segments, blocks } = this.pipeline.shard.buffer;
    const isIdle = (): boolean => segments.bytes === 0;
    const returned = (): number => blocks.returnedBytes + segments.forgottenBytes + chunks.returnedBytes;
    this.#compacting = compactHeapAfterBursts(returned, isIdle);
    if (buffer.compressAfterMs > 0) this.#packer = new Packer(this.pipeline.shard.buffer, buffer.compressAfterMs);
  }

  /** Listens at the addresses given, or at the configured ones. */
  async start({ grpc, http } = this.#config.receive): Promise<Addresses> {
    const limit = (protocol: 'grpc' | 'http') => this.#limitConnections(protocol);
    const ports = {
      admission: this.admission,
      stats: this.refused,
      onError: (error: unknown) => this.#events.fault(error),
    };
    const listen = async (receiver: Receiver) => {
      const address = await receiver.start();
      this.#receivers.push(receiver);
      return address;
    };
    const serving = (): boolean => !this.#stopping;
    return {
      ...(grpc && {
        grpc: await listen(
          createGrpcReceiver({ ...grpc, ...ports, access: this.#access('grpc'), serving, connections: limit('grpc') }),
        ),
      }),
      ...(http && {
        http: await listen(
          createHttpReceiver({ ...http, ...ports, access: this.#access('http'), connections: limit('http') }),
        ),
      }),
    };
  }

  #access(protocol: 'grpc' | 'http'): Access {
    const everybody = openAccess(this.pipeline);
    const credentials = this.#senders[protocol];
    if (credentials === undefined) return everybody;
    const checked = new CheckedAccess(credentials, everybody);
    this.#checked[protocol] = checked;
    return checked;
  }

  /** Others may send, from the next request on. */
  renew(senders: SenderCredentials): void {
    this.#senders = senders;
    for (const protocol of ['grpc', 'http'] as const) {
      const credentials = senders[protocol];
      if (credentials !== undefined) this.#checked[protocol]?.renew(credentials);
    }
  }

  /** This shard's part of what a protocol may have, and of the files that may be open. */
  #limitConnections(protocol: 'grpc' | 'http'): ConnectionLimit {
    const most = Math.min(this.#config.receive.maxConnections, connectionsByOpenFiles() / 2);
    return new ConnectionLimit(Math.ceil(most / this.#shards), this.connections[protocol], () =>
      this.#tellFull(protocol),
    );
  }

  #tellFull(protocol: string): void {
    const now = systemClock.monotonicMs();
    if (now - this.#toldFullAt < tellFullEveryMs) return;
    this.#toldFullAt = now;
    this.#events.full(protocol);
  }

  swap(rules: RulesRevision): void {
    this.pipeline.swap(this.#compile(rules), rules.name);
  }

  async stopReceiving(deadlineMs: number): Promise<void> {
    this.#stopping = true;
    await Promise.all(this.#receivers.map((receiver) => receiver.stopReceiving(deadlineMs)));
    // What was cut but is still being unpacked would come to shards that have decided all they had.
    this.pipeline.close();
  }

  /** Takes part of what waits to its end; the ticker goes on, for other shards may still need this one. */
  decideWaiting(maxBytes: number): boolean {
    const more = this.pipeline.decideWaiting(tracesPerStep, maxBytes);
    if (!more) this.#tellLosses(Number.POSITIVE_INFINITY);
    return more;
  }

  /** How full the queue is of the exporter that is furthest behind, 0 to 1. */
  exportQueue(share: number): void {
    this.pipeline.shard.overload.surroundings.exportQueue = share;
  }

  /** What presses on the shard from outside it; and what it says of its standing, where that has changed. */
  #lookAtOverload(): void {
    const { surroundings, ladder } = this.pipeline.shard.overload;
    surroundings.loopDelayMs = this.#ticker.gaps.delayMs;
    surroundings.inflight = this.admission.share;
    if (ladder.rung === this.#toldRung) return;
    this.#toldRung = ladder.rung;
    this.admission.overload = ladder.rung === 4 ? ladder.cause : '';
    this.#events.overload(0, overloadStats(ladder));
  }

  end(): void {
    this.#ticker.stop();
    clearInterval(this.#compacting);
    this.#packer?.stop();
  }

  stats(): readonly ShardStats[] {
    return [shardStats(this)];
  }

  explain(traceId: string): Explanation | undefined {
    return this.pipeline.explain(traceId);
  }

  get turns(): Histogram {
    return this.#ticker.turns;
  }

  slowest(): { shard: number; stalledMs: number } {
    return { shard: 0, stalledMs: this.#ticker.stalledMs() };
  }

  /** The body of an emitted request came back. */
  reuse(body: Uint8Array): void {
    this.pipeline.shard.batch.reuse(body);
  }

  /** Spans that we could not write, which the operator must hear of. */
  #tellLosses(now: number): void {
    const { emitter } = this.pipeline.shard;
    if (emitter.failed === this.#toldLosses || now - this.#toldLossesAt < tellLossesEveryMs) return;
    this.#toldLosses = emitter.failed;
    this.#toldLossesAt = now;
    for (const [reason, spans] of emitter.takeFailures()) this.#events.lost(reason, spans);
  }

  #emit(request: ExportRequest): void {
    this.emittedSpans += request.spans;
    this.#events.emit(request, () => this.reuse(request.body));
  }

  #compile({ document }: RulesRevision): PolicySet {
    const { environment, traceDebug: debug } = this.#config;
    const result = compileRules(document, environment, { debug });
    if ('problems' in result)
      throw new Error(`rules that were found good do not compile: ${JSON.stringify(result.problems)}`);
    return result.policies;
  }
}
