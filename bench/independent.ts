import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { caseOf, prepare, tracesIn } from './corpus.ts';
import type { LoadResult } from './load.ts';
import type { Measured } from './process.ts';
import { Measured as Program } from './process.ts';
import { gatewayCpu, loadCpu, startSink, subjects } from './subjects.ts';
import { median } from './table.ts';

/**
 * `make bench-independent`: does our load client flatter anybody? The same traffic from other people's clients: h2load
 * on the no-op receiver (it sends one body again and again, which a receiver to nowhere does not mind) and wrk on the
 * gateway's HTTP port (its script gives every request fresh trace ids). Needs h2load and wrk, Debian's nghttp2-client
 * and wrk.
 */
const seconds = 6;
const rounds = 3;
const shape = caseOf('whole');
const directory = mkdtempSync(join(tmpdir(), 'tailgate-bench-'));

/** Sends for some seconds and says how many requests were answered with success. */
type Client = (port: number) => Promise<number>;

const ours =
  (name: string, first = { trace: 1 }): Client =>
  async (port) => {
    const order = JSON.stringify({ port, case: name, seconds, first: first.trace });
    const load = Program.script('load.ts', [order], loadCpu);
    const { spans, nextTrace } = await load.json<LoadResult>('spans');
    first.trace = nextTrace;
    return spans / shape.spansPerRequest;
  };

const h2load: Client = async (port) => {
  const { bytes } = prepare(shape, 0, Date.now(), false);
  const file = join(directory, 'body');
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(bytes.length, 1);
  writeFileSync(file, Buffer.concat([prefix, bytes]));
  const path = 'opentelemetry.proto.collector.trace.v1.TraceService/Export';
  const text = run('h2load', [
    ...['-D', String(seconds), '-c', '4', '-m', '4', '-t', '1', '-d', file],
    ...['-H', 'content-type: application/grpc', '-H', 'te: trailers', `http://127.0.0.1:${port}/${path}`],
  ]);
  return numberIn(text, /(\d+) succeeded/);
};

const wrk: Client = async (port) => {
  const { bytes, idsAt } = prepare(shape, 0, Date.now(), false);
  writeFileSync(join(directory, 'body'), bytes);
  writeFileSync(join(directory, 'wrk.lua'), script(join(directory, 'body'), idsAt));
  const where = `http://127.0.0.1:${port}/v1/traces`;
  const text = run('wrk', ['-d', `${seconds}s`, '-c', '16', '-t', '1', '-s', join(directory, 'wrk.lua'), where]);
  return (
    numberIn(text, /(\d+) requests in/) - (/Non-2xx[^:]*: (\d+)/.test(text) ? numberIn(text, /Non-2xx[^:]*: (\d+)/) : 0)
  );
};

/** Writes a number into eight bytes of each span's trace id, and hopes for nothing else. */
const script = (body: string, idsAt: readonly (readonly number[])[]): string => `
local ffi = require('ffi')
local file = io.open('${body}', 'rb')
local text = file:read('*a')
file:close()
local bytes = ffi.new('uint8_t[?]', #text, text)
local traces = { ${idsAt.map((at) => `{ ${at.join(', ')} }`).join(', ')} }
local n = math.floor(os.time() % 100000) * ${tracesIn(shape)} * 1000
wrk.method = 'POST'
wrk.headers['content-type'] = 'application/x-protobuf'
function request()
  for t = 1, #traces do
    n = n + 1
    for s = 1, #traces[t] do
      local at, high, low = traces[t][s], n, bit.tobit(n * 2654435761 % 4294967296)
      for i = 0, 3 do
        bytes[at + 4 + i] = bit.band(bit.rshift(high, 8 * i), 255)
        bytes[at + 12 + i] = bit.band(bit.rshift(low, 8 * i), 255)
      end
    end
  end
  return wrk.format(nil, nil, nil, ffi.string(bytes, #text))
end
`;

function run(program: string, args: readonly string[]): string {
  const { stdout, stderr, error } = spawnSync('taskset', ['-c', loadCpu, program, ...args], { encoding: 'utf8' });
  if (error !== undefined) throw error;
  return stdout + stderr;
}

function numberIn(text: string, pattern: RegExp): number {
  const found = pattern.exec(text)?.[1];
  if (found === undefined) throw new Error(`no ${pattern} in what the client said:\n${text}`);
  return Number(found);
}

async function rate(process: Measured, client: Client, port: number): Promise<number> {
  const before = process.cpuSeconds();
  const requests = await client(port);
  return (requests * shape.spansPerRequest) / (process.cpuSeconds() - before);
}

async function compare(what: string, process: Measured, port: number, own: Client, other: Client): Promise<void> {
  const rates: [number, number][] = [];
  await rate(process, own, port);
  for (let i = 0; i < rounds; i++) rates.push([await rate(process, own, port), await rate(process, other, port)]);
  const k = (of: 0 | 1): string => `${(median(rates.map((pair) => pair[of])) / 1e3).toFixed(0)} k`;
  const ratio = median(rates.map(([a, b]) => a / b)).toFixed(2);
  console.log(`${what}: ours ${k(0)}, theirs ${k(1)} spans per CPU-second of the receiver: × ${ratio}`);
}

for (const program of ['h2load', 'wrk']) execFileSync('which', [program], { stdio: 'ignore' });
const noop = await subjects['no-op on our HTTP/2'].start({ cpus: gatewayCpu, waitSeconds: 1, sinkPort: 0 });
await compare('no-op on our HTTP/2, h2load', noop.process, noop.grpcPort, ours('whole'), h2load);
await noop.process.stop();

const { sink, sinkPort } = await startSink();
const gateway = await subjects.tailgate.start({ cpus: gatewayCpu, waitSeconds: 3, sinkPort });
await compare('gateway over HTTP, wrk', gateway.process, gateway.httpPort as number, ours('http'), wrk);
await gateway.process.stop();
await sink.stop();
