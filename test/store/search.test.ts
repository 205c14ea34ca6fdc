import { describe, expect, it } from 'vitest';
import { Pace, Turns } from '../../src/store/pace.ts';
import { idOf, traceIdHex } from '../support/spans.ts';
import { Inside, start } from './fixture.ts';

/** A shop: a slow failed checkout, a fast one, an upload, and a trace whose root never came. */
function shop(): Inside {
  return new Inside().keep(
    { trace: 'slow', id: 'a', name: 'POST /checkout', service: 'web', startMs: start, durationMs: 900 },
    {
      trace: 'slow',
      id: 'b',
      parent: 'a',
      name: 'charge',
      service: 'pay',
      startMs: start + 20,
      durationMs: 800,
      status: 'ERROR',
      attributes: { 'http.route': '/charge', 'http.response.status_code': 503, amount: 12.5, retried: true },
    },
    { trace: 'fast', id: 'c', name: 'GET /checkout', service: 'web', startMs: start + 60_000, durationMs: 20 },
    {
      trace: 'fast',
      id: 'd',
      parent: 'c',
      name: 'charge',
      service: 'pay',
      startMs: start + 60_001,
      durationMs: 10,
      attributes: { 'http.route': '/charge', 'http.response.status_code': 200 },
    },
    {
      trace: 'upload',
      id: 'e',
      name: 'PUT /добавить',
      service: '倉庫',
      startMs: start + 120_000,
      durationMs: 300,
      attributes: { 'http.route': '/upload', 'http.response.status_code': '201' },
    },
    { trace: 'rootless', id: 'f', parent: 'gone', name: 'job', service: 'cron', startMs: start + 180_000 },
  );
}

