import type { Socket } from 'node:net';
import { dial } from './ports.ts';

/**
 * A unary client that does nothing but send prepared bytes: what it costs is taken from the machine that is measured.
 */
export interface Client {
  /** True when the request was answered with success. `message` is the client's until then. */
  send(message: Buffer): Promise<boolean>;
  close(): void;
}

const Type = { DATA: 0, HEADERS: 1, RST_STREAM: 3, SETTINGS: 4, PING: 6, GOAWAY: 7, WINDOW_UPDATE: 8 } as const;
const END_STREAM = 1;
const ACK = 1;
const headBytes = 9;
/** Of DATA: what Go's and Node's clients send, whatever a server permits. */
const maxFrame = 16_384;
const path = '/opentelemetry.proto.collector.trace.v1.TraceService/Export';

/**
 * HPACK: what no table knows goes into the table with the first request, and is one byte in all others (RFC 7541, 6.1,
 * 6.2.1).
 */
const text = (value: string): number[] => [value.length, ...Buffer.from(value)];
const firstHeaders = Buffer.from([
  ...[0x83, 0x86, 0x44, ...text(path), 0x41, ...text('localhost')],
  ...[0x5f, ...text('application/grpc'), 0x40, ...text('te'), ...text('trailers')],
]);
const laterHeaders = Buffer.from([0x83, 0x86, 0xc1, 0xc0, 0xbf, 0xbe]);
const gzipFirst = Buffer.concat([firstHeaders, Buffer.from([0x40, ...text('grpc-encoding'), ...text('gzip')])]);
const gzipLater = Buffer.from([0x83, 0x86, 0xc2, 0xc1, 0xc0, 0xbf, 0xbe]);

interface Call {
  readonly message: Buffer;
  sent: number;
  window: number;
  /** A unary call has a message in its answer when and only when it went well. */
  answered: boolean;
  readonly done: (ok: boolean) => void;
}

/**
 * gRPC on a bare socket, with prior knowledge (RFC 9113): Node's own client spends more on a request than what is
 * measured does, and would hold it back. Flow control, settings, pings and resets are kept; whatever else comes is not
 * looked at.
 */
export class GrpcClient implements Client {
  readonly #socket: Socket;
  readonly #headers: { readonly first: Buffer; readonly later: Buffer };
  readonly #calls = new Map<number, Call>();
  /** Calls whose message is not wholly sent yet. */
  readonly #sending = new Map<number, Call>();
  #pending: Buffer = Buffer.alloc(0);
  #nextStream = 1;
  #window = 65_535;
  #streamWindow = 65_535;

  /** `gzip`: what the messages' prefix says too. `ca`: with TLS. */
  constructor(port: number, gzip = false, ca?: string) {
    this.#headers = gzip ? { first: gzipFirst, later: gzipLater } : { first: firstHeaders, later: laterHeaders };
    this.#socket = dial(port, 'h2', ca);
    this.#socket.on('data', (chunk: Buffer) => this.#read(chunk));
    this.#socket.on('error', () => this.close());
    this.#socket.on('close', () => this.#fail());
    const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');
    // The answers of a run are a few bytes each: one window as large as there are does for all of them.
    const window = frame(Type.WINDOW_UPDATE, 0, 0, Buffer.from([0x7f, 0xff, 0, 0]));
    this.#socket.write(Buffer.concat([preface, frame(Type.SETTINGS, 0, 0, Buffer.alloc(0)), window]));
  }

  send(message: Buffer): Promise<boolean> {
    const id = this.#nextStream;
    this.#nextStream += 2;
    return new Promise((done) => {
      const call = { message, sent: 0, window: this.#streamWindow, answered: false, done };
      this.#calls.set(id, call);
      this.#sending.set(id, call);
      this.#socket.cork();
      this.#socket.write(frame(Type.HEADERS, 4, id, id === 1 ? this.#headers.first : this.#headers.later));
      this.#push(id, call);
      this.#socket.uncork();
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  #push(id: number, call: Call): void {
    const { message } = call;
    while (call.sent < message.length) {
      const bytes = Math.min(message.length - call.sent, this.#window, call.window, maxFrame);
      if (bytes <= 0) return;
      const last = call.sent + bytes === message.length;
      this.#socket.write(head(bytes, Type.DATA, last ? END_STREAM : 0, id));
      this.#socket.write(message.subarray(call.sent, call.sent + bytes));
      call.sent += bytes;
      call.window -= bytes;
      this.#window -= bytes;
    }
    this.#sending.delete(id);
  }

  #pushAll(): void {
    this.#socket.cork();
    for (const [id, call] of this.#sending) this.#push(id, call);
    this.#socket.uncork();
  }

  #read(chunk: Buffer): void {
    const bytes = this.#pending.length > 0 ? Buffer.concat([this.#pending, chunk]) : chunk;
    let at = 0;
    while (bytes.length - at >= headBytes) {
      const length = bytes.readUIntBE(at, 3);
      if (bytes.length - at < headBytes + length) break;
      const body = bytes.subarray(at + headBytes, at + headBytes + length);
      this.#frame(bytes[at + 3], bytes[at + 4], bytes.readUInt32BE(at + 5), body);
      at += headBytes + length;
    }
    this.#pending = bytes.subarray(at);
    if (this.#sending.size > 0) this.#pushAll();
  }

  #frame(type: number, flags: number, id: number, body: Buffer): void {
    const call = this.#calls.get(id);
    if (type === Type.WINDOW_UPDATE) {
      if (id === 0) this.#window += body.readUInt32BE(0);
      else if (call) call.window += body.readUInt32BE(0);
    } else if (type === Type.SETTINGS && flags !== ACK) this.#settings(body);
    else if (type === Type.PING && flags !== ACK) this.#socket.write(frame(Type.PING, ACK, 0, Buffer.from(body)));
    else if (type === Type.DATA && call) call.answered = true;
    if (type === Type.RST_STREAM) this.#end(id, call?.answered ?? false);
    else if ((type === Type.DATA || type === Type.HEADERS) && (flags & END_STREAM) !== 0)
      this.#end(id, call?.answered ?? false);
  }

  #settings(body: Buffer): void {
    for (let at = 0; at + 6 <= body.length; at += 6) {
      const value = body.readUInt32BE(at + 2);
      if (body.readUInt16BE(at) !== 4) continue;
      for (const call of this.#calls.values()) call.window += value - this.#streamWindow;
      this.#streamWindow = value;
    }
    this.#socket.write(frame(Type.SETTINGS, ACK, 0, Buffer.alloc(0)));
  }

  #end(id: number, ok: boolean): void {
    const call = this.#calls.get(id);
    this.#calls.delete(id);
    this.#sending.delete(id);
    call?.done(ok);
  }

  #fail(): void {
    for (const id of [...this.#calls.keys()]) this.#end(id, false);
  }
}

function head(length: number, type: number, flags: number, id: number): Buffer {
  const bytes = Buffer.allocUnsafe(headBytes);
  bytes.writeUIntBE(length, 0, 3);
  bytes[3] = type;
  bytes[4] = flags;
  bytes.writeUInt32BE(id, 5);
  return bytes;
}

const frame = (type: number, flags: number, id: number, body: Buffer): Buffer =>
  Buffer.concat([head(body.length, type, flags, id), body]);
