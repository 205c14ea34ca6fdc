import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { expect } from 'vitest';
import { lendingMemory, type SlabNotice } from '../../src/buffer/lending.ts';
import type { WindowOptions } from '../../src/buffer/window.ts';
import { compileRules } from '../../src/decide/compile.ts';
import { PolicyMemory } from '../../src/decide/state.ts';
import { Enricher, type EnrichOptions } from '../../src/enrich/enrich.ts';
import { Refusal } from '../../src/errors.ts';
import type { Brought, KeepState, Way } from '../../src/model/brought-back.ts';
import { type ExportWhen, everyExporter } from '../../src/model/destinations.ts';
import type { ExportRequest } from '../../src/model/export-request.ts';
import type { Message, Receipt } from '../../src/model/intake.ts';
import type { Protocol } from '../../src/model/outcome.ts';
import type { PolicyState } from '../../src/model/predicates.ts';
import type { RulesDocument } from '../../src/model/rules.ts';
import { wordsOf } from '../../src/model/trace-id.ts';
import type { PolicySet } from '../../src/model/verdict.ts';
import { Pipeline } from '../../src/pipeline.ts';
import { messageOf } from '../../src/receive/message.ts';
import { ownerOf } from '../../src/route/route.ts';
import { bringBack } from '../../src/shard/bring-back.ts';
import { shareMemory } from '../../src/shard/neighbours.ts';
import { pastTraces } from '../../src/shard/past-trace.ts';
import type { Shard, ShardOptions } from '../../src/shard/shard.ts';
import { type Pace, WindowReader } from '../../src/shard/window-reader.ts';
import { Channels } from './channels.ts';
import { HandClock } from './hand-clock.ts';
import { Multiset, spanIdentities } from './identity.ts';
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

export function compiled(
  rules: Partial<RulesDocument>,
  environment = 'home',
  state?: PolicyState,
  whens?: readonly (ExportWhen | undefined)[],
): PolicySet {
  const destinations = whens && { whens, tenant: '' };
  const options = { debug: false, ...(state && { state }), ...(destinations && { destinations }) };
  const result = compileRules({ ...noRules, ...rules }, environment, options);
  if ('problems' in result) throw new Error(JSON.stringify(result.problems));
  return result.policies;
}

export interface Setting {
  rules?: Partial<RulesDocument>;
  environment?: string;
  /** The name of the first rules. */
  revision?: string;
  buffer?: Partial<ShardOptions['buffer']>;
  batch?: Partial<ShardOptions['batch']>;
  /** Default: there is none. */
  window?: WindowOptions;
  enrich?: Partial<EnrichOptions>;
  /** `export[].when`, exporter by exporter. */
  whens?: readonly (ExportWhen | undefined)[];
  /** The one of other stories, as the tenants of a shard have one. */
  enricher?: Enricher;
  /** Default: the usual. */
  workPerStep?: number;
  /** Default: the variable SHARDS, so that every story can be told with more than one. */
  shards?: number;
  /** Of each ring between two shards. */
  ringWords?: number;
}

/**
 * A gateway with clocks that are turned by hand and a sink that remembers; requests go to its shards in turn. At every
 * step the books are checked, and that whatever left is a span that came, as itself and once.
 */
export class Story {
  readonly clock = new HandClock();
  readonly shards: readonly Pipeline[];
  readonly enricher: Enricher;
  readonly requests: ExportRequest[] = [];
  /** What shards tell each other; arrives when time passes, or earlier where a story says so. */
  readonly channels = new Channels();
  /** Spans that were accepted and have not left, as themselves; the ones that left without having come. */
  readonly inside = new Multiset();
  readonly foreign: string[] = [];
  /** Bodies that left and are still an exporter's to read, until `giveBack`. */
  readonly lent: { readonly pipeline: Pipeline; readonly body: Uint8Array; readonly copy: Uint8Array }[] = [];
  readonly #whens: Setting['whens'];
  readonly #memory: PolicyMemory;
  readonly #memories: readonly PolicyMemory[];
  #sent = 0;