describe('TraceQL over stored traces', () => {
  it.each([
    ['{}', ['', 'PUT /добавить', 'GET /checkout', 'POST /checkout']],
    ['{ resource.service.name = "pay" }', ['GET /checkout', 'POST /checkout']],
    [
      '{ resource.service.name = "pay" && span.http.route = "/charge" && status = error && duration > 500ms }',
      ['POST /checkout'],
    ],
    ['{ resource.service.name = "web" && status = error }', []],
    ['{ resource.service.name = "web" } && { status = error }', ['POST /checkout']],
    ['{ name = "charge" }', ['GET /checkout', 'POST /checkout']],
    ['{ name = "charg" }', []],
    ['{ name =~ "PUT.*" }', ['PUT /добавить']],
    ['{ resource.service.name = "倉庫" && name = "PUT /добавить" }', ['PUT /добавить']],
    ['{ span.http.response.status_code = 503 }', ['POST /checkout']],
    ['{ span.http.response.status_code >= 200 }', ['GET /checkout', 'POST /checkout']],
    ['{ .http.response.status_code = "201" }', ['PUT /добавить']],
    ['{ span.http.route =~ "/charge|/upload" }', ['PUT /добавить', 'GET /checkout', 'POST /checkout']],
    ['{ .amount = 12.5 && .retried = true }', ['POST /checkout']],
    ['{ .retried = false }', []],
    ['{ .service.name = "cron" }', ['']],
    ['{ span.service.name = "cron" }', []],
    ['{ rootServiceName = "web" && name = "charge" && status != error }', ['GET /checkout']],
    ['{ rootName = "POST /checkout" && kind = server }', ['POST /checkout']],
    ['{ trace:duration >= 900ms }', ['POST /checkout']],
    ['{ trace:duration > 900ms }', []],
    ['{ duration >= 800ms && name = "charge" }', ['POST /checkout']],
    ['{ duration > 800ms && name = "charge" }', []],
    ['{ nestedSetParent < 0 && resource.service.name = "web" }', ['GET /checkout', 'POST /checkout']],
    ['{ !(.http.route != nil) && resource.service.name != "web" }', ['']],
    ['{ instrumentation:name = "tests" && .http.route = "/upload" }', ['PUT /добавить']],
    ['{ .http.route = "/upload" } || { resource.service.name = "cron" }', ['', 'PUT /добавить']],
  ])('%s', async (q, names) => {
    using store = shop();
    expect(await store.names(q)).toEqual(names);
  });

  it('finds a trace and a span by their ids', async () => {
    using store = shop();
    expect(await store.names(`{ trace:id = "${traceIdHex('slow')}" }`)).toEqual(['POST /checkout']);
    expect(await store.names(`{ span:id = "${Buffer.from(idOf('d', 8)).toString('hex')}" }`)).toEqual([
      'GET /checkout',
    ]);
  });

  it('answers in the shape of Tempo', async () => {
    using store = shop();
    const q =
      '{ span.http.route = "/charge" && status = error && duration > 1ms } | select(resource.service.name, .amount)';
    const answer = await store.json('/api/search', { q });
    const span = {
      spanID: Buffer.from(idOf('b', 8)).toString('hex'),
      name: 'charge',
      startTimeUnixNano: `${start + 20}000000`,
      durationNanos: '800000000',
      attributes: [
        { key: 'http.route', value: { stringValue: '/charge' } },
        { key: 'status', value: { stringValue: 'error' } },
        { key: 'service.name', value: { stringValue: 'pay' } },
        { key: 'amount', value: { doubleValue: 12.5 } },
      ],
    };
    expect(answer).toEqual({
      traces: [
        {
          traceID: traceIdHex('slow').replace(/^0+/, ''),
          rootServiceName: 'web',
          rootTraceName: 'POST /checkout',
          startTimeUnixNano: `${start}000000`,
          durationMs: 900,
          spanSet: { spans: [span], matched: 1 },
          spanSets: [{ spans: [span], matched: 1 }],
          serviceStats: { web: { spanCount: 1 }, pay: { spanCount: 1, errorCount: 1 } },
        },
      ],
      metrics: { inspectedTraces: 4, inspectedBytes: expect.any(String), completedJobs: 1, totalJobs: 1 },
    });
  });

  it('names the missing root and leaves leading zeros of the id out, as Tempo does', async () => {
    using store = new Inside().keep({ trace: '000000000000000000000000000000af', parent: 'gone', service: 'cron' });
    const [trace] = await store.search({ q: '{}' });
    expect(trace).toMatchObject({ traceID: 'af', rootServiceName: '<root span not yet received>' });
    expect(trace).not.toHaveProperty('rootTraceName');
  });

  it('shows three spans a trace unless asked for another number, and counts all', async () => {
    using store = new Inside();
    store.keep(...[5, 1, 4, 2, 3].map((n) => ({ trace: 'many', id: `${n}`, name: `n${n}`, startMs: start + n })));
    const shown = async (query: object) => (await store.search({ q: '{}', ...query }))[0].spanSets![0];
    expect(await shown({})).toMatchObject({ matched: 5, spans: [{ name: 'n1' }, { name: 'n2' }, { name: 'n3' }] });
    expect((await shown({ spss: 4 })).spans).toHaveLength(4);
  });
});

