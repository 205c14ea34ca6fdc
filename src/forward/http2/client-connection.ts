import type { Reply } from '../../export/grpc/call.ts';
import { Allowance } from '../../receive/http2/allowance.ts';
import { mustBeAllowed, nameOf, protocolError } from '../../receive/http2/frame-rules.ts';
import { FrameScanner, type FrameSink } from '../../receive/http2/frame-scanner.ts';
import { HeaderBlock } from '../../receive/http2/header-block.ts';
import { maxListBytes } from '../../receive/http2/header-decoder.ts';
import { PeerSettings } from '../../receive/http2/peer-settings.ts';
import {
  ConnectionError,
  defaultWindow,
  ErrorCode,
  Flag,
  FrameType,
  largestWindow,
  Setting,
} from '../../receive/http2/protocol.ts';
import { CallSender, type Send } from './call-sender.ts';
import { ClientCall } from './client-call.ts';

/** Of answers, which are short: the window that every connection and stream begins with. */
const receiveWindow = defaultWindow;
const largestStream = 2 ** 31 - 1;
/** Frames that have to be answered and bring nothing forward: at once, a second, and earned by each answer. */
const nuisance = { burst: 1000, perSecond: 100, earnedByAnswer: 10 };
const nothing = new Uint8Array(0);

interface ClientConnectionOptions {
  readonly send: Send;
  /** The server's settings have come: it speaks HTTP/2. */
  readonly opened: () => void;
  /** Nothing more will be sent or read: the socket is to be ended. */
  readonly finished: () => void;
  /** Milliseconds of the monotonic clock. */
  readonly now: () => number;
}

/**
 * The client's side of one HTTP/2 connection: bytes in, bytes out, no socket. It makes unary calls, whose message is
 * never copied, and takes no pushes. Source: RFC 9113.
 */
export class ClientConnection implements FrameSink {
  readonly #options: ClientConnectionOptions;
  readonly #sender: CallSender;
  readonly #scanner = new FrameScanner(this, nothing);
  readonly #block = new HeaderBlock('responses');
  readonly #peer = new PeerSettings();
  readonly #allowance: Allowance;
  /** Those that have begun, by stream; and those that wait until there may be more streams. */
  readonly #calls = new Map<number, ClientCall>();
  readonly #waiting = new Set<ClientCall>();
  #unacknowledged = 0;
  #nextStream = 1;
  /** The call of the DATA frame under way, and its flags. */
  #dataOf: ClientCall | undefined = undefined;
  #dataFlags = 0;
  #reading = false;
  #isClosed = false;
  #isOver = false;

