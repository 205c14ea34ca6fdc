import { MalformedError } from '../../wire/reader.ts';

/** Of health and reflection; nobody asks for admission for them. */
const maxBytes = 4 * 1024;

/** Cuts a stream of DATA chunks into messages, for methods whose messages are small and never compressed. */
export class FrameReader {
  #pending: Buffer = Buffer.alloc(0);

  /** The messages that are complete with this chunk. Throws MalformedError. */
  push(chunk: Buffer): Buffer[] {
    this.#pending = Buffer.concat([this.#pending, chunk]);
    const messages: Buffer[] = [];
    for (let message = this.#take(); message !== undefined; message = this.#take()) messages.push(message);
    return messages;
  }

  #take(): Buffer | undefined {
    const pending = this.#pending;
    if (pending.length < 5) return undefined;
    if (pending[0] !== 0) throw new MalformedError('a compressed message where none is expected');
    const end = 5 + pending.readUInt32BE(1);
    if (end > maxBytes) throw new MalformedError(`message of ${end - 5} bytes where at most ${maxBytes} are expected`);
    if (pending.length < end) return undefined;
    this.#pending = pending.subarray(end);
    return pending.subarray(5, end);
  }
}