describe('limits and times', () => {
  it('gives the newest 20 unless asked for another number', async () => {
    using store = new Inside();
    for (let n = 0; n < 300; n++) store.keep({ trace: `t${n}`, name: `n${n}`, startMs: start + n });
    expect((await store.names('{}')).slice(0, 2)).toEqual(['n299', 'n298']);
    expect(await store.names('{}')).toHaveLength(20);
    expect(await store.search({ q: '{}', limit: 299 })).toHaveLength(299);
    const all = await store.search({ q: '{}', limit: 1000 });
    expect(new Set(all.map(({ traceID }) => traceID)).size).toBe(300);
  });

  it('finds a trace in every second it touches and in no other', async () => {
    const second = start / 1000;
    using store = new Inside().keep({ trace: 't', startMs: start + 500, durationMs: 2000 });
    const found = async (from: number, to: number) => (await store.search({ q: '{}', start: from, end: to })).length;
    expect(await found(second - 10, second)).toBe(0);
    expect(await found(second - 10, second + 1)).toBe(1);
    expect(await found(second + 1, second + 2)).toBe(1);
    expect(await found(second + 2, second + 10)).toBe(1);
    expect(await found(second + 3, second + 10)).toBe(0);
  });

  it('takes start alone', async () => {
    using store = shop();
    expect(await store.search({ q: '{}', start: start / 1000 + 100 })).toHaveLength(2);
  });

  it.each([
    [{ q: '{ .a = }' }, 'invalid TraceQL query: parse error at line 1, col 8: expected a field or a value, found "}"'],
    [{ q: '{}', tags: 'a=b' }, "invalid request: can't specify tags and q in the same query"],
    [{ q: '{}', limit: 0 }, 'invalid limit: must be a positive number'],
    [{ q: '{}', limit: 262_145 }, 'limit 262145 exceeds the maximum of 262144'],
    [{ q: '{}', spss: 101 }, 'spss 101 exceeds the maximum of 100'],
    [{ q: '{}', start: 'now' }, 'invalid start: expected Unix seconds, got "now"'],
    [{ q: '{}', start: 5, end: 5 }, 'http parameter start must be before end. received start=5 end=5'],
    [{ minDuration: '5' }, 'invalid minDuration: expected a duration such as 500ms or 1m30s, got "5"'],
    [{ minDuration: '2s', maxDuration: '1s' }, 'invalid maxDuration: must be greater than minDuration'],
    [{ tags: 'a=b a=c' }, 'invalid tags: tag a has been set twice'],
    [{ tags: 'a="b' }, 'invalid tags: expected key=value at position 1'],
  ])('refuses %o', async (query, message) => {
    using store = new Inside();
    expect(await store.get('/api/search', query as Record<string, string | number>)).toMatchObject({
      status: 400,
      body: message,
    });
  });

  it('takes the largest limit, the largest spss and the longest query', async () => {
    using store = new Inside();
    const q = `{ .a = "${'x'.repeat(128 * 1024 - 11)}" }`;
    expect(Buffer.byteLength(q)).toBe(128 * 1024);
    expect(await store.get('/api/search', { q, limit: 262_144, spss: 100 })).toMatchObject({ status: 200 });
    expect(await store.get('/api/search', { q: `${q} ` })).toMatchObject({
      status: 400,
      body: 'query of more than 131072 bytes',
    });
  });
});

describe('search by tags, as before TraceQL', () => {
  it.each([
    ['service.name=PAY', ['GET /checkout', 'POST /checkout']],
    ['service.name=web http.response.status_code=503', ['POST /checkout']],
    ['http.response.status_code=50', []],
    ['error=true', ['POST /checkout']],
    ['status.code=error service.name=pay', ['POST /checkout']],
    ['root.service.name=web name=charge', ['GET /checkout', 'POST /checkout']],
    ['name="put /"', ['PUT /добавить']],
    ['retried=true', ['POST /checkout']],
    ['nothing=here', []],
  ])('%s', async (tags, names) => {
    using store = shop();
    const found = await store.search({ tags });
    expect(found.map((trace) => trace.rootTraceName)).toEqual(names);
    expect(found.every((trace) => !('spanSets' in trace))).toBe(true);
  });

  it('bounds the duration of the trace, with tags and without', async () => {
    using store = shop();
    const names = async (query: object) => (await store.search({ ...query })).map((trace) => trace.rootTraceName);
    expect(await names({ minDuration: '300ms' })).toEqual(['PUT /добавить', 'POST /checkout']);
    expect(await names({ minDuration: '301ms' })).toEqual(['POST /checkout']);
    expect(await names({ minDuration: '10ms', maxDuration: '20ms' })).toEqual(['GET /checkout']);
    expect(await names({ tags: 'service.name=pay', minDuration: '1s' })).toEqual([]);
    expect(await names({ q: '{ name = "charge" }', minDuration: '100ms' })).toEqual(['POST /checkout']);
  });

  it('takes each parameter for a tag where no times are given', async () => {
    using store = shop();
    expect(await store.search({ 'service.name': 'cron' })).toHaveLength(1);
  });
});

