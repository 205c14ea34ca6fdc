import { Agent, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';
import { expect, it, onTestFinished } from 'vitest';
import { type Home, makeHome, sinkExporter } from '../support/boot-file.ts';
import { eventually, startGatewayProcess } from '../support/gateway.ts';
import { Multiset, spanIdentities } from '../support/identity.ts';
import { postTraces } from '../support/post-traces.ts';
import { requestBytes, type Told } from '../support/spans.ts';

/**
 * What comes out of a real process of several shards is, span by span, what went in: compared at a real sink by trace
 * id, span id and a hash of the bytes. Seconds a case: IDENTITY_SECONDS=120 bin/node node_modules/.bin/vitest run
 * test/process/identity.test.ts
 */
const seconds = Number(process.env.IDENTITY_SECONDS ?? 4);
const connections = 6;

/**
 * Rules that ask for other things each time, so that what waits is scanned again. All keep everything; or half of the
 * traces.
 */
const keepAll = ['debug: true\n', 'debug: true\nroutes: [/a, /b]\nerror_status_codes: [OK, ERROR]\n'];
const keepHalf = ['baseline_percent: 50\n', 'baseline_percent: 50\nroutes: [/never]\nerror_status_codes: [OK]\n'];

/** One span of 140 kB a request. */
const large = (connection: number, n: number): Told[] => [
  { trace: `${connection}-${n}`, id: `${connection}-${n}`, padding: 140_000, service: `service-${n % 7}` },
];

/** From a single small span to some of 300 kB together; the traces of the nth request come over every connection. */
const mixed = (connection: number, n: number): Told[] => {
  const [count, padding] = [
    [1, 300_000],
    [40, 200],
    [1, 70_000],
    [8, 3_000],
    [3, 30_000],
    [200, 0],
  ][(n + connection) % 6];
  return Array.from({ length: count }, (_, i) => ({
    trace: `${n}-${i % 5}`,
    id: `${connection}-${n}-${i}`,
    service: `service-${(n + i) % 3}`,
    padding,
    ...(connection > 0 && { parent: `0-${n}-0` }),
  }));
};

it.each([
  { shards: '2', buffer: '4MiB', spans: large, rules: keepAll },
  { shards: '4', buffer: '8MiB', spans: mixed, rules: keepAll },
  { shards: '4', buffer: '16MiB', spans: mixed, rules: keepHalf },
])(
  '$shards shards, a buffer of $buffer, $spans.name spans, rules $rules.0',
  async ({ shards, buffer, spans, rules }) => {
    const came: string[] = [];
    const url = await sink((body) => came.push(...spanIdentities(body)));
    const home = makeHome(
      {
        receive: {
          // biome-ignore-start lint/suspicious/noTemplateCurlyInString: the boot file's own syntax
          grpc: { endpoint: '${env:TAILGATE_GRPC}' },
          http: { endpoint: '${env:TAILGATE_HTTP}' },
          // biome-ignore-end lint/suspicious/noTemplateCurlyInString: the boot file's own syntax
          max_request_bytes: '2MiB',
        },
        buffer: { max_bytes: buffer, decision_wait: '200ms' },
        batch: { max_age: '100ms' },
        export: [sinkExporter(url, { queue: { max_bytes: '256MiB' } })],
      },
      rules[0],
    );
    const gateway = await startGatewayProcess({ args: home.args, env: { TAILGATE_SHARDS: shards } });
    onTestFinished(async () => {
      await gateway.kill();
      home[Symbol.dispose]();
    });
    const sent = new Multiset();
    const until = performance.now() + seconds * 1000;
    const [refused] = await Promise.all([
      Promise.all(Array.from({ length: connections }, (_, i) => send(gateway.http, (n) => spans(i, n), sent, until))),
      changeRules(home, rules, until),
    ]);
    const total = sent.size;
    const books = await settled(gateway, total);
    expect(await gateway.stop()).toBe(0);
    console.log(
      `identity: ${shards} shards, ${buffer}, ${spans.name}: ${total} spans acknowledged, ${came.length} came, ` +
        `${refused.reduce((sum, n) => sum + n, 0)} requests refused`,
    );
    const foreign = came.filter((identity) => !sent.take(identity));
    expect(foreign.slice(0, 5), 'came, and had not been sent, or twice').toEqual([]);
    if (rules === keepAll) expect(sent.keys().slice(0, 5), 'acknowledged, and never came').toEqual([]);
    expect(books).toMatchObject({ received: total, waiting: 0, lost: 0 });
    expect(came).toHaveLength(books.kept + books.late_kept);
    expect(came.length).toBeGreaterThan(total / 4);
  },
  (seconds + 90) * 1000,
);

/**
 * Sends over a connection of its own, one request after the other; how many were refused. What was acknowledged is
 * added.
 */
async function send(address: string, spans: (n: number) => Told[], sent: Multiset, until: number): Promise<number> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  let refused = 0;
  for (let n = 0; performance.now() < until; n++) {
    const body = requestBytes(...spans(n));
    const status = await postTraces(address, agent, body);
    if (status === 200) for (const identity of spanIdentities(body)) sent.add(identity);
    else if (status === 503) refused++;
    else throw new Error(`answered ${status}`);
    if (status === 503) await sleep(20);
  }
  agent.destroy();
  return refused;
}

async function changeRules(home: Home, rules: readonly string[], until: number): Promise<void> {
  for (let n = 1; performance.now() < until; n++) {
    await sleep(400);
    home.rules(rules[n % rules.length]);
  }
}

type Books = Record<'received' | 'waiting' | 'lost' | 'kept' | 'late_kept', number>;

/** The books when nothing waits any more. */
const settled = (gateway: Awaited<ReturnType<typeof startGatewayProcess>>, total: number): Promise<Books> =>
  eventually(async () => {
    const { books } = (await gateway.status()) as unknown as { books: { balanced: boolean; spans: Books } };
    expect([books.balanced, books.spans.received, books.spans.waiting]).toEqual([true, total, 0]);
    return books.spans;
  }, 30_000);

/** An OTLP/HTTP server that takes everything. */
function sink(take: (body: Uint8Array) => void): Promise<string> {
  const server = createServer(async (incoming, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk);
    const raw = Buffer.concat(chunks);
    take(incoming.headers['content-encoding'] === 'gzip' ? gunzipSync(raw) : raw);
    response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end();
  });
  onTestFinished(() => void server.close(() => {}));
  return new Promise((resolve) =>
    server.listen(0, '127.0.0.1', () => resolve(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)),
  );
}
