import { type Fault, HeaderDecoder, type Headers, type Messages } from './header-decoder.ts';
import { ConnectionError, ErrorCode, Flag } from './protocol.ts';

/** Encoded; four times what the fields may be once they are decoded. */
const maxBlockBytes = 64 * 1024;
const priorityBytes = 5;

/** Puts the block of a HEADERS frame and its CONTINUATIONs together. Source: RFC 9113, 4.3, 6.2 and 6.10. */
export class HeaderBlock {
  id = 0;
  endStream = false;
  /** It names itself as the stream that it depends on (RFC 7540, 5.3.1). */
  selfDependent = false;
  readonly #decoder: HeaderDecoder;
  #bytes: Buffer = Buffer.alloc(0);
  #start = 0;
  #end = 0;
  #open = false;

  constructor(of: Messages = 'requests') {
    this.#decoder = new HeaderDecoder(of);
  }

  /** The rest of it is still to come. */
  get isOpen(): boolean {
    return this.#open;
  }

  /** A HEADERS frame; true when its block is complete. Throws ConnectionError. */
  begin(id: number, flags: number, bytes: Buffer, start: number, end: number): boolean {
    this.id = id;
    this.endStream = (flags & Flag.END_STREAM) !== 0;
    this.selfDependent = false;
    if ((flags & Flag.PADDED) !== 0) {
      if (end === start) throw sizeError();
      end -= bytes[start++];
    }
    if ((flags & Flag.PRIORITY) !== 0) {
      if (end - start < priorityBytes) throw sizeError();
      this.selfDependent = (bytes.readUInt32BE(start) & 0x7fff_ffff) === id;
      start += priorityBytes;
    }
    if (end < start) throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, 'a frame with more padding than bytes');
    this.#open = (flags & Flag.END_HEADERS) === 0;
    // Complete, it is decoded before the bytes are gone; else they must be kept.
    this.#bytes = this.#open ? Buffer.from(bytes.subarray(start, end)) : bytes;
    this.#start = this.#open ? 0 : start;
    this.#end = this.#open ? end - start : end;
    return !this.#open;
  }

  /** A CONTINUATION; true when the block is complete. Throws ConnectionError. */
  add(id: number, flags: number, bytes: Buffer, start: number, end: number): boolean {
    if (!this.#open || id !== this.id)
      throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, `CONTINUATION of nothing on stream ${id}`);
    if (this.#end + end - start > maxBlockBytes)
      throw new ConnectionError(ErrorCode.ENHANCE_YOUR_CALM, `headers of more than ${maxBlockBytes} bytes`);
    this.#bytes = Buffer.concat([this.#bytes, bytes.subarray(start, end)]);
    this.#end = this.#bytes.length;
    this.#open = (flags & Flag.END_HEADERS) === 0;
    return !this.#open;
  }

  /** Nothing may come between the frames of a block. Throws ConnectionError. */
  mustBeOver(): void {
    if (this.#open) throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, 'a frame in the middle of headers');
  }

  /** What the complete block says. Throws ConnectionError. */
  decode(trailers: boolean): Headers | Fault {
    const bytes = this.#bytes;
    this.#bytes = nothing;
    return this.#decoder.decode(bytes, this.#start, this.#end, trailers);
  }
}

const nothing: Buffer = Buffer.alloc(0);

const sizeError = (): ConnectionError =>
  new ConnectionError(ErrorCode.FRAME_SIZE_ERROR, 'HEADERS too short for what its flags say');