describe('names and values for completion', () => {
  it('lists tags by scope', async () => {
    using store = shop();
    const { scopes } = await store.json<{ scopes: { name: string; tags: string[] }[] }>('/api/v2/search/tags');
    expect(scopes.slice(0, 2)).toEqual([
      { name: 'resource', tags: ['service.name'] },
      { name: 'span', tags: ['amount', 'http.response.status_code', 'http.route', 'retried'] },
    ]);
    expect(scopes[2]).toMatchObject({ name: 'intrinsic', tags: expect.arrayContaining(['status']) });
    expect(await store.json('/api/v2/search/tags', { scope: 'resource' })).toMatchObject({
      scopes: [{ name: 'resource' }],
    });
    expect(await store.get('/api/v2/search/tags', { scope: 'foo' })).toMatchObject({
      status: 400,
      body: expect.stringContaining('invalid scope: foo'),
    });
  });

  it('lists tags in one list, intrinsics when asked for', async () => {
    using store = shop();
    const { tagNames } = await store.json<{ tagNames: string[] }>('/api/search/tags');
    expect(tagNames).toEqual(['amount', 'http.response.status_code', 'http.route', 'retried', 'service.name']);
    expect((await store.json<{ tagNames: string[] }>('/api/search/tags', { scope: 'intrinsic' })).tagNames).toContain(
      'name',
    );
  });

  const values = async (store: Inside, tag: string, query = {}) =>
    (
      await store.json<{ tagValues: { type: string; value: string }[] }>(
        `/api/v2/search/tag/${encodeURIComponent(tag)}/values`,
        query,
      )
    ).tagValues;

  it('lists values with their types', async () => {
    using store = shop();
    expect((await values(store, 'resource.service.name')).map(({ value }) => value)).toEqual([
      'cron',
      'pay',
      'web',
      '倉庫',
    ]);
    expect(await values(store, '.http.response.status_code')).toEqual([
      { type: 'int', value: '200' },
      { type: 'string', value: '201' },
      { type: 'int', value: '503' },
    ]);
    expect(await values(store, 'span.amount')).toEqual([{ type: 'float', value: '12.5' }]);
    expect(await values(store, 'span.retried')).toEqual([{ type: 'bool', value: 'true' }]);
    expect(await values(store, 'status')).toEqual(
      ['ok', 'error', 'unset'].map((value) => ({ type: 'keyword', value })),
    );
    expect((await values(store, 'name')).map(({ value }) => value)).toContain('PUT /добавить');
    expect((await values(store, 'rootServiceName')).map(({ value }) => value)).toEqual([undefined, 'web', '倉庫']);
    expect(await values(store, 'duration')).toEqual([]);
    expect(await store.json('/api/search/tag/http.route/values')).toMatchObject({ tagValues: ['/charge', '/upload'] });
  });

  it('lists the values of matching spans only, and ignores a filter that does not parse', async () => {
    using store = shop();
    const q = '{ resource.service.name = "pay" && status = error }';
    expect(await values(store, 'span.http.response.status_code', { q })).toEqual([{ type: 'int', value: '503' }]);
    expect(await values(store, 'span.http.route', { q: '{ .a = ' })).toHaveLength(2);
  });

  it('refuses a name that is no TraceQL', async () => {
    using store = shop();
    const answer = await store.get('/api/v2/search/tag/service.name/values');
    expect(answer).toMatchObject({ status: 400, body: expect.stringContaining('please provide a valid tagName') });
  });

  it('keeps a thousand values a key and no more', async () => {
    using store = new Inside();
    for (const offset of [0, 999, 2000]) {
      store.keep(
        ...Array.from({ length: 1000 }, (_, i) => ({ trace: `t${offset + i}`, attributes: { user: offset + i } })),
      );
    }
    expect(await values(store, 'span.user')).toHaveLength(1000);
    expect(await store.names('{ span.user = 2999 }')).toHaveLength(1);
  });
});

