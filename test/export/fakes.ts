import type { Answer, Client, Encoding, Payload } from '../../src/export/answer.ts';
import type { ExportClock } from '../../src/export/clock.ts';
import type { OtlpExporterConfig } from '../../src/export/options.ts';
import type { ExporterStats, ExportRequest } from '../../src/model/export-request.ts';
import { AnyValue, KeyValue, Request, Resource, ResourceSpans, ScopeSpans, Span } from '../../src/wire/otlp.ts';
import { Reader } from '../../src/wire/reader.ts';
import { Writer } from '../../src/wire/writer.ts';
import { HandClock } from '../support/hand-clock.ts';

/**
 * A clock that stands still until it is turned, with timers; `random` is 0.5, so jitter changes nothing unless a test
 * sets it.
 */
export class ExportHandClock extends HandClock implements ExportClock {
  random = () => 0.5;
  #timers: { at: number; run: () => void }[] = [];

  after(ms: number, run: () => void): () => void {
    const timer = { at: this.monotonic + ms, run };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  get pendingTimers(): number {
    return this.#timers.length;
  }

  /** Lets everything happen that falls due within `ms`, in order. */
  async turn(ms: number): Promise<void> {
    const until = this.monotonic + ms;
    await settle();
    for (let next = this.#next(until); next; next = this.#next(until)) {
      this.#timers = this.#timers.filter((timer) => timer !== next);
      this.pass(next.at - this.monotonic);
      next.run();
      await settle();
    }
    this.pass(until - this.monotonic);
  }

  #next(until: number) {
    return this.#timers.filter((timer) => timer.at <= until).sort((a, b) => a.at - b.at)[0];
  }
}

/** Lets all that is ready to run, run. */
export const settle = () => new Promise<void>((resolve) => setImmediate(resolve));

export const accepted: Answer = { kind: 'accepted', rejectedSpans: 0, message: '' };
export const partial = (rejectedSpans: number): Answer => ({ kind: 'accepted', rejectedSpans, message: 'bad ids' });
export const unavailable = (waitMs = 0): Answer => ({ kind: 'retryable', waitMs, message: 'UNAVAILABLE: try later' });
export const refused: Answer = { kind: 'refused', message: 'INVALID_ARGUMENT: trace ids must be 128 bit' };
export const rejected: Answer = { kind: 'rejected', message: 'UNAUTHENTICATED: who are you' };
export const unreadable: Answer = { kind: 'unreadable', message: 'INTERNAL: Compressed flag set' };
export const tooLarge: Answer = { kind: 'too_large', message: 'RESOURCE_EXHAUSTED: message larger than max' };
export const never = new Promise<Answer>(() => {});

/** A far end that answers what the story tells it to, and remembers what it was sent and when. */
export class FakeClient implements Client {
  readonly sent: { payload: Payload; at: number }[] = [];
  underWay = 0;
  mostUnderWay = 0;
  closed = false;
  readonly #clock: ExportClock;
  readonly #answer: (payload: Payload, attempt: number) => Answer | Promise<Answer>;

  constructor(clock: ExportClock, answer: (payload: Payload, attempt: number) => Answer | Promise<Answer>) {
    this.#clock = clock;
    this.#answer = answer;
  }