  constructor({
    rules = seedRules,
    environment,
    revision = 'r1',
    buffer,
    batch,
    window,
    enrich,
    whens,
    enricher = new Enricher({ resource: {}, set: {}, redact: [], ...enrich }),
    workPerStep,
    shards = Number(process.env.SHARDS ?? 1),
    // Rings as large as the gateway's would be 24 MB a story.
    ringWords = 1 << 16,
  }: Setting = {}) {
    this.enricher = enricher;
    this.#whens = whens;
    const shared = shards > 1 ? shareMemory(shards, lendingMemory, ringWords) : undefined;
    const options = {
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
      ...(window && { window }),
      maxEnvelopeBytes: 256 << 10,
      maxSpanBytes: 4 << 20,
      ...(workPerStep !== undefined && { workPerStep }),
      seed: 1,
    } satisfies ShardOptions;
    this.#memory = new PolicyMemory(shards, 1);
    this.#memories = Array.from({ length: shards }, () => new PolicyMemory(shards, 2));
    const sets = this.#compile(rules, environment);
    const tell = (notice: SlabNotice, to: number): void =>
      this.channels.send(`${notice.lender} to ${to}`, () => this.shards[to].shard.neighbours?.learn(notice));
    this.shards = Array.from(
      { length: shards },
      (_, self) =>
        new Pipeline(
          { ...options, ...(shared && { neighbours: { self, shared, tell } }) },
          { set: sets[self], name: revision },
          this.enricher,
          (request) => this.#leave(request, self),
          this.clock,
        ),
    );
    for (const { shard } of this.shards) shard.broughtBack.onBring = (id) => this.bring(id);
  }

  send(...spans: Told[]): Receipt {
    const answer = this.trySend(...spans);
    if (answer instanceof Refusal) throw new Error(`refused: ${answer.reason}: ${answer.message}`);
    return answer;
  }

  /** The same, where a refusal is an answer like any other. */
  trySend(...spans: Told[]): Receipt | Refusal {
    return this.sendBytes(requestBytes(...spans));
  }

  /** The shard that the next request goes to. */
  get next(): Pipeline {
    return this.shards[this.#sent++ % this.shards.length];
  }

  sendBytes(bytes: Uint8Array, protocol: Protocol = 'grpc'): Receipt | Refusal {
    const answer = this.offer(this.next, bytes, protocol);
    // What was handed over is taken over in the next turn of the event loop, before time passes.
    if (this.shards.length > 1) this.after(0);
    return answer;
  }

  /** A request comes to one shard, and no other has a turn. `message`: the bytes, where they do not lie in one piece. */
  offer(
    pipeline: Pipeline,
    bytes: Uint8Array,
    protocol: Protocol = 'grpc',
    message = messageOf([bytes]),
  ): Receipt | Refusal {
    const answer = this.#accept(pipeline, bytes, protocol, message);
    this.checkBooks();
    return answer;
  }

  /** Some of its spans may leave at once, so they are inside from the start; all or none are taken. */
  #accept(pipeline: Pipeline, bytes: Uint8Array, protocol: Protocol, message: Message): Receipt | Refusal {
    const identities = identitiesOf(bytes);
    for (const identity of identities) this.inside.add(identity);
    const answer = pipeline.accept(message, protocol);
    if (answer instanceof Refusal) for (const identity of identities) this.inside.take(identity);
    return answer;
  }

