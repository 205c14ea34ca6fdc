import { Flag, FrameType, frameHeadBytes } from './protocol.ts';

const leastBytes = 512;
/**
 * A dynamic table of no bytes, said once: so the client may change its limit without waiting for a word from us (RFC
 * 7541, 4.2).
 */
const noTable = 0x20;

/** Collects the frames that a connection sends, so that what one read brings about leaves in one write. */
export class FrameWriter {
  #bytes: Buffer = Buffer.alloc(0);
  #used = 0;
  #saidNoTable = false;

  /** What was collected, the caller's from now on; undefined where there is nothing. */
  take(): Buffer | undefined {
    if (this.#used === 0) return undefined;
    const taken = this.#bytes.subarray(0, this.#used);
    // A socket may keep it for a while, so it is not written to again.
    this.#bytes = this.#bytes.subarray(this.#used);
    this.#used = 0;
    return taken;
  }

  settings(values: readonly (readonly [setting: number, value: number])[]): void {
    let at = this.#frame(FrameType.SETTINGS, 0, 0, values.length * 6);
    for (const [setting, value] of values) {
      this.#bytes.writeUInt16BE(setting, at);
      this.#bytes.writeUInt32BE(value, at + 2);
      at += 6;
    }
  }

  ackSettings(): void {
    this.#frame(FrameType.SETTINGS, Flag.ACK, 0, 0);
  }

  ackPing(bytes: Buffer, start: number): void {
    const at = this.#frame(FrameType.PING, Flag.ACK, 0, 8);
    bytes.copy(this.#bytes, at, start, start + 8);
  }

  windowUpdate(stream: number, increment: number): void {
    this.#number(FrameType.WINDOW_UPDATE, stream, increment);
  }

  reset(stream: number, code: number): void {
    this.#number(FrameType.RST_STREAM, stream, code);
  }

  goAway(lastStream: number, code: number, why: string): void {
    const at = this.#frame(FrameType.GOAWAY, 0, 0, 8 + why.length);
    this.#bytes.writeUInt32BE(lastStream, at);
    this.#bytes.writeUInt32BE(code, at + 4);
    this.#bytes.write(why, at + 8, 'latin1');
  }

  headers(stream: number, block: Uint8Array, flags: number): void {
    const said = this.#saidNoTable ? 0 : 1;
    const at = this.#frame(FrameType.HEADERS, flags | Flag.END_HEADERS, stream, said + block.length);
    if (said > 0) this.#bytes[at] = noTable;
    this.#saidNoTable = true;
    this.#bytes.set(block, at + said);
  }

  data(stream: number, bytes: Uint8Array): void {
    const at = this.#frame(FrameType.DATA, 0, stream, bytes.length);
    this.#bytes.set(bytes, at);
  }

  /** The head of a frame whose `bytes` of data are sent behind it. */
  dataHead(stream: number, bytes: number, flags: number): void {
    this.#frame(FrameType.DATA, flags, stream, 0);
    this.#bytes.writeUIntBE(bytes, this.#used - frameHeadBytes, 3);
  }

  #number(type: number, stream: number, value: number): void {
    const at = this.#frame(type, 0, stream, 4);
    this.#bytes.writeUInt32BE(value, at);
  }

  /** Writes a frame's head and makes room for its payload; where that begins. */
  #frame(type: number, flags: number, stream: number, length: number): number {
    const at = this.#used;
    this.#reserve(frameHeadBytes + length);
    this.#bytes.writeUIntBE(length, at, 3);
    this.#bytes[at + 3] = type;
    this.#bytes[at + 4] = flags;
    this.#bytes.writeUInt32BE(stream, at + 5);
    return at + frameHeadBytes;
  }

  #reserve(more: number): void {
    const needed = this.#used + more;
    if (needed > this.#bytes.length) {
      const larger = Buffer.allocUnsafe(Math.max(leastBytes, needed * 2));
      this.#bytes.copy(larger, 0, 0, this.#used);
      this.#bytes = larger;
    }
    this.#used = needed;
  }
}