  async send(payload: Payload): Promise<Answer> {
    this.sent.push({ payload, at: this.#clock.monotonicMs() });
    this.mostUnderWay = Math.max(this.mostUnderWay, ++this.underWay);
    try {
      return await this.#answer(payload, this.sent.length);
    } finally {
      this.underWay--;
    }
  }

  /** The waits between one attempt and the next. */
  get waits(): number[] {
    return this.sent.slice(1).map(({ at }, i) => at - this.sent[i].at);
  }

  close(): void {
    this.closed = true;
  }
}

type Otlp = OtlpExporterConfig['otlp'] & { readonly compression: Encoding };
type Overrides = Partial<Otlp & OtlpExporterConfig['retry'] & { name: string; maxBytes: number }>;

export function configOf(overrides: Overrides = {}): OtlpExporterConfig & { readonly otlp: Otlp } {
  const of = {
    ...{ name: 'tempo', endpoint: 'http://127.0.0.1:1', protocol: 'grpc', compression: 'none', headers: {} },
    ...{ timeoutMs: 10_000, queueBytes: 1 << 20, initialMs: 1000, maxBytes: 1 << 20, giveUpAfterMs: 300_000 },
    ...overrides,
  } as Required<Overrides>;
  const { name, endpoint, protocol, compression, headers, timeoutMs, maxBytes, initialMs, giveUpAfterMs, tls } = of;
  return {
    name,
    otlp: { endpoint, protocol, compression, headers, timeoutMs, ...(tls && { tls }) },
    queue: { maxBytes },
    retry: { initialMs, maxMs: overrides.maxMs ?? 30_000, giveUpAfterMs },
  };
}

/** One span of the trace and the name given, in one resource and scope; the name fills it up to the size wanted. */
export interface SpanSpec {
  readonly trace: number;
  readonly name: string;
}

/** A request of one resource and one scope. */
export function requestOf(spans: readonly SpanSpec[]): ExportRequest {
  const writer = new Writer();
  const resource = writer.open(Request.resourceSpans);
  const scope = writer.open(ResourceSpans.scopeSpans);
  for (const { trace, name } of spans) writeSpan(writer, trace, name);
  writer.close(scope);
  writer.close(resource);
  return { body: writer.finish(), spans: spans.length, traces: new Set(spans.map(({ trace }) => trace)).size };
}

/** A request of a resource for each service, in order, with spans of these names; each of a trace of its own. */
export function requestOfServices(services: Readonly<Record<string, readonly string[]>>): ExportRequest {
  const writer = new Writer();
  let spans = 0;
  for (const [service, names] of Object.entries(services)) {
    const resourceSpans = writer.open(Request.resourceSpans);
    const resource = writer.open(ResourceSpans.resource);
    const attribute = writer.open(Resource.attributes);
    writer.string(KeyValue.key, 'service.name');
    const value = writer.open(KeyValue.value);
    writer.string(AnyValue.string, service);
    writer.close(value);
    writer.close(attribute);
    writer.close(resource);
    const scope = writer.open(ResourceSpans.scopeSpans);
    for (const name of names) writeSpan(writer, spans++, name);
    writer.close(scope);
    writer.close(resourceSpans);
  }
  return { body: writer.finish(), spans, traces: spans };
}

/** The names of the spans in a request as `requestOf` and its like write it, in order. */
export function namesIn(body: Uint8Array): string[] {
  const names: string[] = [];
  const within = (bytes: Uint8Array, [field, ...deeper]: number[]): void => {
    for (const r = new Reader(bytes); r.next(); ) {
      if (r.field !== field || r.wireType !== 2) r.skip();
      else if (deeper.length === 0) names.push(r.string());
      else within(r.bytes(), deeper);
    }
  };
  within(body, [Request.resourceSpans, ResourceSpans.scopeSpans, ScopeSpans.spans, Span.name]);
  return names;
}

export function writeSpan(writer: Writer, trace: number, name: string): void {
  const span = writer.open(ScopeSpans.spans);
  writer.string(Span.name, name);
  writer.bytes(
    Span.traceId,
    Uint8Array.from({ length: 16 }, (_, i) => (i === 15 ? trace : 1)),
  );
  writer.close(span);
}

/** `count` spans, each of a trace of its own. */
export const spansOf = (count: number): ExportRequest =>
  requestOf(Array.from({ length: count }, (_, i) => ({ trace: i, name: `span ${i}` })));

/** A request of exactly so many bytes that is one span for the books. */
export const bytesOf = (length: number): ExportRequest => ({ body: new Uint8Array(length), spans: 1, traces: 1 });

export const failedIn = (stats: ExporterStats): number =>
  Object.values(stats.failedSpans).reduce((sum, spans) => sum + spans, 0);

/** The exporter's books: everything offered is exported, queued or failed. */
export const sumOf = (stats: ExporterStats): number => stats.exportedSpans + stats.queuedSpans + failedIn(stats);
