import type { Socket } from 'node:net';
import type { Client } from './http2-client.ts';
import { dial } from './ports.ts';

/** OTLP/HTTP with protobuf on a bare keep-alive connection, one request after the other. */
export class HttpClient implements Client {
  readonly #socket: Socket;
  #answer = '';
  #done: ((ok: boolean) => void) | undefined = undefined;

  readonly #head: string;

  constructor(port: number, gzip = false, ca?: string) {
    const encoding = gzip ? 'content-encoding: gzip\r\n' : '';
    this.#head = `POST /v1/traces HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/x-protobuf\r\n${encoding}`;
    this.#socket = dial(port, 'http/1.1', ca);
    this.#socket.on('data', (chunk: Buffer) => this.#read(chunk));
    this.#socket.on('error', () => {});
    this.#socket.on('close', () => this.#end(false));
  }

  send(message: Buffer): Promise<boolean> {
    return new Promise((done) => {
      this.#done = done;
      this.#socket.cork();
      this.#socket.write(`${this.#head}content-length: ${message.length}\r\n\r\n`, 'latin1');
      this.#socket.write(message);
      this.#socket.uncork();
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  #read(chunk: Buffer): void {
    this.#answer += chunk.toString('latin1');
    const body = this.#answer.indexOf('\r\n\r\n') + 4;
    if (body < 4) return;
    const length = Number(/\r\ncontent-length: *(\d+)/i.exec(this.#answer)?.[1] ?? 0);
    if (this.#answer.length >= body + length) this.#end(this.#answer.startsWith('HTTP/1.1 200'));
  }

  #end(ok: boolean): void {
    const done = this.#done;
    this.#done = undefined;
    this.#answer = '';
    done?.(ok);
  }
}
