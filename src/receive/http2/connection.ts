import { Roster } from '../roster.ts';
import { Allowance } from './allowance.ts';
import { mustBeAllowed, nameOf, protocolError } from './frame-rules.ts';
import { FrameScanner, type FrameSink } from './frame-scanner.ts';
import { FrameWriter } from './frame-writer.ts';
import { HeaderBlock } from './header-block.ts';
import { type Headers, maxListBytes } from './header-decoder.ts';
import { PeerSettings } from './peer-settings.ts';
import { ConnectionError, defaultWindow, ErrorCode, Flag, FrameType, largestWindow, Setting } from './protocol.ts';
import { Stream, type StreamHandler, type StreamHost } from './stream.ts';

const MiB = 1024 * 1024;
/**
 * Wide windows, since a batch of spans is several times the usual 64 KiB and every window update costs a round trip.
 */
const streamWindow = 4 * MiB;
const connectionWindow = 16 * MiB;
const maxStreams = 1000;
const largestStream = 2 ** 31 - 1;
/**
 * Frames that bring nothing forward: at once, a second, and earned by each answer. A reset costs three: 33 a second for
 * ever, and at once as many as there are requests that a client can give up.
 */
const nuisance = { burst: 3000, perSecond: 100, earnedByAnswer: 10 };
const resetCost = 3;

interface ConnectionOptions {
  /** A request's head has come: who serves it. */
  readonly serve: (stream: Stream, headers: Headers) => StreamHandler;
  /** Bytes for the client; they are the receiver's to keep. */
  readonly send: (bytes: Buffer) => void;
  /** Nothing more will be sent: the socket is to be ended. */
  readonly finished: () => void;
  /** The client broke a rule, on the connection or on one of its streams. */
  readonly broken?: (why: string) => void;
  /** Milliseconds of the monotonic clock, coarse. */
  readonly now: () => number;
}

/**
 * The server's side of one HTTP/2 connection: bytes in, bytes out, no socket and no clock. It serves requests that have
 * a body and a short answer, no pushes and no priorities. Source: RFC 9113; the errors it answers are the ones that
 * h2spec expects.
 */