it('a trace whose late span makes it begin earlier while it is searched is found once', async () => {
  using store = new Inside();
  for (let i = 0; i < 300; i++) store.keep({ trace: `t${i}`, startMs: start + i });
  let steps = 0;
  class Slow extends Pace {
    override next(): Promise<void> {
      if (++steps === 5) for (const i of [299, 150, 0]) store.keep({ trace: `t${i}`, id: 'late', startMs: start - 10 });
      return super.next();
    }
  }
  const { body } = await store.get('/api/search', { q: '{}', limit: 1000 }, '', new Slow(new Turns(), 0));
  const ids = (JSON.parse(body as string) as { traces: { traceID: string }[] }).traces.map(({ traceID }) => traceID);
  expect(ids.length).toBe(300);
  expect(new Set(ids).size).toBe(300);
});

it('traces to which late spans come while they are searched are all found, each once', async () => {
  using store = new Inside();
  const starts = Array.from({ length: 900 }, (_, i) => start + ((i * 7919) % 30_000));
  for (let i = 0; i < starts.length; i += 30)
    store.keep(...starts.slice(i, i + 30).map((startMs, n) => ({ trace: `t${i + n}`, startMs })));
  let late = 0;
  class Slow extends Pace {
    override next(): Promise<void> {
      const i = (late++ * 31) % starts.length;
      store.keep({ trace: `t${i}`, id: `late ${late}`, startMs: starts[i] - (late % 2) * 3000, parent: 'x' });
      return super.next();
    }
  }
  const { body } = await store.get('/api/search', { q: '{}', limit: 1000 }, '', new Slow(new Turns(), 0));
  const ids = (JSON.parse(body as string) as { traces: { traceID: string }[] }).traces.map(({ traceID }) => traceID);
  expect(late).toBeGreaterThan(900);
  expect(ids.length).toBe(900);
  expect(new Set(ids).size).toBe(900);
});

it.each(['{ name = "a\ufffdb" }', '{ span.k = "\ufffd" }', '{ .k =~ "\ufffd" }'])(
  'what is no UTF-8 is found as it is shown: %s',
  async (q) => {
    using store = new Inside();
    const name = Uint8Array.of(0x2a, 3, 0x61, 0xff, 0x62);
    const attribute = Uint8Array.of(0x4a, 8, 0x0a, 1, 0x6b, 0x12, 3, 0x0a, 1, 0xff);
    store.keep({ trace: 'odd', unknown: Buffer.concat([name, attribute]) }, { trace: 'other' });
    expect((await store.search({ q })).map(({ traceID }) => traceID.padStart(32, '0'))).toEqual([traceIdHex('odd')]);
  },
);

/** Start and end, to the nanosecond; they stand behind others, and count. */
function at(ms: number): Uint8Array {
  const bytes = Buffer.alloc(18);
  bytes[0] = 0x39;
  bytes.writeBigUInt64LE(BigInt(ms) * 1_000_000n, 1);
  bytes[9] = 0x41;
  bytes.writeBigUInt64LE(BigInt(ms) * 1_000_000n, 10);
  return bytes;
}

it('the newest come first by the millisecond, and a window ends on it', async () => {
  using store = new Inside();
  const moments = Array.from({ length: 40 }, (_, i) => start + ((i * 17) % 40));
  for (const ms of moments) store.keep({ trace: `t${ms}`, unknown: at(ms) });
  const found = await store.search({ q: '{}', limit: 100 });
  const shown = found.map(({ startTimeUnixNano }) => Number(BigInt(startTimeUnixNano!) / 1_000_000n) - start);
  expect(shown).toEqual(Array.from({ length: 40 }, (_, i) => 39 - i));
  const until = await store.search({ q: '{}', limit: 100, start: start / 1000 - 1, end: start / 1000 });
  expect(until.map(({ traceID }) => traceID)).toEqual([traceIdHex(`t${start}`).replace(/^0+/, '')]);
  const since = await store.search({ q: '{}', limit: 100, start: start / 1000 + 1 });
  expect(since).toEqual([]);
});
