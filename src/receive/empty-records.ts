/** A connection through TLS, by bytes: of the wire, and of what came of them, in so many reads of a record each. */
interface Watched {
  readonly wireBytes: () => number;
  readonly dataBytes: () => number;
  readonly reads: () => number;
  readonly end: () => void;
}

/** More than any record has around its data (RFC 5246, 6.2.3.2; RFC 8446, 5.2). */
const aroundBytes = 128;
/** Of what is no data: a few thousand changes of keys, or tickets and alerts, in a connection's life. */
const mostBytes = 64 * 1024;
const everyMs = 1000;

/**
 * Ends connections whose TLS records bring no data. A change of keys (RFC 8446, 4.6.3) has 27 bytes and costs 27 µs, and
 * nothing of it comes to whoever reads the data: 8 Mbit a second of them held a core, and the event loop for half a
 * second at a time.
 */
export class EmptyRecords {
  readonly #watched = new Map<object, Watched & { readonly startedAt: number }>();
  #timer: NodeJS.Timeout | undefined = undefined;

  add(key: object, watched: Watched): void {
    this.#watched.set(key, { ...watched, startedAt: watched.wireBytes() });
    this.#timer ??= setInterval(() => this.look(), everyMs).unref();
  }

  delete(key: object): void {
    this.#watched.delete(key);
    if (this.#watched.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  look(): void {
    for (const { wireBytes, dataBytes, reads, startedAt, end } of this.#watched.values())
      if (wireBytes() - startedAt - dataBytes() - reads() * aroundBytes > mostBytes) end();
  }
}
