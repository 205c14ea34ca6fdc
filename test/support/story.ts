import { expect } from 'vitest';
import { compileRules } from '../../src/decide/compile.ts';
import { Enricher, type EnrichOptions } from '../../src/enrich/enrich.ts';
import { Refusal } from '../../src/errors.ts';
import type { ExportRequest } from '../../src/model/export-request.ts';
import type { Receipt } from '../../src/model/intake.ts';
import type { Protocol } from '../../src/model/outcome.ts';
import type { RulesDocument } from '../../src/model/rules.ts';
import type { PolicySet } from '../../src/model/verdict.ts';
import { Pipeline } from '../../src/pipeline.ts';
import type { ShardOptions } from '../../src/shard/shard.ts';
import { decodeRequest, type SpanObject, spansIn } from './otlp.ts';
import { requestBytes, type Told, traceIdHex } from './spans.ts';

/** Nothing is kept but what a story asks for. */
export const noRules: RulesDocument = {
  baseline_percent: null,
  latency_threshold_ms: null,
  error_status_codes: null,
  routes: null,
  debug: false,
  late: { rescue: false },
  policies: [],
  shadow: [],
};

/** The rules as shipped. */
export const seedRules: RulesDocument = {
  ...noRules,
  baseline_percent: { home: 10, staging: 5, production: 1 },
  latency_threshold_ms: 500,
  error_status_codes: ['ERROR'],
  routes: ['/login', '/upload'],
};

export function compiled(rules: Partial<RulesDocument>, environment = 'home'): PolicySet {
  const result = compileRules({ ...noRules, ...rules }, environment, { debug: false });
  if ('problems' in result) throw new Error(JSON.stringify(result.problems));
  return result.policies;
}

export interface Setting {
  rules?: Partial<RulesDocument>;
  environment?: string;
  buffer?: Partial<ShardOptions['buffer']>;
  batch?: Partial<ShardOptions['batch']>;
  enrich?: Partial<EnrichOptions>;
}

/** A pipeline with a clock that is turned by hand and a sink that remembers. The books are checked at every step. */
export class Story {
  now = 1_790_000_000_000;
  readonly pipeline: Pipeline;
  readonly enricher: Enricher;
  readonly requests: ExportRequest[] = [];

  constructor({ rules = seedRules, environment, buffer, batch, enrich }: Setting = {}) {
    this.enricher = new Enricher({ resource: {}, set: {}, redact: [], ...enrich });
    this.pipeline = new Pipeline(
      {
        buffer: {
          decisionWaitMs: 10_000,
          decisionWaitAfterRootMs: 0,
          maxBytes: 64 << 20,
          maxTraceBytes: 5_000_000,
          onFull: 'decide_oldest',
          rememberedDecisions: 100_000,
          ...buffer,
        },
        batch: { maxBytes: 3 << 20, maxSpans: 8192, maxAgeMs: 0, ...batch },
        seed: 1,
      },
      { set: compiled(rules, environment), name: 'r1' },
      this.enricher,
      (request) => this.requests.push(request),
      () => this.now,
    );
  }

  send(...spans: Told[]): Receipt {
    const answer = this.sendBytes(requestBytes(...spans));
    if (answer instanceof Refusal) throw new Error(`refused: ${answer.reason}: ${answer.message}`);
    return answer;
  }

  /** The same, where a refusal is an answer like any other. */
  trySend(...spans: Told[]): Receipt | Refusal {
    return this.sendBytes(requestBytes(...spans));
  }

  sendBytes(bytes: Uint8Array, protocol: Protocol = 'grpc'): Receipt | Refusal {
    const landing = this.pipeline.land(bytes.length);
    if (landing instanceof Refusal) return landing;
    landing.bytes.set(bytes, landing.start);
    const answer = this.pipeline.accept(landing, protocol);
    this.checkBooks();
    return answer;
  }

  /** Time passes, with a tick at its end. */
  after(ms: number): this {
    this.now += ms;
    while (this.pipeline.tick(1000));
    this.checkBooks();
    return this;
  }

  drain(): this {
    while (this.pipeline.drain(1000));
    this.checkBooks();
    return this;
  }

  swap(rules: Partial<RulesDocument>, name = 'r2'): this {
    this.pipeline.swap(compiled(rules), name);
    return this;
  }

  /** Every span that left so far, in order. */
  left(): SpanObject[] {
    return this.requests.flatMap((request) => spansIn(decodeRequest(request.body)));
  }

  /** The spans of one trace that left. */
  leftOf(trace: string): SpanObject[] {
    return this.left().filter((span) => span.traceId === traceIdHex(trace));
  }

  explain(trace: string) {
    return this.pipeline.explain(traceIdHex(trace));
  }

  spans(outcome: string): number {
    return this.#sum(outcome, 'spans');
  }

  traces(outcome: string): number {
    return this.#sum(outcome, 'traces');
  }

  get received(): number {
    const { grpc, http_protobuf, http_json } = this.pipeline.received;
    return grpc.spans + http_protobuf.spans + http_json.spans;
  }

  /** received = kept + dropped + late_kept + late_dropped + invalid + lost + waiting; and what was kept left or waits in the batch. */
  checkBooks(): void {
    const { shard } = this.pipeline;
    const out = shard.ledger.entries().reduce((sum, entry) => sum + entry.spans, 0);
    expect(this.received, 'received = every outcome + waiting').toBe(out + shard.buffer.spans);
    const emitted = this.requests.reduce((sum, request) => sum + request.spans, 0);
    expect(this.spans('kept') + this.spans('late_kept'), 'kept = emitted + in the batch').toBe(
      emitted + shard.batch.spans,
    );
  }

  #sum(outcome: string, what: 'spans' | 'traces'): number {
    const entries = this.pipeline.shard.ledger.entries().filter((entry) => entry.outcome === outcome);
    return entries.reduce((sum, entry) => sum + entry[what], 0);
  }
}
