import { systemClock } from '../clock.ts';
import type { ExportRequest } from '../model/export-request.ts';
import type { FaultNews, OverloadStats } from '../model/stats.ts';
import type { Tenant } from '../model/tenant.ts';
import { Pipeline } from '../pipeline.ts';
import type { NamedRules } from '../shard/revision.ts';
import type { KeptWriter, ShardOptions } from '../shard/shard.ts';
import { Packer } from './packer.ts';
import { overloadStats } from './shard-stats.ts';
import { WindowPacker } from './window-packer.ts';

/** How often one cause of lost spans is told. */
const tellLossesEveryMs = 10_000;

/** What is told of one tenant's pipeline. */
interface TenantEvents {
  emit(request: ExportRequest, tenant: Tenant): void;
  lost(reason: string, spans: number): void;
  overload(stats: OverloadStats, tenant: Tenant): void;
  conditionFault(news: FaultNews, tenant: Tenant): void;
}

/**
 * One tenant's path through one shard, with what is around it: a buffer, a batch, verdicts, a ladder of overload and
 * books that are its own, so that traces of two tenants meet nowhere.
 */
export class TenantPipeline {
  readonly tenant: Tenant;
  readonly pipeline: Pipeline;
  /** Kept spans handed to the exporters. */
  emittedSpans = 0;
  readonly #events: TenantEvents;
  readonly #packer: Packer | undefined;
  readonly #windowPacker: WindowPacker | undefined;
  #toldRung = 0;
  #toldLosses = 0;
  #toldLossesAt = Number.NEGATIVE_INFINITY;

  constructor(
    tenant: Tenant,
    options: ShardOptions & { readonly compressAfterMs: number },
    rules: NamedRules,
    enrich: KeptWriter,
    events: TenantEvents,
  ) {
    this.tenant = tenant;
    this.#events = events;
    this.pipeline = new Pipeline(options, rules, enrich, (request) => this.#emit(request), systemClock);
    this.pipeline.tenant = tenant.name;
    const { compressAfterMs } = options;
    const { buffer, window } = this.pipeline.shard;
    if (compressAfterMs > 0) this.#packer = new Packer(buffer, compressAfterMs);
    if (window !== undefined) this.#windowPacker = new WindowPacker(buffer.segments, window.maxBytes);
  }

  /** A turn, see Pipeline.tick. What presses on the shard from outside: shares of what there is, and milliseconds. */
  tick(limit: number, inflight: number, loopDelayMs: number): boolean {
    const { surroundings } = this.pipeline.shard.overload;
    surroundings.loopDelayMs = loopDelayMs;
    surroundings.inflight = inflight;
    this.#tellOverload();
    const more = this.pipeline.tick(limit);
    this.#tellLosses(systemClock.monotonicMs());
    for (const news of this.pipeline.shard.judge.faultWatch.takeNews()) this.#events.conditionFault(news, this.tenant);
    return more;
  }

  /** Part of what waits comes to its end, see Pipeline. */
  decideWaiting(limit: number, maxBytes: number): boolean {
    const more = this.pipeline.decideWaiting(limit, maxBytes);
    if (!more) this.#tellLosses(Number.POSITIVE_INFINITY);
    return more;
  }

  stop(): void {
    this.#packer?.stop();
    this.#windowPacker?.stop();
  }

  /** What it says of its standing, where that has changed. */
  #tellOverload(): void {
    const { ladder } = this.pipeline.shard.overload;
    if (ladder.rung === this.#toldRung) return;
    this.#toldRung = ladder.rung;
    this.pipeline.overload = ladder.rung === 4 ? ladder.cause : '';
    this.#events.overload(overloadStats(ladder), this.tenant);
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
    const { name } = this.tenant;
    this.emittedSpans += request.spans;
    this.#events.emit(name === '' ? request : { ...request, tenant: name }, this.tenant);
  }
}