export class Connection implements FrameSink, StreamHost {
  readonly writer = new FrameWriter();
  sendWindow = defaultWindow;
  waitingBytes = 0;
  readonly streams = new Roster<Stream>();
  /** Goes up with all that came whole: a frame, or a block of headers. */
  progress = 0;
  readonly #options: ConnectionOptions;
  readonly #scanner = new FrameScanner(this);
  readonly #block = new HeaderBlock();
  readonly #peer = new PeerSettings();
  readonly #allowance: Allowance;
  /** Streams that we ended before the client did: what is still on its way is dropped. */
  readonly #abandoned = new Set<number>();
  /** Bytes of DATA that came since the connection's window was last opened again. */
  #unacknowledged = 0;
  #lastStream = 0;
  #idleSince: number;
  /** The stream of the DATA frame under way, and its flags. */
  #dataOf: Stream | undefined = undefined;
  #dataFlags = 0;
  #reading = false;
  #goingAway = false;
  /** Named by our last GOAWAY. */
  #lastPromised = largestStream;
  /** Nothing is read or written any more. */
  #isOver = false;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.#idleSince = options.now();
    this.#allowance = new Allowance(nuisance.burst, nuisance.perSecond, options.now());
    this.writer.settings([
      [Setting.MAX_CONCURRENT_STREAMS, maxStreams],
      [Setting.INITIAL_WINDOW_SIZE, streamWindow],
      [Setting.MAX_HEADER_LIST_SIZE, maxListBytes],
    ]);
    // They leave with what the client's first bytes bring about: whoever speaks another protocol is answered in that.
    this.writer.windowUpdate(0, connectionWindow - defaultWindow);
  }

  /** The client's settings have come: it speaks HTTP/2. */
  get isOpen(): boolean {
    return this.#peer.received;
  }

  /** Since when no request has been under way; Infinity while one is. */
  get idleSince(): number {
    return this.streams.size > 0 ? Number.POSITIVE_INFINITY : this.#idleSince;
  }

  /** Part of a frame or of a block of headers is kept until the rest comes. */
  get isCutOff(): boolean {
    return this.#scanner.isHolding || this.#block.isOpen;
  }

  /** It ends when what is under way has ended, or has ended already. */
  get isGoingAway(): boolean {
    return this.#goingAway;
  }

  /** Takes `length` bytes from the client. What they bring about leaves at the end, in one piece. */
  read(bytes: Buffer, length: number): void {
    if (this.#isOver) return;
    this.#reading = true;
    try {
      this.#scanner.read(bytes, length);
    } catch (error) {
      if (!(error instanceof ConnectionError)) throw error;
      this.#fail(error);
    } finally {
      this.#reading = false;
      this.flush();
    }
  }

  /** Takes no more requests; those under way are answered, and then it is over. */
  goAway(): void {
    if (this.#goingAway) return;
    this.#goingAway = true;
    this.#sayGoAway(ErrorCode.NO_ERROR, '');
    this.flush();
  }

  /** The client sends no more: requests that are not complete never will be. */
  endOfInput(): void {
    for (const stream of this.streams.all()) if (!stream.remoteEnded) this.#forget(stream);
    this.#goingAway = true;
    this.flush();
  }

  /** The socket is gone. */
  close(): void {
    this.#isOver = true;
    for (const stream of this.streams.all()) this.#forget(stream);
  }

  flush(): void {
    if (this.#reading || this.#isOver) return;
    const bytes = this.writer.take();
    if (bytes !== undefined) this.#options.send(bytes);
    if (!this.#goingAway || this.streams.size > 0) return;
    this.#isOver = true;
    this.#options.finished();
  }

  ended(stream: Stream, answered: boolean): void {
    if (!this.streams.delete(stream)) return;
    this.#idleSince = this.#options.now();
    if (!stream.remoteEnded) this.#abandon(stream.id);
    else if (answered) this.#allowance.earn(nuisance.earnedByAnswer);
    stream.handler?.close();
  }

  beginData(id: number, bytes: number, flags: number, padding: number): void {
    this.#block.mustBeOver();
    this.#peer.mustHaveCome(FrameType.DATA, flags);
    if (bytes === padding && (flags & Flag.END_STREAM) === 0) this.#charge(1);
    this.#received(bytes);
    const stream = this.#open(id);
    this.#dataOf = stream?.remoteEnded === false ? stream : undefined;
    this.#dataFlags = flags;
    if (this.#dataOf === undefined) this.#strayData(id, stream, flags);
    else this.#receivedOn(this.#dataOf, bytes, (flags & Flag.END_STREAM) !== 0);
  }

  data(bytes: Buffer, start: number, end: number): void {
    const stream = this.#dataOf;
    if (stream === undefined || stream.isOver) return;
    stream.receivedBytes += end - start;
    stream.handler?.data(bytes, start, end);
  }

  endData(): void {
    this.progress++;
    if (this.#dataOf !== undefined && (this.#dataFlags & Flag.END_STREAM) !== 0) this.#endRemote(this.#dataOf);
  }

  frame(type: number, flags: number, id: number, bytes: Buffer, start: number, end: number): void {
    if (type !== FrameType.CONTINUATION) this.#block.mustBeOver();
    this.#peer.mustHaveCome(type, flags);
    mustBeAllowed(type, id, end - start);
    if (type !== FrameType.HEADERS && type !== FrameType.CONTINUATION) this.progress++;
    switch (type) {
      case FrameType.HEADERS:
        if (this.#block.begin(id, flags, bytes, start, end)) this.#headers();
        return;
      case FrameType.CONTINUATION:
        this.#charge(1);
        if (this.#block.add(id, flags, bytes, start, end)) this.#headers();
        return;
      case FrameType.PRIORITY:
        this.#charge(1);
        if ((bytes.readUInt32BE(start) & 0x7fff_ffff) === id) throw protocolError(`stream ${id} depends on itself`);
        return;
      case FrameType.RST_STREAM:
        this.#resetByPeer(id);
        return;
      case FrameType.SETTINGS:
        this.#charge(1);
        this.#settings(flags, bytes, start, end);
        return;
      case FrameType.PING:
        this.#charge(1);
        if ((flags & Flag.ACK) === 0) this.writer.ackPing(bytes, start);
        return;
      case FrameType.GOAWAY:
        this.#goingAway = true;
        return;
      case FrameType.WINDOW_UPDATE:
        this.#charge(1);
        this.#windowUpdate(id, bytes, start);
        return;
      default:
        // Frames of unknown types are passed over (RFC 9113, 4.1).
        this.#charge(1);
    }
  }

  /** The stream of that number, if it is not over: mostly one of a few, and one of the last. */
  #open(id: number): Stream | undefined {
    for (let place = this.streams.size - 1; place >= 0; place--) {
      const stream = this.streams.at(place);
      if (stream.id === id) return stream;
    }
    return undefined;
  }

  /** A block of headers is complete: a request, or the trailers of one. */
  #headers(): void {
    const { id, endStream, selfDependent } = this.#block;
    this.progress++;
    const open = this.#open(id);
    const headers = this.#block.decode(open !== undefined);
    if (open !== undefined) {
      if (open.remoteEnded) this.#resetFor(open, ErrorCode.STREAM_CLOSED);
      else if (!endStream || typeof headers === 'string') this.#resetFor(open, ErrorCode.PROTOCOL_ERROR);
      else this.#endRemote(open);
      return;
    }
    if (id <= this.#lastStream) {
      if (endStream ? this.#abandoned.delete(id) : this.#abandoned.has(id)) return;
      throw new ConnectionError(ErrorCode.STREAM_CLOSED, `HEADERS on stream ${id}, which is closed`);
    }
    this.#lastStream = id;
    if (this.#goingAway || this.streams.size >= maxStreams) this.#refuse(id, ErrorCode.REFUSED_STREAM, endStream);
    else if (headers === 'too_large') this.#refuse(id, ErrorCode.ENHANCE_YOUR_CALM, endStream);
    else if (headers === 'malformed' || selfDependent) this.#refuse(id, ErrorCode.PROTOCOL_ERROR, endStream);
    else this.#serve(id, headers, endStream);
  }

  #serve(id: number, headers: Headers, endStream: boolean): void {
    const stream = new Stream(id, this.#peer.initialWindow, this);
    const announced = headers['content-length'];
    if (announced !== undefined) stream.announcedBytes = /^\d+$/.test(announced) ? Number(announced) : Number.NaN;
    stream.remoteEnded = endStream;
    this.streams.add(stream);
    const handler = this.#options.serve(stream, headers);
    if (stream.isOver) {
      handler.close();
      return;
    }
    stream.handler = handler;
    if (endStream) this.#endRemote(stream);
  }

  #endRemote(stream: Stream): void {
    stream.remoteEnded = true;
    this.#abandoned.delete(stream.id);
    if (stream.isOver) return;
    if (stream.announcedBytes !== -1 && stream.announcedBytes !== stream.receivedBytes)
      this.#resetFor(stream, ErrorCode.PROTOCOL_ERROR);
    else stream.handler?.end();
  }

  /** DATA of no request that is open: late for one that we ended ourselves, or a fault. */
  #strayData(id: number, stream: Stream | undefined, flags: number): void {
    this.#mustHaveBegun(id, FrameType.DATA);
    if (stream !== undefined) this.#resetFor(stream, ErrorCode.STREAM_CLOSED);
    else if (!this.#abandoned.has(id))
      throw new ConnectionError(ErrorCode.STREAM_CLOSED, `DATA on stream ${id}, which is closed`);
    else if ((flags & Flag.END_STREAM) !== 0) this.#abandoned.delete(id);
  }

  /** What came is used up at once, so the windows are opened again when half of them is. */
  #received(bytes: number): void {
    this.#unacknowledged += bytes;
    if (this.#unacknowledged < connectionWindow / 2) return;
    this.writer.windowUpdate(0, this.#unacknowledged);
    this.#unacknowledged = 0;
  }

  #receivedOn(stream: Stream, bytes: number, last: boolean): void {
    stream.unacknowledged += bytes;
    if (stream.unacknowledged < streamWindow / 2 || last) return;
    this.writer.windowUpdate(stream.id, stream.unacknowledged);
    stream.unacknowledged = 0;
  }

  #settings(flags: number, bytes: Buffer, start: number, end: number): void {
    const grown = this.#peer.read(flags, bytes, start, end);
    if ((flags & Flag.ACK) !== 0) return;
    this.writer.ackSettings();
    if (grown === 0) return;
    for (const stream of this.streams.all()) {
      stream.sendWindow += grown;
      if (stream.sendWindow > largestWindow) throw new ConnectionError(ErrorCode.FLOW_CONTROL_ERROR, 'window overflow');
      stream.pump();
    }
  }

  #windowUpdate(id: number, bytes: Buffer, start: number): void {
    if (id !== 0) this.#mustHaveBegun(id, FrameType.WINDOW_UPDATE);
    const increment = bytes.readUInt32BE(start) & 0x7fff_ffff;
    const stream = this.#open(id);
    if (id !== 0 && stream === undefined) return;
    const window = stream ?? this;
    window.sendWindow += increment;
    if (increment > 0 && window.sendWindow <= largestWindow) {
      for (const waiting of stream === undefined ? this.streams.all() : [stream]) waiting.pump();
      return;
    }
    const code = increment === 0 ? ErrorCode.PROTOCOL_ERROR : ErrorCode.FLOW_CONTROL_ERROR;
    if (stream === undefined) throw new ConnectionError(code, `WINDOW_UPDATE by ${increment}`);
    this.#resetFor(stream, code);
  }

  #resetByPeer(id: number): void {
    this.#mustHaveBegun(id, FrameType.RST_STREAM);
    // A client may reset what we ended early; grpc-go does so with every call that is refused before it is complete.
    if (!this.#abandoned.delete(id)) this.#charge(resetCost);
    const stream = this.#open(id);
    if (stream !== undefined) this.#forget(stream);
  }

  /** The client broke a rule on this stream alone. */
  #resetFor(stream: Stream, code: ErrorCode): void {
    this.#charge(resetCost);
    this.#options.broken?.(`a request that breaks its rules (${errorName(code)})`);
    stream.reset(code);
  }

  /** A request that is not served. */
  #refuse(id: number, code: ErrorCode, ended: boolean): void {
    // What was on its way when we said that we go away is nobody's fault.
    if (!this.#goingAway) this.#charge(resetCost);
    if (code === ErrorCode.ENHANCE_YOUR_CALM) this.#options.broken?.(`headers of more than ${maxListBytes} bytes`);
    else if (code !== ErrorCode.REFUSED_STREAM) this.#options.broken?.('headers that it does not allow');
    this.writer.reset(id, code);
    if (!ended) this.#abandon(id);
  }

  /** The stream is over without a word. */
  #forget(stream: Stream): void {
    stream.drop();
    this.#idleSince = this.#options.now();
    if (this.streams.delete(stream)) stream.handler?.close();
  }

  #abandon(id: number): void {
    this.#abandoned.add(id);
    if (this.#abandoned.size <= maxStreams) return;
    const [oldest] = this.#abandoned;
    this.#abandoned.delete(oldest);
  }

  #charge(cost: number): void {
    if (!this.#allowance.spend(cost, this.#options.now()))
      throw new ConnectionError(ErrorCode.ENHANCE_YOUR_CALM, 'too many frames that bring nothing forward');
  }

  /** Streams that nobody began are idle (RFC 9113, 5.1), and so are those of ours: there are no pushes. */
  #mustHaveBegun(id: number, type: number): void {
    if (id > this.#lastStream || id % 2 === 0) throw protocolError(`${nameOf(type)} on stream ${id}, which is idle`);
  }

  /**
   * The last stream that is served; a later GOAWAY never names a higher one, for a client has sent those elsewhere (RFC
   * 9113, 6.8).
   */
  #sayGoAway(code: ErrorCode, why: string): void {
    this.#lastPromised = Math.min(this.#lastPromised, this.#lastStream);
    this.writer.goAway(this.#lastPromised, code, why);
  }

  #fail({ code, message }: ConnectionError): void {
    this.#goingAway = true;
    this.#options.broken?.(message);
    this.#sayGoAway(code, message);
    for (const stream of this.streams.all()) this.#forget(stream);
  }
}

/** As RFC 9113, 7 has it. */
function errorName(code: ErrorCode): string {
  return Object.entries(ErrorCode).find(([, value]) => value === code)?.[0] ?? String(code);
}
