import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { Explanation } from '../../src/model/explanation.ts';
import { makeHome, sinkExporter } from '../support/boot-file.ts';
import {
  byTrace,
  type Capture,
  captureNames,
  capturesMissing,
  type PlacedSpan,
  readCapture,
  readJsonRequests,
  type Truth,
} from '../support/captures.ts';
import { eventually, type GatewayProcess, startGatewayProcess } from '../support/gateway.ts';
import { difference } from '../support/identity.ts';
import {
  attribute,
  decodeRequest,
  ExportRequestType,
  type KeyValue,
  type SpanObject,
  spansIn,
} from '../support/otlp.ts';
import { type Sender, senderTo } from '../support/otlp-send.ts';
import { type OtlpSink, startSink } from '../support/otlp-sink.ts';

/**
 * Recorded traces of running systems, sent to a gateway as users start it. What comes out is compared with what an
 * independent decoder reads in the recording, and with verdicts that are worked out here, from the specification's
 * words.
 */
const skip = capturesMissing !== '' && process.env.CI !== 'true';
if (skip) process.stderr.write(`\nSKIPPED: EVERY TEST ON RECORDED TRACES: ${capturesMissing}\n\n`);

interface Outcome {
  readonly gateway: GatewayProcess;
  readonly sink: OtlpSink;
  /** What arrived, by trace id. */
  readonly arrived: ReadonlyMap<string, readonly PlacedSpan[]>;
  stop(): Promise<void>;
}

interface Setting {
  readonly rules?: string;
  readonly boot?: Record<string, unknown>;
  readonly env?: Record<string, string>;
  readonly waitMs?: number;
}

const production = 'baseline_percent: { home: 10, staging: 5, production: 1 }\n';

/** By itself each trace is decided when all of its spans have come, however slowly: sending all takes two seconds or more. */
async function startReplay({ rules = production, boot, env, waitMs = 12_000 }: Setting) {
  const sink = await startSink();
  const home = makeHome(
    { redact: [], buffer: { decision_wait: `${waitMs}ms` }, export: [sinkExporter(sink.url)], ...boot },
    rules,
  );
  const gateway = await startGatewayProcess({ args: home.args, ...(env && { env }) });
  const sender = senderTo(gateway);
  const stop = async (): Promise<void> => {
    sender.close();
    await gateway.kill();
    await sink[Symbol.asyncDispose]();
    home[Symbol.dispose]();
  };
  return { gateway, sink, sender, stop };
}

const underWay = 8;

/** Sends in order, up to eight at once, by every way in turn: gRPC and HTTP, plain and gzip. */
async function send(sender: Sender, messages: readonly Buffer[]): Promise<void> {
  const queue = messages.entries();
  const work = async (): Promise<void> => {
    for (const [i, message] of queue) await sendOne(sender, message, i);
  };
  await Promise.all(Array.from({ length: underWay }, work));
}

function sendOne(sender: Sender, message: Buffer, i: number): Promise<unknown> {
  const encoding = i % 4 >= 2 ? 'gzip' : undefined;
  return i % 2 === 0 ? sender.grpc(message, encoding) : sender.http(message, encoding);
}

type Books = { balanced: boolean; spans: Record<string, number>; exporters: { exported: number; failed: number }[] };
const booksOf = async (gateway: GatewayProcess): Promise<Books> => (await gateway.status()).books as unknown as Books;

/** When nothing waits any more and all that was kept has arrived. */
const settled = (gateway: GatewayProcess): Promise<Books> =>
  eventually(async () => {
    const books = await booksOf(gateway);
    const { kept, late_kept: lateKept, waiting } = books.spans;
    expect([waiting, ...books.exporters.map(({ exported }) => exported)]).toEqual([0, kept + lateKept]);
    return books;
  }, 60_000);

const explain = async (gateway: GatewayProcess, trace: string): Promise<Explanation> =>
  JSON.parse(await gateway.get(`/api/explain/${trace}`));