  constructor(options: ClientConnectionOptions) {
    this.#options = options;
    this.#sender = new CallSender(options.send);
    this.#allowance = new Allowance(nuisance.burst, nuisance.perSecond, options.now());
    this.#sender.writer.settings([
      [Setting.ENABLE_PUSH, 0],
      [Setting.MAX_HEADER_LIST_SIZE, maxListBytes],
    ]);
    this.#flush();
  }

  /** It takes no new calls. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /**
   * Begins a call: `headers` as encodeHeaders has them, and a message, whose bytes are lent. `told` is called once, when
   * the answer is whole or there is no more of it.
   */
  call(headers: Uint8Array, pieces: readonly Uint8Array[], told: (reply: Reply) => void): ClientCall {
    const call = new ClientCall(headers, pieces, told);
    if (this.#isClosed) call.fail('the connection takes no more calls');
    else {
      this.#waiting.add(call);
      this.#beginWaiting();
      this.#flush();
    }
    return call;
  }

  /** Gives a call up; what was written of its message may still be read. */
  cancel(call: ClientCall, why: string): void {
    if (this.#waiting.delete(call)) call.fail(why);
    else if (this.#calls.has(call.id)) this.#giveUp(call, ErrorCode.CANCEL, why);
    else call.abandon(why);
    this.#flush();
  }

  /** Takes no more calls, and ends when those under way have. */
  close(): void {
    this.#isClosed = true;
    this.#flush();
  }

  /** The socket is gone. */
  lost(why: string): void {
    this.#isOver = true;
    this.#isClosed = true;
    for (const call of [...this.#calls.values(), ...this.#waiting, ...this.#sender.unwritten]) call.fail(why);
    this.#calls.clear();
    this.#waiting.clear();
    this.#sender.unwritten.clear();
  }

  /** Takes `length` bytes from the server. */
  read(bytes: Buffer, length: number): void {
    if (this.#isOver) return;
    this.#reading = true;
    try {
      this.#scanner.read(bytes, length);
    } catch (error) {
      if (!(error instanceof ConnectionError)) throw error;
      this.#sender.writer.goAway(0, error.code, error.message);
      this.#isClosed = true;
      for (const call of this.#calls.values()) call.fail(`the answer breaks HTTP/2's rules: ${error.message}`);
      for (const call of this.#waiting) call.fail(error.message);
      this.#calls.clear();
      this.#waiting.clear();
    } finally {
      this.#reading = false;
      this.#flush();
    }
  }

  beginData(id: number, bytes: number, flags: number): void {
    this.#block.mustBeOver();
    this.#peer.mustHaveCome(FrameType.DATA, flags);
    this.#mustHaveBegun(id, FrameType.DATA);
    this.#received(bytes);
    const call = this.#calls.get(id);
    this.#dataOf = call;
    this.#dataFlags = flags;
    if (call === undefined) return;
    if (call.head === undefined) {
      this.#giveUp(call, ErrorCode.PROTOCOL_ERROR, 'an answer that begins with DATA');
      this.#dataOf = undefined;
    } else if ((flags & Flag.END_STREAM) === 0) this.#receivedOn(call, bytes);
  }

  data(bytes: Buffer, start: number, end: number): void {
    const call = this.#dataOf;
    if (call === undefined || call.take(bytes, start, end)) return;
    this.#giveUp(call, ErrorCode.CANCEL, 'an answer that is too long');
    this.#dataOf = undefined;
  }

  endData(): void {
    if (this.#dataOf !== undefined && (this.#dataFlags & Flag.END_STREAM) !== 0) this.#answered(this.#dataOf);
  }

  frame(type: number, flags: number, id: number, bytes: Buffer, start: number, end: number): void {
    if (type !== FrameType.CONTINUATION) this.#block.mustBeOver();
    this.#peer.mustHaveCome(type, flags);
    mustBeAllowed(type, id, end - start);
    switch (type) {
      case FrameType.HEADERS:
        if (this.#block.begin(id, flags, bytes, start, end)) this.#headers();
        return;
      case FrameType.CONTINUATION:
        this.#charge();
        if (this.#block.add(id, flags, bytes, start, end)) this.#headers();
        return;
      case FrameType.RST_STREAM:
        this.#reset(id, bytes.readUInt32BE(start));
        return;
      case FrameType.SETTINGS:
        this.#charge();
        this.#settings(flags, bytes, start, end);
        return;
      case FrameType.PING:
        this.#charge();
        if ((flags & Flag.ACK) === 0) this.#sender.writer.ackPing(bytes, start);
        return;
      case FrameType.GOAWAY:
        this.#goAway(bytes.readUInt32BE(start) & 0x7fff_ffff);
        return;
      case FrameType.WINDOW_UPDATE:
        this.#windowUpdate(id, bytes.readUInt32BE(start) & 0x7fff_ffff);
        return;
      default:
      // Priorities, and frames of unknown types, are passed over (RFC 9113, 4.1).
    }
  }

  #beginWaiting(): void {
    for (const call of this.#waiting) {
      if (this.#calls.size >= this.#peer.maxStreams) return;
      this.#waiting.delete(call);
      if (this.#nextStream > largestStream) {
        this.#isClosed = true;
        call.fail('the connection has no streams left');
        continue;
      }
      call.id = this.#nextStream;
      this.#nextStream += 2;
      call.sendWindow = this.#peer.initialWindow;
      this.#calls.set(call.id, call);
      this.#sender.writer.headers(call.id, call.headers, 0);
      this.#sender.pump(call);
    }
  }

  #flush(): void {
    if (this.#reading || this.#isOver) return;
    this.#sender.flush();
    if (!this.#isClosed || this.#calls.size + this.#waiting.size > 0) return;
    this.#isOver = true;
    this.#options.finished();
  }

  /** A block of headers is complete: it is decoded whoever it is for, as it may have changed the table. */
  #headers(): void {
    const { id, endStream } = this.#block;
    const call = this.#calls.get(id);
    const headers = this.#block.decode(call?.head !== undefined);
    this.#mustHaveBegun(id, FrameType.HEADERS);
    if (call === undefined) return;
    const isInterim = call.head === undefined && typeof headers !== 'string' && headers[':status']?.startsWith('1');
    if (typeof headers === 'string' || (endStream ? isInterim : call.head !== undefined)) {
      const fault = typeof headers === 'string' ? headers : 'out of their order';
      this.#giveUp(call, ErrorCode.PROTOCOL_ERROR, `headers that are ${fault}`);
      return;
    }
    if (isInterim) return;
    if (call.head === undefined) call.head = headers;
    else call.trailers = headers;
    if (endStream) this.#answered(call);
  }

  /** A server that answers before it has heard everything need not hear the rest (RFC 9113, 8.1). */
  #answered(call: ClientCall): void {
    if (call.leftBytes > 0) this.#sender.writer.reset(call.id, ErrorCode.NO_ERROR);
    this.#allowance.earn(nuisance.earnedByAnswer);
    this.#forget(call);
    this.#sender.end(call);
  }

  #giveUp(call: ClientCall, code: ErrorCode, why: string): void {
    this.#sender.writer.reset(call.id, code);
    this.#forget(call);
    call.fail(why);
  }

  #forget(call: ClientCall): void {
    this.#calls.delete(call.id);
    this.#beginWaiting();
  }

  #reset(id: number, code: number): void {
    this.#mustHaveBegun(id, FrameType.RST_STREAM);
    const call = this.#calls.get(id);
    if (call === undefined) return;
    this.#forget(call);
    call.fail(`it reset the call with error ${code}`, call.head === undefined && code === ErrorCode.REFUSED_STREAM);
  }

  /** Calls behind `last` were not looked at, and those that wait go elsewhere (RFC 9113, 6.8). */
  #goAway(last: number): void {
    this.#isClosed = true;
    for (const call of this.#waiting) call.fail('it is going away');
    this.#waiting.clear();
    for (const call of this.#calls.values()) {
      if (call.id <= last) continue;
      this.#calls.delete(call.id);
      call.fail('it is going away', true);
    }
  }

  #settings(flags: number, bytes: Buffer, start: number, end: number): void {
    const isFirst = !this.#peer.received;
    const grown = this.#peer.read(flags, bytes, start, end);
    if ((flags & Flag.ACK) !== 0) return;
    this.#sender.writer.ackSettings();
    for (const call of grown === 0 ? [] : this.#calls.values()) {
      call.sendWindow += grown;
      if (call.sendWindow > largestWindow) throw overflow();
      this.#sender.pump(call);
    }
    this.#beginWaiting();
    if (isFirst) this.#options.opened();
  }

  #windowUpdate(id: number, increment: number): void {
    if (id !== 0) this.#mustHaveBegun(id, FrameType.WINDOW_UPDATE);
    const call = this.#calls.get(id);
    if (id !== 0 && call === undefined) return;
    if (call !== undefined) {
      call.sendWindow += increment;
      if (increment === 0) this.#giveUp(call, ErrorCode.PROTOCOL_ERROR, 'it opened a window by nothing');
      else if (call.sendWindow > largestWindow) this.#giveUp(call, ErrorCode.FLOW_CONTROL_ERROR, 'a window overflow');
      else this.#sender.pump(call);
      return;
    }
    this.#sender.window += increment;
    if (increment === 0) throw protocolError('WINDOW_UPDATE by 0');
    if (this.#sender.window > largestWindow) throw overflow();
    for (const waiting of this.#calls.values()) this.#sender.pump(waiting);
  }

  #received(bytes: number): void {
    this.#unacknowledged += bytes;
    if (this.#unacknowledged < receiveWindow / 2) return;
    this.#sender.writer.windowUpdate(0, this.#unacknowledged);
    this.#unacknowledged = 0;
  }

  #receivedOn(call: ClientCall, bytes: number): void {
    call.unacknowledged += bytes;
    if (call.unacknowledged < receiveWindow / 2) return;
    this.#sender.writer.windowUpdate(call.id, call.unacknowledged);
    call.unacknowledged = 0;
  }

  #charge(): void {
    if (!this.#allowance.spend(1, this.#options.now()))
      throw new ConnectionError(ErrorCode.ENHANCE_YOUR_CALM, 'too many frames that bring nothing forward');
  }

  /** Streams that nobody began are idle (RFC 9113, 5.1). */
  #mustHaveBegun(id: number, type: number): void {
    if (id >= this.#nextStream || id % 2 === 0) throw protocolError(`${nameOf(type)} on stream ${id}, which is idle`);
  }
}

const overflow = (): ConnectionError => new ConnectionError(ErrorCode.FLOW_CONTROL_ERROR, 'window overflow');
