import { ConnectionError, ErrorCode, Flag, FrameType, frameHeadBytes, maxFrameBytes } from './protocol.ts';

const leastBytes = 256;
/** What a client begins with. */
export const preface: Buffer = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');

/** What a connection does with what it is sent. Bytes are the sink's to read until it returns. */
export interface FrameSink {
  /** The head of a DATA frame: `bytes` of payload are still to come, of which `padding` are none of the data. */
  beginData(stream: number, bytes: number, flags: number, padding: number): void;
  /** A piece of the frame's data. */
  data(bytes: Buffer, start: number, end: number): void;
  /** Everything of the frame has come. */
  endData(): void;
  /** Any other frame, whole. */
  frame(type: number, flags: number, stream: number, bytes: Buffer, start: number, end: number): void;
}

/**
 * Cuts what a peer sends into frames. DATA is handed on piece by piece, where it lies; of other frames only one that
 * is cut off at the end of a read is copied, to be completed by the next. Source: RFC 9113, 3.4 and 4.1.
 */
export class FrameScanner {
  readonly #sink: FrameSink;
  readonly #begins: Uint8Array;
  #prefaced = 0;
  /** Of the DATA frame under way: data, then padding. */
  #dataLeft = 0;
  #padLeft = 0;
  #inData = false;
  /** The beginning of a frame that was cut off. */
  #cutOff: Buffer = Buffer.alloc(0);
  #cutOffBytes = 0;

  /** `begins`: what comes before the first frame; of a server, nothing. */
  constructor(sink: FrameSink, begins: Uint8Array = preface) {
    this.#sink = sink;
    this.#begins = begins;
  }

  /** The beginning of a frame is kept until the rest comes. */
  get isHolding(): boolean {
    return this.#cutOffBytes > 0;
  }

  /** Takes the next `length` bytes. Throws ConnectionError. */
  read(bytes: Buffer, length: number): void {
    for (let at = 0; at < length || (this.#inData && this.#dataLeft + this.#padLeft === 0); )
      at = this.#step(bytes, at, length);
  }

  #step(bytes: Buffer, at: number, end: number): number {
    if (this.#inData) return this.#data(bytes, at, end);
    if (this.#prefaced < this.#begins.length) return this.#preface(bytes, at, end);
    if (this.#cutOffBytes > 0) return this.#complete(bytes, at, end);
    const wanted = wantedBytes(bytes, at, end - at);
    if (wanted > end - at) return this.#cut(wanted, bytes, at, end);
    this.#whole(bytes, at);
    return at + wanted;
  }

  #preface(bytes: Buffer, at: number, end: number): number {
    for (; at < end && this.#prefaced < this.#begins.length; at++, this.#prefaced++) {
      if (bytes[at] !== this.#begins[this.#prefaced]) throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, 'not HTTP/2');
    }
    return at;
  }

  /** Brings the frame that was cut off nearer to its end: first its head, which says how much it is. */
  #complete(bytes: Buffer, at: number, end: number): number {
    const wanted = wantedBytes(this.#cutOff, 0, this.#cutOffBytes);
    at = this.#cut(wanted, bytes, at, Math.min(end, at + wanted - this.#cutOffBytes));
    if (this.#cutOffBytes === wanted && wantedBytes(this.#cutOff, 0, wanted) === wanted) {
      this.#cutOffBytes = 0;
      this.#whole(this.#cutOff, 0);
    }
    return at;
  }

  /** Keeps bytes of a frame of which `wanted` must be there. */
  #cut(wanted: number, bytes: Buffer, at: number, end: number): number {
    if (this.#cutOff.length < wanted) {
      const larger = Buffer.allocUnsafeSlow(Math.max(leastBytes, wanted));
      this.#cutOff.copy(larger, 0, 0, this.#cutOffBytes);
      this.#cutOff = larger;
    }
    this.#cutOffBytes += bytes.copy(this.#cutOff, this.#cutOffBytes, at, end);
    return end;
  }

  /** What is wanted of a frame is there. */
  #whole(bytes: Buffer, at: number): void {
    const length = bytes.readUIntBE(at, 3);
    const type = bytes[at + 3];
    const flags = bytes[at + 4];
    const stream = bytes.readUInt32BE(at + 5) & 0x7fff_ffff;
    const payload = at + frameHeadBytes;
    if (type !== FrameType.DATA) {
      this.#sink.frame(type, flags, stream, bytes, payload, payload + length);
      return;
    }
    const padding = isPadded(type, flags) ? bytes[payload] + 1 : 0;
    if (padding > length) throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, 'a frame with more padding than bytes');
    this.#sink.beginData(stream, length, flags, padding);
    this.#inData = true;
    this.#dataLeft = length - padding;
    this.#padLeft = Math.max(0, padding - 1);
  }

  #data(bytes: Buffer, at: number, end: number): number {
    const data = Math.min(this.#dataLeft, end - at);
    if (data > 0) this.#sink.data(bytes, at, at + data);
    this.#dataLeft -= data;
    at += data;
    const padding = Math.min(this.#padLeft, end - at);
    this.#padLeft -= padding;
    if (this.#dataLeft + this.#padLeft === 0) {
      this.#inData = false;
      this.#sink.endData();
    }
    return at + padding;
  }
}

const isPadded = (type: number, flags: number): boolean => type === FrameType.DATA && (flags & Flag.PADDED) !== 0;

/**
 * Bytes of a frame that must be there before it is looked at: its head, then all of it; of DATA the head and the
 * padding's length.
 */
function wantedBytes(bytes: Buffer, at: number, have: number): number {
  if (have < frameHeadBytes) return frameHeadBytes;
  const length = bytes.readUIntBE(at, 3);
  if (length > maxFrameBytes) throw new ConnectionError(ErrorCode.FRAME_SIZE_ERROR, `a frame of ${length} bytes`);
  const type = bytes[at + 3];
  if (type !== FrameType.DATA) return frameHeadBytes + length;
  if (!isPadded(type, bytes[at + 4])) return frameHeadBytes;
  if (length === 0) throw new ConnectionError(ErrorCode.FRAME_SIZE_ERROR, 'a padded frame without its padding length');
  return frameHeadBytes + 1;
}