async function explainAll(gateway: GatewayProcess, traces: Iterable<string>): Promise<Map<string, Explanation>> {
  const found = new Map<string, Explanation>();
  for (const trace of traces) found.set(trace, await explain(gateway, trace));
  return found;
}

/** Replays whole captures, and waits for every decision. */
async function replay(captures: readonly Capture[], setting: Setting): Promise<Outcome> {
  const { gateway, sink, sender, stop } = await startReplay(setting);
  try {
    for (const capture of captures) await send(sender, capture.messages);
    await settled(gateway);
    return { gateway, sink, arrived: byTrace(sink.taken), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

// ------------------------------------------------------------------------------------------ what is expected

/** The least randomness that is kept, as the specification writes it: 1 % to five digits, a quarter to one. */
const onePercent = 'fd70a';
const quarter = 'c';

interface Expected {
  readonly verdict: 'keep' | 'drop';
  readonly policy: string;
  /** The value of `ot=th`. */
  readonly threshold: string;
}

interface Expectation {
  readonly slowMs: number;
  /** Whether a path, without query, is one of the routes. */
  readonly isRoute: (path: string) => boolean;
  readonly baseline: string;
}

const lengthNs = (span: SpanObject): bigint => BigInt(span.endTimeUnixNano ?? 0) - BigInt(span.startTimeUnixNano ?? 0);

function expectedOf(trace: string, spans: readonly PlacedSpan[], truth: Truth, by: Expectation): Expected {
  const always = (policy: string): Expected => ({ verdict: 'keep', policy, threshold: '0' });
  if (truth.errorSpans > 0) return always('errors');
  if (spans.some(({ span }) => lengthNs(span) > BigInt(by.slowMs) * 1_000_000n)) return always('slow');
  if (spans.some(({ span }) => pathsOf(span).some(by.isRoute))) return always('routes');
  const isKept = BigInt(`0x${trace.slice(18)}`) >= BigInt(`0x${by.baseline.padEnd(14, '0')}`);
  if (isKept) return { verdict: 'keep', policy: 'baseline', threshold: by.baseline };
  return { verdict: 'drop', policy: 'none', threshold: '' };
}

/** Every path that a span names by a convention old or new. */
function pathsOf(span: SpanObject): string[] {
  const text = (key: string): string[] => [attribute(span, key)].filter((value) => typeof value === 'string');
  const withoutQuery = (path: string): string => path.replace(/[?#].*$/s, '');
  return [
    ...text('http.route'),
    ...[...text('url.path'), ...text('http.target')].map(withoutQuery),
    ...[...text('url.full'), ...text('http.url')].map((url) => withoutQuery(url.replace(/^[a-z]+:\/\/[^/?#]*/, ''))),
  ];
}

const shipped: Expectation = {
  slowMs: 500,
  isRoute: (path) => path === '/login' || path === '/upload',
  baseline: onePercent,
};

// ------------------------------------------------------------------------------------- what may be different

const isMark = ({ key }: KeyValue): boolean => key.startsWith('tailgate.');

/**
 * A span without what the gateway wrote on it, as text that is equal for equal spans, whatever the order of their keys.
 * A scope that is there and empty is one that is not there (opentelemetry/proto/trace/v1/trace.proto,
 * ScopeSpans.scope); the gateway leaves it out.
 */
function plain({ span, scope, ...place }: PlacedSpan): string {
  const { traceState, attributes, ...rest } = span;
  const own = attributes?.filter((each) => !isMark(each));
  const named = scope !== undefined && canonical(scope) !== '{}' ? { scope } : {};
  return canonical({ ...place, ...named, ...rest, ...(own?.length ? { attributes: own } : {}) });
}

const canonical = (value: unknown): string =>
  JSON.stringify(value, (_, each) =>
    each && typeof each === 'object' && !Array.isArray(each) ? Object.fromEntries(Object.entries(each).sort()) : each,
  );

/** What no redaction touches. */
const idsOf = (spans: readonly PlacedSpan[]): string[] =>
  spans
    .map(({ span: { spanId, parentSpanId, startTimeUnixNano } }) => `${spanId} ${parentSpanId} ${startTimeUnixNano}`)
    .sort();

const multiset = (spans: readonly PlacedSpan[]): string[] => spans.map(plain).sort();

/** The same spans, as often as they are there. Fails with one of those that differ, not with hundreds that do not. */
function expectSameSpans(arrived: readonly PlacedSpan[], sent: readonly PlacedSpan[]): void {
  const { extra, missing } = difference(multiset(arrived), multiset(sent));
  expect([extra.length, extra[0]]).toEqual([missing.length, missing[0]]);
}

/** The trace came out as it went in, but for the weight on every span and the verdict on one. */
function expectUnchanged(arrived: readonly PlacedSpan[], sent: readonly PlacedSpan[], expected: Expected): void {
  expectSameSpans(arrived, sent);
  expect([...new Set(arrived.map(({ span }) => span.traceState))]).toEqual([`ot=th:${expected.threshold}`]);
  const marked = arrived.filter(({ span }) => span.attributes?.some(isMark));
  expect(marked.map(({ span }) => attribute(span, 'tailgate.policy'))).toEqual([expected.policy]);
}

// --------------------------------------------------------------------------------------------------- stories

describe.skipIf(skip)('recorded traces', () => {
  let captures: Capture[];
  let all: Map<string, readonly PlacedSpan[]>;
  let truths: Map<string, Truth>;

  beforeAll(() => {
    if (capturesMissing) throw new Error(capturesMissing);
    captures = captureNames.map(readCapture);
    all = new Map(captures.flatMap(({ traces }) => [...traces]));
    truths = new Map(captures.flatMap(({ truth }) => [...truth]));
  });

  const spansOf = (trace: string): readonly PlacedSpan[] => all.get(trace)!;
  const tracesWhere = (is: (truth: Truth, spans: readonly PlacedSpan[]) => boolean): string[] =>
    [...truths.values()].filter((truth) => is(truth, spansOf(truth.trace))).map(({ trace }) => trace);

  it('are decoded by the tests as the program that recorded them says', () => {
    expect(all.size).toBe(776);
    for (const { traces, truth } of captures) {
      expect(traces.size).toBe(truth.size);
      for (const [trace, spans] of traces) {
        const { spans: count, errorSpans, root } = truth.get(trace)!;
        const errors = spans.filter(({ span }) => span.status?.code === 2).length;
        expect([spans.length, errors]).toEqual([count, errorSpans]);
        expect(spans.some(({ span }) => !span.parentSpanId)).toBe(root !== null);
      }
    }
  });

  describe('with TRACE_DEBUG=1', () => {
    let outcome: Outcome;
    let explained: Map<string, Explanation>;
    const everything: Expected = { verdict: 'keep', policy: 'debug', threshold: '0' };

    beforeAll(async () => {
      outcome = await replay(captures, { env: { TRACE_DEBUG: '1', TAILGATE_SHARDS: '2' } });
      explained = await explainAll(outcome.gateway, all.keys());
    });
    afterAll(() => outcome?.stop());

    const expectWhole = (traces: readonly string[]): void => {
      for (const trace of traces) expectUnchanged(outcome.arrived.get(trace) ?? [], spansOf(trace), everything);
    };

    it('arrive whole, every span once and unchanged', () => {
      expect(outcome.arrived.size).toBe(all.size);
      expectWhole([...all.keys()]);
    });

    it('are waited for to the last span, and the books say so', async () => {
      const { balanced, spans } = await booksOf(outcome.gateway);
      expect(balanced).toBe(true);
      expect(spans).toMatchObject({ received: 13_527, kept: 13_527, late_kept: 0, invalid: 0, lost: 0 });
    });

    it('are explained with the recorded number of spans, and with whether a root was there', () => {
      for (const [trace, { spans, root }] of truths)
        expect(explained.get(trace)).toMatchObject({
          verdict: 'keep',
          policy: 'debug',
          adjustedCount: 1,
          trigger: 'wait',
          spans,
          complete: root !== null,
        });
    });

    it('have their mark on the root, or, in traces without roots, on a span whose parent is not there', () => {
      const rootless = tracesWhere(({ root }) => root === null);
      expect(rootless).toHaveLength(312);
      for (const [trace, spans] of outcome.arrived) {
        const [{ span }] = spans.filter((each) => each.span.attributes?.some(isMark));
        const ids = new Set(spans.map((each) => each.span.spanId));
        const incomplete = truths.get(trace)!.root === null;
        expect(attribute(span, 'tailgate.incomplete')).toBe(incomplete ? true : undefined);
        expect(incomplete ? ids.has(span.parentSpanId ?? '') : !span.parentSpanId).toBe(!incomplete);
      }
    });

    it('keep spans that share a span id', () => {
      const twins = tracesWhere(({ spans, distinctSpanIds }) => distinctSpanIds < spans);
      expect(twins).toHaveLength(3);
      expectWhole(twins);
    });

    it('keep spans of no length', () => {
      const instant = tracesWhere((_, spans) => spans.some(({ span }) => lengthNs(span) === 0n));
      expect(instant.length).toBeGreaterThan(100);
      expectWhole(instant);
    });

    it('keep traces that took minutes whole', () => {
      const long = tracesWhere(({ durationMs }) => durationMs > 200_000);
      expect(long.length).toBeGreaterThan(2);
      expectWhole(long);
    });

    it('keep names that are not ASCII', () => {
      const named = tracesWhere((_, spans) => spans.some(({ span }) => /[^ -~]/.test(span.name ?? '')));
      expect(named).toHaveLength(22);
      expectWhole(named);
    });
  });

  describe('with the production rules', () => {
    let outcome: Outcome;
    let explained: Map<string, Explanation>;
    beforeAll(async () => {
      outcome = await replay(captures, { boot: { environment: 'production' }, env: { TAILGATE_SHARDS: '1' } });
      explained = await explainAll(outcome.gateway, all.keys());
    });
    afterAll(() => outcome?.stop());

    it('are kept for an error, for a slow span, or by their id, as worked out from the recording', () => {
      const policies = new Map<string, number>();
      for (const [trace, spans] of all) {
        const truth = truths.get(trace)!;
        const expected = expectedOf(trace, spans, truth, shipped);
        policies.set(expected.policy, (policies.get(expected.policy) ?? 0) + 1);
        expect(explained.get(trace)).toMatchObject({ ...expected, spans: truth.spans, trigger: 'wait' });
        if (expected.verdict === 'keep') expectUnchanged(outcome.arrived.get(trace) ?? [], spans, expected);
        else expect(outcome.arrived.has(trace)).toBe(false);
      }
      expect([...policies.keys()].sort()).toEqual(['baseline', 'errors', 'none', 'slow']);
      expect(policies.get('errors')).toBe(75);
    });

    it('balance in the books', async () => {
      const { balanced, spans } = await booksOf(outcome.gateway);
      expect(balanced).toBe(true);
      expect(spans.received).toBe(13_527);
      expect(spans.kept).toBe(outcome.sink.spans().length);
      expect(spans.kept + spans.dropped).toBe(13_527);
    });
  });

  it('are kept for their routes by every convention, and a quarter of the others by their id', async () => {
    const routes = ['/dispatch', '/api/cart', '/repositories/*', '/location/update/v4', '/deliver'];
    const rules = JSON.stringify({ baseline_percent: 25, latency_threshold_ms: 1000, routes });
    const { gateway, arrived, stop } = await replay(captures, { rules, env: { TAILGATE_SHARDS: '3' } });
    onTestFinished(stop);
    const by: Expectation = {
      slowMs: 1000,
      isRoute: (path) => routes.includes(path) || path.startsWith('/repositories/'),
      baseline: quarter,
    };
    let byRoute = 0;
    for (const [trace, spans] of all) {
      const expected = expectedOf(trace, spans, truths.get(trace)!, by);
      if (expected.policy === 'routes') byRoute++;
      if (expected.verdict === 'keep') expectUnchanged(arrived.get(trace) ?? [], spans, expected);
      else expect(arrived.has(trace)).toBe(false);
    }
    expect(byRoute).toBeGreaterThan(30);
    expect((await booksOf(gateway)).balanced).toBe(true);
  });

  it('are the same spans when they come as JSON', async () => {
    const names = [
      'hotrod-2026',
      'shell-ci-injection_shebang',
      'shell-ci-injection_inner_xargs_parallel',
      'shell-ci-context_propagation_http_curl',
      'shell-ci-injection_child',
    ];
    const { gateway, sink, sender, stop } = await startReplay({ waitMs: 3000, env: { TRACE_DEBUG: '1' } });
    onTestFinished(stop);
    const texts = names.flatMap(readJsonRequests);
    for (const [i, text] of texts.entries()) await sender.http(text, i % 2 === 0 ? 'gzip' : undefined);
    await settled(gateway);
    const arrived = byTrace(sink.taken);
    const told = new Set(
      texts.flatMap((text) => spansIn(JSON.parse(text)).map(({ traceId }) => traceId.toLowerCase())),
    );
    expect(sink.spans()).toHaveLength(94);
    expect([...arrived.keys()].sort()).toEqual([...told].sort());
    for (const [trace, spans] of arrived)
      expectUnchanged(spans, spansOf(trace), { verdict: 'keep', policy: 'debug', threshold: '0' });
  });

  it('lose their secrets and nothing else under the default redaction', async () => {
    const { gateway, arrived, stop } = await replay(captures, {
      boot: { redact: ['default'] },
      env: { TRACE_DEBUG: '1' },
    });
    onTestFinished(stop);
    const masked = /\*{4}/;
    let changed = 0;
    for (const [trace, spans] of all) {
      const before = multiset(spans);
      const after = multiset(arrived.get(trace) ?? []);
      expect(idsOf(arrived.get(trace) ?? [])).toEqual(idsOf(spans));
      const untouched = new Set(before);
      const touched = after.filter((text) => !untouched.has(text));
      for (const text of touched) expect(text).toMatch(masked);
      changed += touched.length;
    }
    const counted = [...(await gateway.get('/metrics')).matchAll(/^tailgate_redactions_total\{.*\} (\d+)$/gm)];
    const redactions = counted.reduce((sum, [, value]) => sum + Number(value), 0);
    expect(redactions).toBeGreaterThanOrEqual(changed);
    expect(changed).toBeGreaterThan(0);
  });

  it.each([
    ['one shard', '1'],
    ['two shards', '2'],
  ])('follow the verdict when they come late to %s, and the books balance all the while', async (_, shards) => {
    const env = { TAILGATE_SHARDS: shards };
    const { gateway, sink, sender, stop } = await startReplay({ waitMs: 50, rules: 'baseline_percent: 50\n', env });
    onTestFinished(stop);
    const demo = captures.find(({ name }) => name === 'otel-demo-2025-07')!;
    for (const [i, message] of demo.messages.entries()) {
      await sendOne(sender, message, i);
      await sleep(15);
      if (i % 10 === 0) expect((await booksOf(gateway)).balanced).toBe(true);
    }
    const { balanced, spans: books } = await settled(gateway);
    expect(balanced).toBe(true);
    expect(books.received).toBe(2961);
    expect(books.late_kept).toBeGreaterThan(100);
    expect(books.late_dropped).toBeGreaterThan(50);
    const arrived = byTrace(sink.taken);
    for (const [trace, spans] of demo.traces) {
      const it = await explain(gateway, trace);
      expect(it.spans + it.lateSpans).toBe(spans.length);
      expectSameSpans(arrived.get(trace) ?? [], it.verdict === 'keep' ? spans : []);
      const weights = new Set(arrived.get(trace)?.map(({ span }) => span.traceState));
      expect([...weights]).toEqual(it.verdict === 'keep' ? [`ot=th:${it.threshold}`] : []);
    }
  });

  it.each([
    ['one shard', '1'],
    ['two shards', '2'],
  ])('balance in the books of %s at any moment, asked in the middle of it all', async (_, shards) => {
    const env = { TRACE_DEBUG: '1', TAILGATE_SHARDS: shards };
    const { gateway, sink, sender, stop } = await startReplay({ waitMs: 100, env });
    onTestFinished(stop);
    let sending = true;
    const asking = (async () => {
      const asked: Books[] = [];
      while (sending || asked.length <= 50) asked.push(await booksOf(gateway));
      return asked;
    })();
    for (const capture of captures) await send(sender, capture.messages);
    sending = false;
    const asked = await asking;
    expect(asked.filter(({ balanced }) => !balanced)).toEqual([]);
    expect(asked.some(({ spans }) => spans.waiting > 0 && spans.kept > 0)).toBe(true);
    expect((await settled(gateway)).balanced).toBe(true);
    const arrived = byTrace(sink.taken);
    expect(arrived.size).toBe(all.size);
    for (const [trace, spans] of all) expectSameSpans(arrived.get(trace) ?? [], spans);
  });

  it('of a minute are decided after the wait, and the rest of a kept one is forwarded as it comes', async () => {
    const { gateway, sink, sender, stop } = await startReplay({ waitMs: 500 });
    onTestFinished(stop);
    const shell = captures.find(({ name }) => name === 'shell-ci-2024-2025')!;
    const long = [...shell.truth.values()]
      .filter(({ messages }) => messages.length > 50)
      .sort((a, b) => b.durationMs - a.durationMs)[0];
    const parts = long.messages.map((i) => shell.messages[i]);
    // A minute in three seconds, at even steps; what else the messages carry comes along.
    for (const [i, part] of parts.entries()) {
      await sendOne(sender, part, i);
      await sleep(3000 / parts.length);
    }
    await settled(gateway);
    const it = await explain(gateway, long.trace);
    expect(it.spans + it.lateSpans).toBe(long.spans);
    expect(it.lateSpans).toBeGreaterThan(0);
    const arrived = byTrace(sink.taken).get(long.trace) ?? [];
    expectSameSpans(arrived, it.verdict === 'keep' ? spansOf(long.trace) : []);
  });

  it('whose clocks say zero are neither slow nor lost', async () => {
    const { gateway, sink, sender, stop } = await startReplay({ waitMs: 1000, env: { TRACE_DEBUG: '1' } });
    onTestFinished(stop);
    const hotrod = captures.find(({ name }) => name === 'hotrod-2026')!;
    const [timeless] = hotrod.messages.map(withoutTimes);
    await sender.grpc(timeless);
    await settled(gateway);
    const [trace] = [...hotrod.traces.keys()];
    expect(multiset(byTrace(sink.taken).get(trace)!)).toEqual(multiset(byTrace([decodeRequest(timeless)]).get(trace)!));
    const { votes } = await explain(gateway, trace);
    expect(votes).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ policy: 'slow', vote: 'abstain' }),
        expect.objectContaining({ policy: 'errors', vote: 'keep' }),
      ]),
    );
  });
});

/** The same message, but every span starts and ends at zero. */
function withoutTimes(message: Buffer): Buffer {
  const request = ExportRequestType.toObject(ExportRequestType.decode(message));
  for (const span of spansIn(request)) {
    delete span.startTimeUnixNano;
    delete span.endTimeUnixNano;
  }
  return Buffer.from(ExportRequestType.encode(ExportRequestType.fromObject(request)).finish());
}
