import { JsonReader, slackBytes, spareBytes } from '../../decode/json.ts';

/** What is done between two looks at the clock: some tenths of a millisecond. */
export const stepBytes = 64 * 1024;

/** A body that is read in one go needs no memory of its own: the thread keeps one for all of them. */
const shared = Buffer.allocUnsafeSlow(spareBytes(stepBytes) + stepBytes + slackBytes);

/**
 * A JSON body on its way to protobuf, which it becomes in the memory in which it came: as many bytes as the body has,
 * and a few before and behind it. Of a body of at most `stepBytes` nothing may be kept past the end of the call that
 * reads it.
 */
class JsonBody {
  readonly #from: number;
  readonly #bytes: Buffer;
  #at: number;

  constructor(length: number) {
    this.#from = spareBytes(length);
    const bytes = this.#from + length + slackBytes;
    this.#bytes = length <= stepBytes ? shared.subarray(0, bytes) : Buffer.allocUnsafeSlow(bytes);
    this.#at = this.#from;
  }

  /** The next bytes of the body. */
  put(part: Uint8Array, start = 0, end = part.length): void {
    this.#bytes.set(start === 0 && end === part.length ? part : part.subarray(start, end), this.#at);
    this.#at += end - start;
  }

  /** Reads it step by step; returns the request on the wire. Throws MalformedError. */
  *read(): Generator<undefined, Uint8Array> {
    const reader = new JsonReader(this.#bytes, this.#from);
    while (!reader.read(stepBytes)) yield;
    return reader.message();
  }
}

/** A body that came in parts, each of which is let go once it is copied. */
export function* readParts(parts: Iterable<Uint8Array>, length: number): Generator<undefined, Uint8Array> {
  const body = new JsonBody(length);
  for (const part of parts) {
    for (let at = 0; at < part.length; at += stepBytes) {
      body.put(part, at, Math.min(part.length, at + stepBytes));
      yield;
    }
  }
  return yield* body.read();
}
