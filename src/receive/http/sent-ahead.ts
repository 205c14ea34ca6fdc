/** What a client may send on while its last request is being unpacked; nobody whom we know does. */
const maxBytes = 256 * 1024;

/** Bytes of a connection that came before their turn. */
export class SentAhead {
  readonly #parts: Buffer[] = [];
  #bytes = 0;

  /** Copies them; false where it is too much, and nothing is kept. */
  keep(bytes: Buffer): boolean {
    if (this.#bytes + bytes.length > maxBytes) return false;
    this.#bytes += bytes.length;
    this.#parts.push(Buffer.from(bytes));
    return true;
  }

  /** All of them in one piece, which is the caller's. */
  take(): Buffer {
    this.#bytes = 0;
    return Buffer.concat(this.#parts.splice(0));
  }
}