  #leave(request: ExportRequest, shard: number): void {
    const copy = request.body.slice();
    this.requests.push({ ...request, body: copy });
    this.lent.push({ pipeline: this.shards[shard], body: request.body, copy });
    const identities = spanIdentities(request.body);
    expect(identities.length, 'spans in the request').toBe(request.spans);
    for (const identity of identities) if (!this.inside.take(identity)) this.foreign.push(identity);
  }

  /** Time passes, with a tick at its end. */
  after(ms: number): this {
    this.clock.pass(ms);
    do while (this.shards.map((pipeline) => pipeline.tick(1000)).includes(true));
    while (this.channels.deliverAll());
    this.checkBooks();
    return this;
  }

  /** What waits for the compressor is compressed; how many segments. */
  packPast(): number {
    let packed = 0;
    for (const { shard } of this.shards) {
      const { segments } = shard.buffer;
      for (let found = segments.nextRetired(); found !== undefined; found = segments.nextRetired(), packed++)
        segments.pastIs(found.number, zstdCompressSync(found.bytes));
    }
    return packed;
  }

  /** Brings a trace back from every shard that has some of it; they hear of it when their channel says so. */
  bring(id: Int32Array): void {
    for (const [i, pipeline] of this.shards.entries())
      this.channels.send(`main to ${i}`, () => this.bringing.push(this.#bringFrom(pipeline, id)));
  }

  /** Walks under way; `pace` of the walks, that of `past` where nothing else is said. */
  readonly bringing: Promise<readonly Brought[]>[] = [];
  /** What there is no room for at once is not brought. */
  givesUp = false;
  pace: Pace = neverOver;

  #bringFrom(pipeline: Pipeline, id: Int32Array): Promise<readonly Brought[]> {
    const { shard } = pipeline;
    const { conditions } = shard.revisions.current.set;
    const land = async (body: Uint8Array, spans: number): Promise<boolean> => {
      while (!pipeline.bringIn(messageOf([body]), spans)) {
        if (this.givesUp) return false;
        await new Promise((resolve) => setImmediate(resolve));
      }
      this.checkBooks();
      return true;
    };
    return bringBack(readerOf(shard), [id], { conditions, pace: this.pace, land });
  }

  /** All that is to be brought has been. */
  async brought(): Promise<this> {
    await this.broughtAll();
    return this;
  }

  /** The same, with what came of each. */
  async broughtAll(): Promise<readonly (readonly Brought[])[]> {
    const all: (readonly Brought[])[] = [];
    do {
      this.after(0);
      all.push(...(await Promise.all(this.bringing.splice(0))));
      this.after(0);
    } while (this.bringing.length > 0 || this.channels.busy.length > 0);
    return all;
  }

  /** Somebody wants a trace that was dropped. */
  keep(trace: string, way: Way = 'id', isSure = false): KeepState {
    const id = wordsOf(traceIdHex(trace));
    const state = this.shards[ownerOf(id[3]!, this.shards.length)]!.keep(id, way, isSure);
    if (state === 'brought') this.bring(id);
    return state;
  }

  /** What the shards still have of a trace, whatever became of it, span by span as itself. */
  async past(trace: string, pace: Pace = neverOver): Promise<string[]> {
    const words = wordsOf(traceIdHex(trace));
    const each = await Promise.all(
      this.shards.map(({ shard }) =>
        pastTraces(readerOf(shard), [words], {
          conditions: shard.revisions.current.set.conditions,
          write: this.enricher,
          pace,
        }),
      ),
    );
    return each.flat().flatMap(({ parts }) => parts.flatMap((part) => spanIdentities(part)));
  }

  /** One shard has a turn of its own. */
  turn(pipeline: Pipeline): void {
    pipeline.tick(1000);
    this.checkBooks();
  }

  /** Exporters are done with a body, which nobody has written to so far. */
  giveBack(nth: number): void {
    const [{ pipeline, body, copy }] = this.lent.splice(nth, 1);
    expect(Buffer.compare(body, copy), 'a body that was lent has changed').toBe(0);
    pipeline.shard.batches.reuse(body);
  }

  drain(): this {
    do
      while (
        this.shards.map((pipeline) => pipeline.decideWaiting(1000)).includes(true) &&
        this.channels.busy.length === 0
      );
    while (this.channels.deliverAll());
    this.checkBooks();
    return this;
  }

  swap(rules: Partial<RulesDocument>, name = 'r2'): this {
    const sets = this.#compile(rules);
    this.shards.forEach((pipeline, i) => {
      pipeline.swap(sets[i], name);
    });
    return this;
  }

  /** For each shard; what policies remember is common to all. */
  #compile(rules: Partial<RulesDocument>, environment?: string): PolicySet[] {
    this.#memory.renew((state) => compiled(rules, environment, state, this.#whens));
    const { numbers } = this.#memory;
    return this.#memories.map((memory) =>
      memory.renew((state) => compiled(rules, environment, state, this.#whens), numbers),
    );
  }

  /** Every span that left so far, in order. */
  left(): SpanObject[] {
    return this.requests.flatMap((request) => spansIn(decodeRequest(request.body)));
  }

  /** Of those, the ones that left for an exporter, by its place. */
  leftFor(exporter: number): SpanObject[] {
    const own = this.requests.filter(({ exporters = everyExporter }) => (exporters & (1 << exporter)) !== 0);
    return own.flatMap((request) => spansIn(decodeRequest(request.body)));
  }

  /** The spans of one trace that left. */
  leftOf(trace: string): SpanObject[] {
    return this.left().filter((span) => span.traceId === traceIdHex(trace));
  }

  explain(trace: string) {
    return this.shards.map((pipeline) => pipeline.explain(traceIdHex(trace))).find((it) => it !== undefined);
  }

  spans(outcome: string): number {
    return this.#sum(outcome, 'spans');
  }

  traces(outcome: string): number {
    return this.#sum(outcome, 'traces');
  }

  get received(): number {
    return this.#total(({ received }) => Object.values(received).reduce((sum, { spans }) => sum + spans, 0));
  }

  /** Waiting spans, those between two shards included. */
  get waiting(): number {
    return this.#total(
      ({ shard: { buffer, neighbours } }) =>
        buffer.spans + (neighbours ? neighbours.handedOver - neighbours.takenOver : 0),
    );
  }

  /** Waiting traces, bytes held for what waits, remembered and forgotten verdicts. */
  get waitingTraces(): number {
    return this.#total(({ shard }) => shard.buffer.traces.size);
  }
  get bufferBytes(): number {
    return this.#total(({ shard }) => Object.values(shard.buffer.memory).reduce((sum, bytes) => sum + bytes, 0));
  }
  get decided(): { size: number; evicted: number } {
    return {
      size: this.#total(({ shard }) => shard.decisions.size),
      evicted: this.#total(({ shard }) => shard.decisions.evicted),
    };
  }

  /**
   * received = kept + dropped + late_kept + late_dropped + invalid + lost + waiting; and what was kept left or waits in
   * the batch.
   */
  checkBooks(): void {
    const out = this.#total(({ shard }) => shard.ledger.entries().reduce((sum, entry) => sum + entry.spans, 0));
    expect(this.received, 'received = every outcome + waiting').toBe(out + this.waiting);
    expect(this.foreign, 'spans that left, and had not come or had left before').toEqual([]);
    const emitted = this.requests.reduce((sum, request) => sum + request.spans, 0);
    const batched = this.#total(({ shard }) => shard.batches.spans);
    expect(this.spans('kept') + this.spans('late_kept'), 'kept = emitted + in the batch').toBe(emitted + batched);
  }

  #total(count: (pipeline: Pipeline) => number): number {
    return this.shards.reduce((sum, pipeline) => sum + count(pipeline), 0);
  }

  #sum(outcome: string, what: 'spans' | 'traces'): number {
    const entries = this.shards
      .flatMap(({ shard }) => shard.ledger.entries())
      .filter((entry) => entry.outcome === outcome);
    return entries.reduce((sum, entry) => sum + entry[what], 0);
  }
}

const neverOver: Pace = { isOver: false, next: async () => {} };

export const readerOf = (shard: Shard): WindowReader =>
  new WindowReader(shard, async (packed) => zstdDecompressSync(packed));

/** What is malformed is refused whole: nothing of it may leave. */
function identitiesOf(bytes: Uint8Array): string[] {
  try {
    return spanIdentities(bytes, 'leave out');
  } catch {
    return [];
  }
}
