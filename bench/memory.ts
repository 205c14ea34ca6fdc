import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Writer } from '../src/wire/writer.ts';

import { gateway, startSink } from './subjects.ts';

/**
 * `make bench-memory`: does the process keep to its limits, whatever waits? Loads of one kind after the other, as fast as they are taken:
 * resident memory above the idle process beside buffer.max_bytes, and the account of /api/status beside that. --plan tiny:20,large:20
 * (kind:seconds; `pause` sends nothing) --buffer 128MiB --wait 15 --shards 1 --heap 409 --refuse.
 */
const { values } = parseArgs({
  options: {
    plan: { type: 'string', default: 'tiny:25,large:25,tiny:25,pause:30' },
    buffer: { type: 'string', default: '128MiB' },
    wait: { type: 'string', default: '60' },
    shards: { type: 'string', default: '1' },
    heap: { type: 'string', default: '409' },
    root: { type: 'string', default: new URL('..', import.meta.url).pathname },
    refuse: { type: 'boolean', default: false },
  },
});

/** A span a trace, of 28 bytes, of the usual size, or of 140 kB. */
const paddings: Record<string, { readonly spans: number; readonly bytes: number }> = {
  tiny: { spans: 2000, bytes: 0 },
  usual: { spans: 500, bytes: 400 },
  large: { spans: 10, bytes: 140_000 },
};

/** A request, and where in it the ids are, of a trace and a span each, that the next one needs anew. */
function prepare({ spans, bytes }: (typeof paddings)[string]): () => Buffer {
  const out = new Writer(1 << 20);
  const resource = out.open(1);
  const scope = out.open(2);
  const ids = Buffer.alloc(16, 'id');
  for (let i = 0; i < spans; i++) {
    const span = out.open(2);
    out.bytes(1, ids);
    out.bytes(2, ids.subarray(0, 8));
    if (bytes > 0) out.string(5, 'x'.repeat(bytes));
    out.close(span);
  }
  out.close(scope);
  out.close(resource);
  const body = Buffer.from(out.finish());
  const places: number[] = [];
  for (let at = body.indexOf(ids); at >= 0; at = body.indexOf(ids, at + 16)) places.push(at);
  return () => {
    for (const at of places) {
      body.writeUInt32LE(Math.floor(Math.random() * 2 ** 32), at);
      body.writeUInt32LE(Math.floor(Math.random() * 2 ** 32), at + 12);
    }
    return body;
  };
}

const agent = new Agent({ keepAlive: true });
function post(port: number, body: Uint8Array): Promise<number> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/x-protobuf', 'content-length': body.length };
    const sent = request({ port, host: '127.0.0.1', path: '/v1/traces', method: 'POST', agent, headers }, (answer) => {
      answer.resume().on('end', () => resolve(answer.statusCode ?? 0));
    });
    sent.on('error', reject).end(body);
  });
}

async function load(port: number, kind: string, forMs: number, counts: Record<number, number>): Promise<void> {
  const end = performance.now() + forMs;
  const sender = async (): Promise<void> => {
    const next = prepare(paddings[kind]);
    while (performance.now() < end) {
      const status = await post(port, next());
      counts[status] = (counts[status] ?? 0) + 1;
      if (status !== 200) await sleep(20);
    }
  };
  await Promise.all([sender(), sender()]);
}

const mebibytes = (bytes: number): string => (bytes / 2 ** 20).toFixed(0);

const { sink, sinkPort } = await startSink();
process.env.NODE_OPTIONS = `--max-old-space-size=${values.heap}`;
const subject = await gateway(values.root).start({
  cpus: process.env.CPUS ?? '0,1',
  waitSeconds: Number(values.wait),
  sinkPort,
  shards: Number(values.shards),
  bufferBytes: values.buffer,
  onFull: values.refuse ? 'refuse' : 'decide_oldest',
});
const { process: gatewayProcess, httpPort = 0 } = subject;
try {
  await sleep(3000);
  const idle = gatewayProcess.residentBytes();
  console.log(`idle ${mebibytes(idle)} MiB; max_bytes ${values.buffer}`);
  let highest = 0;
  const look = async (what: string): Promise<void> => {
    const above = gatewayProcess.residentBytes() - idle;
    highest = Math.max(highest, above);
    const status = (await (await fetch(`${subject.admin}/api/status`)).json()) as {
      buffer: { bytes: number; spans: number };
      memory?: { sumBytes: number; parts: Record<string, number> };
    };
    const metrics = await (await fetch(`${subject.admin}/metrics`)).text();
    const metric = (name: string): number => Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(metrics)?.[1] ?? 0);
    const parts = Object.entries(status.memory?.parts ?? {}).filter(([, bytes]) => bytes > 2 ** 20);
    console.log(
      `${what}: ${mebibytes(above)} MiB above idle; ${status.buffer.spans} spans wait, buffer ${mebibytes(status.buffer.bytes)}; ` +
        `heap ${mebibytes(metric('tailgate_process_heap_used_bytes'))}, external ${mebibytes(metric('tailgate_process_external_memory_bytes'))}` +
        (status.memory
          ? `; account ${mebibytes(status.memory.sumBytes)}: ${parts.map(([name, bytes]) => `${name} ${mebibytes(bytes)}`).join(', ')}`
          : ''),
    );
  };
  for (const step of values.plan.split(',')) {
    const [kind, seconds] = step.split(':');
    const counts: Record<number, number> = {};
    const loaded =
      kind === 'pause' ? sleep(Number(seconds) * 1000) : load(httpPort, kind, Number(seconds) * 1000, counts);
    for (let s = 0; s < Number(seconds); s += 5) {
      await sleep(Math.min(5, Number(seconds) - s) * 1000);
      await look(`${kind} ${s + 5} s`);
    }
    await loaded;
    console.log(`${kind}: answers ${JSON.stringify(counts)}`);
  }
  console.log(`at most ${mebibytes(highest)} MiB above idle`);
  if (process.env.SMAPS) console.log(readFileSync(`/proc/${gatewayProcess.pid}/smaps`, 'utf8'));
} finally {
  await gatewayProcess.stop();
  await sink.stop();
}
