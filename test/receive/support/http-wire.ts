import type net from 'node:net';
import { until } from './receivers.ts';
import { dial } from './transport.ts';

/** A request as it goes over the wire; `more` are lines of its head. */
export const post = (body: Buffer, type = 'application/x-protobuf', more = '', target = '/v1/traces'): Buffer =>
  Buffer.concat([
    Buffer.from(
      `POST ${target} HTTP/1.1\r\nHost: x\r\nContent-Type: ${type}\r\n${more}Content-Length: ${body.length}\r\n\r\n`,
    ),
    body,
  ]);

/** A bare connection: what is written, and the statuses that have come back. */
export class Wire implements Disposable {
  readonly #socket: net.Socket;
  text = '';
  ended = false;

  constructor({ port }: { readonly port: number }) {
    this.#socket = dial(port).setNoDelay(true);
    this.#socket.on('data', (chunk) => (this.text += chunk.toString('latin1')));
    this.#socket.on('end', () => (this.ended = true));
    this.#socket.on('error', () => {});
  }

  get statuses(): number[] {
    return [...this.text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status));
  }

  write(bytes: Buffer): Promise<void> {
    return new Promise((resolve) => this.#socket.write(bytes, () => resolve()));
  }

  async answers(count: number): Promise<number[]> {
    await until(() => this.statuses.length >= count);
    return this.statuses;
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  end(): void {
    this.#socket.end();
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }
}
