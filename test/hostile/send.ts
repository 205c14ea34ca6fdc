import http from 'node:http';
import net from 'node:net';
import { constants, gzipSync } from 'node:zlib';

/** A POST to /v1/traces; its status, or why there is none. */
export function post(
  address: string,
  body: Buffer,
  headers: Record<string, string> = {},
): Promise<{ status: number; text: string }> {
  const [host, port] = address.split(':');
  return new Promise((resolve) => {
    const request = http.request(
      {
        host,
        port,
        path: '/v1/traces',
        method: 'POST',
        headers: { 'content-type': 'application/x-protobuf', 'content-length': body.length, ...headers },
      },
      (response) => {
        let text = '';
        response.on('data', (chunk) => (text += chunk));
        response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
        response.on('error', ({ message }) => resolve({ status: 0, text: message }));
      },
    );
    request.on('error', ({ message }) => resolve({ status: 0, text: message }));
    request.end(body);
  });
}

export const json = { 'content-type': 'application/json' };
export const gzipped = { 'content-encoding': 'gzip' };

/** `before`, then `unit` until there are so many bytes, then `after`, in gzip. */
export function bomb(before: string, unit: string, after: string, bytes: number): Buffer {
  const text = Buffer.concat([
    Buffer.from(before),
    Buffer.alloc(Math.floor(bytes / unit.length) * unit.length, unit),
    Buffer.from(after),
  ]);
  return gzipSync(text, { level: constants.Z_BEST_COMPRESSION });
}

/** Writes to a bare connection and hears what comes until it ends, or `forMs` is over. */
export function write(address: string, parts: Iterable<Buffer>, forMs: number): Promise<string> {
  const [host, port] = address.split(':');
  return new Promise((resolve) => {
    let heard = '';
    const socket = net.connect(Number(port), host);
    const end = (): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(heard);
    };
    const timer = setTimeout(end, forMs);
    socket.on('data', (chunk) => (heard += chunk.toString('latin1')));
    socket.on('error', end);
    socket.on('close', end);
    void (async () => {
      for (const part of parts) {
        if (socket.destroyed) return;
        if (!socket.write(part)) await new Promise((drained) => socket.once('drain', drained).once('close', drained));
      }
    })();
  });
}
