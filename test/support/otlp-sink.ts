import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';
import { decodeRequest, type RequestObject, type SpanObject, spansIn } from './otlp.ts';

/** How a sink answers its nth request, from 1; it may take its time. */
export type SinkAnswer = (nth: number) => Reply | Promise<Reply>;
interface Reply {
  readonly status: number;
  readonly headers?: Record<string, string>;
}

/**
 * An OTLP/HTTP server in the test's process, in the place of Tempo. It remembers what it took, decoded by an
 * independent implementation.
 */
export interface OtlpSink {
  readonly url: string;
  /** What was answered with 200, in order. */
  readonly taken: readonly RequestObject[];
  /** The same, as bytes. */
  readonly bodies: readonly Buffer[];
  /** With what each of them came. */
  readonly heads: readonly { readonly path: string; readonly headers: IncomingHttpHeaders }[];
  /** Requests that came, whatever the answer. */
  readonly asked: number;
  spans(): SpanObject[];
  /** How it answers from now on. */
  answers(answer: SinkAnswer): void;
  [Symbol.asyncDispose](): Promise<void>;
}

export async function startSink(port = 0): Promise<OtlpSink> {
  const taken: RequestObject[] = [];
  const bodies: Buffer[] = [];
  const heads: { path: string; headers: IncomingHttpHeaders }[] = [];
  let answer: SinkAnswer = () => ({ status: 200 });
  let asked = 0;
  const server = createServer(async (request, response) => {
    const body = await bodyOf(request);
    const reply = await answer(++asked);
    if (reply.status === 200) {
      taken.push(decodeRequest(body));
      bodies.push(body);
      heads.push({ path: request.url as string, headers: request.headers });
    }
    respond(response, reply);
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    taken,
    bodies,
    heads,
    get asked() {
      return asked;
    },
    spans: () => taken.flatMap(spansIn),
    answers: (next) => void (answer = next),
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  const raw = Buffer.concat(chunks);
  return request.headers['content-encoding'] === 'gzip' ? gunzipSync(raw) : raw;
}

function respond(response: ServerResponse, { status, headers }: Reply): void {
  response.writeHead(status, { 'content-type': 'application/x-protobuf', ...headers }).end();
}
