import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { factsOf } from '../../../../src/cli/obsctl/archive/trace-facts.ts';
import { message } from './odd-trace.ts';

/** Answers the second version of Tempo's trace API in protobuf, from what it was given by hex id. */
export class FakeTempo {
  readonly traces = new Map<string, Uint8Array>();
  readonly asked: string[] = [];
  /** What was restored. */
  readonly taken: Buffer[] = [];
  keeps = true;
  /** To what is restored. */
  answer: Uint8Array = new Uint8Array(0);
  /** Called before each answer; true where it answered. */
  before: (request: IncomingMessage, response: ServerResponse) => boolean | Promise<boolean> = () => false;
  readonly #server: Server;

  constructor() {
    this.#server = createServer((request, response) => void this.#answer(request, response));
  }

  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  stop(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  /** Takes what is restored, by OTLP or as the gateway does, one span or more of one trace a request. */
  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part);
    const body = Buffer.concat(parts);
    this.taken.push(body);
    const { traceId } = factsOf(body, undefined);
    if (this.keeps) this.traces.set(traceId, Buffer.concat([this.traces.get(traceId) ?? Buffer.alloc(0), body]));
    response.end(this.answer);
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.asked.push(`${request.method} ${request.url}`);
    if (await this.before(request, response)) return;
    if (request.method === 'POST') return this.#take(request, response);
    const id = /^\/api\/v2\/traces\/([0-9a-f]{32})$/.exec(request.url ?? '')?.[1];
    if (id === undefined || request.headers.accept !== 'application/protobuf') {
      response.statusCode = 404;
      return void response.end('not found');
    }
    const trace = this.traces.get(id) ?? new Uint8Array(0);
    response.setHeader('content-type', 'application/protobuf');
    response.end(message(1, (w) => w.raw(trace)));
  }
}
