import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

/** One request that Consul got, and the answer to give it. */
export interface Asked {
  readonly url: URL;
  readonly headers: IncomingMessage['headers'];
  /** JSON with `index` in X-Consul-Index; 404 for no items, as Consul does. */
  answer(
    index: number | undefined,
    items: Record<string, string>,
    extra?: { status?: number; headers?: Record<string, string> },
  ): void;
  /** Anything at all. */
  raw(status: number, headers: Record<string, string>, body: string): void;
  /** Headers that promise more than follows, then the connection ends. */
  cutShort(): void;
  hangUp(): void;
  /** Resolves when whoever asked went away. */
  readonly gone: Promise<void>;
}

/**
 * Consul's KV over HTTP, each answer given by the test: it can fail in ways that a real one only does in production.
 */
export interface FakeConsul extends AsyncDisposable {
  readonly address: string;
  /** The next request, in order. */
  next(): Promise<Asked>;
}

export async function fakeConsul(): Promise<FakeConsul> {
  const asked: Asked[] = [];
  const waiting: ((asked: Asked) => void)[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((request, response) => {
    const one = toAsked(request, response);
    const taker = waiting.shift();
    if (taker) taker(one);
    else asked.push(one);
  });
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    next: () => {
      const one = asked.shift();
      return one ? Promise.resolve(one) : new Promise((resolve) => waiting.push(resolve));
    },
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function toAsked(request: IncomingMessage, response: ServerResponse): Asked {
  const url = new URL(request.url ?? '/', 'http://fake');
  const folder = decodeURIComponent(url.pathname.replace('/v1/kv/', ''));
  return {
    url,
    headers: request.headers,
    answer: (index, items, extra = {}) => {
      const entries = Object.entries(items).map(([key, value]) => ({
        Key: folder + key,
        Value: Buffer.from(value).toString('base64'),
      }));
      response.writeHead(extra.status ?? (entries.length > 0 ? 200 : 404), {
        'content-type': 'application/json',
        ...(index !== undefined && { 'x-consul-index': String(index) }),
        ...extra.headers,
      });
      response.end(entries.length > 0 ? JSON.stringify(entries) : '');
    },
    raw: (status, headers, body) => response.writeHead(status, headers).end(body),
    cutShort: () => {
      response.writeHead(200, { 'content-type': 'application/json', 'x-consul-index': '9', 'content-length': '5000' });
      response.write('[{"Key":', () => request.socket.destroy());
    },
    hangUp: () => request.socket.destroy(),
    gone: new Promise((resolve) => request.socket.once('close', () => resolve())),
  };
}
