import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { type ChannelOptions, Client, compressionAlgorithms, credentials } from '@grpc/grpc-js';

const exportPath = '/opentelemetry.proto.collector.trace.v1.TraceService/Export';
const asIs = (bytes: Buffer): Buffer => bytes;
const deadlineMs = 20_000;

/**
 * Sends export requests as SDKs do, by grpc-js and by fetch. Rejects what is not taken; but a gateway that a busy machine
 * holds up says "try again later", and is tried again.
 */
export interface Sender {
  grpc(body: Uint8Array, encoding?: 'gzip'): Promise<Buffer>;
  http(body: Uint8Array | string, encoding?: 'gzip'): Promise<Buffer>;
  close(): void;
}

/** `grpc` and `http` are `host:port`. */
export function senderTo({ grpc, http }: { readonly grpc: string; readonly http: string }): Sender {
  const plain = connect(grpc, {});
  const zipped = connect(grpc, { 'grpc.default_compression_algorithm': compressionAlgorithms.gzip });
  return {
    grpc: (body, encoding) => taken(() => unary(encoding === 'gzip' ? zipped : plain, Buffer.from(body))),
    http: (body, encoding) => taken(() => post(`http://${http}/v1/traces`, body, encoding)),
    close: () => {
      plain.close();
      zipped.close();
    },
  };
}

/** Both protocols tell the reason in these words (src/receive/inbound.ts). */
const isHeldUp = (error: unknown): boolean =>
  String(error).includes('too much to do (the event loop is held up') && String(error).includes('try again later');

async function taken(send: () => Promise<Buffer>): Promise<Buffer> {
  for (const until = performance.now() + deadlineMs; ; await sleep(200)) {
    try {
      return await send();
    } catch (error) {
      if (!isHeldUp(error) || performance.now() > until) throw error;
    }
  }
}

const connect = (address: string, options: ChannelOptions): Client =>
  new Client(address, credentials.createInsecure(), options);

const unary = (client: Client, body: Buffer): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    client.makeUnaryRequest(exportPath, asIs, asIs, body, { deadline: Date.now() + deadlineMs }, (error, response) =>
      error ? reject(error) : resolve(response as Buffer),
    );
  });

/** A text is OTLP/JSON, bytes are protobuf. */
async function post(url: string, body: Uint8Array | string, encoding?: 'gzip'): Promise<Buffer> {
  const type = typeof body === 'string' ? 'application/json' : 'application/x-protobuf';
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': type, ...(encoding && { 'content-encoding': encoding }) },
    body: (encoding === 'gzip' ? await promisify(gzip)(body) : body) as NonNullable<RequestInit['body']>,
    signal: AbortSignal.timeout(deadlineMs),
  });
  const answer = Buffer.from(await response.arrayBuffer());
  if (!response.ok) throw new Error(`HTTP ${response.status}: ${answer}`);
  return answer;
}
