import { Slice, type SliceRows } from '../model/slice.ts';

/**
 * A message, in Int32 words: where it ends (negative: it is not taken), its words in the list of ids, and when it landed,
 * in ms since the first one.
 */
const Message = { end: 0, firstId: 1, endId: 2, after: 3 } as const;
const messageWords = 4;
const fewestMessages = 16;
const fewestIds = 256;
/** Of a segment's bytes, for the list of ids; a message that does not fit there may be of any trace. */
const bytesAnId = 64;
const anyTrace = -1;

/** One message of a segment, at bytes[start, end). */
interface LandedMessage {
  readonly start: number;
  readonly end: number;
  /** Monotonic ms. */
  readonly landedAt: number;
}

/**
 * What landed in one segment, message by message, and of which traces: the last word of a trace id each time that it is
 * another than that of the span before. So who looks for a trace reads a few thousand numbers, not millions of bytes,
 * and only messages that were taken are ever read again.
 */
export class Landed {
  #messages = new Int32Array(messageWords * fewestMessages);
  #count = 0;
  #ids = new Int32Array(fewestIds);
  #idCount = 0;
  readonly #mostIds: number;
  /** Spans of messages that were taken. */
  spans = 0;
  /** When the first and the last message landed, in monotonic ms. */
  readonly firstAt: number;
  lastAt: number;

  /** `capacity`: of the segment, which is opened at `now`. */
  constructor(capacity: number, now: number) {
    this.#mostIds = Math.max(fewestIds, Math.floor(capacity / bytesAnId));
    this.firstAt = now;
    this.lastAt = now;
  }

  /** Where the last message ends: so many bytes there are of all. */
  get end(): number {
    return this.#count === 0 ? 0 : Math.abs(this.#messages[(this.#count - 1) * messageWords + Message.end]);
  }

  /** Bytes held. */
  get bytes(): number {
    return this.#messages.byteLength + this.#ids.byteLength;
  }

  /** A message lies at the end of what landed so far, up to `end`; it is not taken yet. */
  land(end: number, now: number): void {
    this.lastAt = now;
    const at = this.#count++ * messageWords;
    if (at === this.#messages.length) this.#messages = grown(this.#messages, at * 2);
    this.#messages[at + Message.end] = -end;
    this.#messages[at + Message.after] = now - this.firstAt;
  }

  /** The message up to `end`, the last one, is no more. */
  cancel(end: number): void {
    if (this.#count > 0 && this.#messages[(this.#count - 1) * messageWords + Message.end] === -end) this.#count--;
  }

  /** The message up to `end` is taken, and these are its slices. */
  take(end: number, slices: SliceRows): void {
    let at = (this.#count - 1) * messageWords;
    // Others may have landed behind one that was scanned in steps.
    while (at >= 0 && this.#messages[at + Message.end] !== -end) at -= messageWords;
    if (at < 0) throw new Error(`a message up to ${end} was taken, and none landed there`);
    this.#messages[at + Message.end] = end;
    const first = this.#idCount;
    const isWhole = this.#note(slices);
    if (!isWhole) this.#idCount = first;
    this.#messages[at + Message.firstId] = isWhole ? first : anyTrace;
    this.#messages[at + Message.endId] = this.#idCount;
    this.spans += slices.count;
  }

  /** Nothing lands any more: what was kept for more is let go. */
  close(): void {
    this.#messages = this.#messages.slice(0, this.#count * messageWords);
    this.#ids = this.#ids.slice(0, this.#idCount);
  }

  /** May a message have spans of a trace whose id ends in one of these words? */
  mayHold(ids: ReadonlySet<number>): boolean {
    for (let i = 0; i < this.#idCount; i++) if (ids.has(this.#ids[i])) return true;
    for (let i = 0; i < this.#count; i++)
      if (this.#messages[i * messageWords + Message.firstId] === anyTrace) return true;
    return false;
  }

  /** The messages that were taken, in their order; where `ids` are given, only those that may hold one. */
  *messages(ids?: ReadonlySet<number>): Generator<LandedMessage> {
    for (let i = 0, start = 0; i < this.#count; i++) {
      const at = i * messageWords;
      const end = this.#messages[at + Message.end];
      const landedAt = this.firstAt + this.#messages[at + Message.after];
      if (end > 0 && (ids === undefined || this.#isAmong(ids, at))) yield { start, end, landedAt };
      start = Math.abs(end);
    }
  }

  #isAmong(ids: ReadonlySet<number>, at: number): boolean {
    const first = this.#messages[at + Message.firstId];
    if (first === anyTrace) return true;
    const end = this.#messages[at + Message.endId];
    for (let i = first; i < end; i++) if (ids.has(this.#ids[i])) return true;
    return false;
  }

  /** False where there are too many. */
  #note({ rows, stride, count }: SliceRows): boolean {
    let last = 0;
    for (let i = 0, at = Slice.traceIdD; i < count; i++, at += stride) {
      const id = rows[at];
      if (id === last && i > 0) continue;
      last = id;
      if (this.#idCount === this.#ids.length) {
        if (this.#idCount >= this.#mostIds) return false;
        this.#ids = grown(this.#ids, Math.min(this.#mostIds, this.#idCount * 2));
      }
      this.#ids[this.#idCount++] = id;
    }
    return true;
  }
}

function grown(old: Int32Array, length: number): Int32Array<ArrayBuffer> {
  const next = new Int32Array(length);
  next.set(old);
  return next;
}
