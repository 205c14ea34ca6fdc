import { Writer } from '../wire/writer.ts';

const firstBytes = 2048;
/** Two batches' worth and a little, whatever they were. */
const maxBytes = 8 * 1024 * 1024;

/**
 * Buffers of batches that left, for those to come. Growing one anew for each batch means fresh memory, of which the
 * system must find and clear every page: milliseconds in the middle of a decision turn.
 */
export class SpareWriters {
  readonly #spare: Writer[] = [];
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  take(): Writer {
    const writer = this.#spare.pop();
    if (writer === undefined) return new Writer(firstBytes);
    this.#bytes -= writer.buf.length;
    return writer.reset();
  }

  /** Nobody may look at the writer's bytes any more. */
  giveBack(writer: Writer): void {
    if (this.#bytes + writer.buf.length > maxBytes) return;
    this.#bytes += writer.buf.length;
    this.#spare.push(writer);
  }
}
