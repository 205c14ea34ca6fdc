import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { Client, compressionAlgorithms, credentials } from '@grpc/grpc-js';
import type { Payload } from '../src/export/answer.ts';
import { GrpcClient } from '../src/export/grpc/client.ts';
import { caseOf, prepare } from './corpus.ts';
import { Measured } from './process.ts';
import { median } from './table.ts';

/**
 * What an export costs by our client on node:http2 and by grpc-js used as it is meant to be (which compresses by
 * itself, at zlib's usual level): spans per CPU-second of the whole process, zlib's threads included, medians of
 * alternating runs. Sink on another core. The figures of docs/decisions/0008-grpc-client.md.
 */
const requests = 300;
const rounds = 5;
const path = '/opentelemetry.proto.collector.trace.v1.TraceService/Export';
const gzipAsync = promisify(gzip);

const { bytes } = prepare(caseOf('varied'), 0, Date.now());
const spans = 512;
const sink = Measured.script('sink.ts', [], '1');
const { port } = JSON.parse(await sink.line());

type Encoding = Payload['encoding'];
type Send = (encoding: Encoding) => Promise<void>;

function ours(): { send: Send; close: () => void } {
  const otlp = { endpoint: '', protocol: 'grpc', compression: 'gzip', headers: {}, timeoutMs: 10_000 } as const;
  const client = new GrpcClient(new URL(`http://127.0.0.1:${port}`), otlp, { env: {}, security: null });
  const { signal } = new AbortController();
  const send: Send = async (encoding) => {
    const message = encoding === 'gzip' ? await gzipAsync(bytes, { level: 1, chunkSize: 256 * 1024 }) : bytes;
    const piece = { body: bytes, spans, traces: 64, sinceMs: 0 };
    const answer = await client.send({ ...piece, bytes: message, encoding }, signal);
    if (answer.kind !== 'accepted') throw new Error(answer.message);
  };
  return { send, close: () => client.close() };
}

function grpcJs(encoding: Encoding): { send: Send; close: () => void } {
  const algorithm = compressionAlgorithms[encoding === 'gzip' ? 'gzip' : 'identity'];
  const options = { 'grpc.default_compression_algorithm': algorithm, 'grpc.max_send_message_length': -1 };
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure(), options);
  const same = (message: Buffer) => message;
  const send: Send = () =>
    new Promise((resolve, reject) => {
      client.makeUnaryRequest(path, same, same, bytes, { deadline: Date.now() + 10_000 }, (error) =>
        error ? reject(error) : resolve(),
      );
    });
  return { send, close: () => client.close() };
}

/** Four requests under way, as an exporter has; spans per CPU-second. */
async function measure({ send, close }: { send: Send; close: () => void }, encoding: Encoding): Promise<number> {
  const run = async (count: number) => {
    let left = count;
    const consume = async () => {
      while (left-- > 0) await send(encoding);
    };
    await Promise.all([consume(), consume(), consume(), consume()]);
  };
  await run(50);
  const before = process.cpuUsage();
  await run(requests);
  const { user, system } = process.cpuUsage(before);
  close();
  return (requests * spans) / ((user + system) / 1e6);
}

for (const encoding of ['gzip', 'none'] as const) {
  const results = { ours: [] as number[], grpcJs: [] as number[] };
  for (let round = 0; round < rounds; round++) {
    results.ours.push(await measure(ours(), encoding));
    results.grpcJs.push(await measure(grpcJs(encoding), encoding));
  }
  const [a, b] = [median(results.ours), median(results.grpcJs)];
  const k = (value: number) => `${Math.round(value / 1000)} k`;
  console.log(`${encoding}: ours ${k(a)}, grpc-js ${k(b)} spans per CPU-second: ${(a / b).toFixed(2)} ×`);
}
sink.child.kill();
process.exit();
