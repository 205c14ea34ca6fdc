import { Landed } from './landed.ts';

/** A segment in which nothing waits any more. */
interface PastSegment {
  /** As of the segment that it was, see segments.ts. */
  readonly sequence: number;
  readonly landed: Landed;
  /** Plain memory, ours alone; compressed, but for what is little. */
  readonly bytes: Uint8Array;
  readonly isPacked: boolean;
}

export interface WindowOptions {
  /** 0 = there is none. */
  readonly maxBytes: number;
  readonly maxAgeMs: number;
}

/** What one takes beside its bytes and what is known of them: objects, three small buffers, places where it is listed. */
const segmentBytes = 1300;
/** So many places of segments that went stand before the first, and the list is moved up. */
const mostGone = 1024;

/** Stands where one was. */
const gone: PastSegment = { sequence: -1, landed: new Landed(0, 0), bytes: new Uint8Array(0), isPacked: false };

const bytesOf = ({ bytes, landed }: PastSegment): number => bytes.length + landed.bytes + segmentBytes;

/**
 * What landed in the last minutes and waits no more, kept or dropped: whole segments, compressed, the oldest first. Its
 * memory is its own and none of the buffer's: what waits never gives way to it. It is bounded in bytes, what is known
 * of segments in use included, and in age, by the last message of a segment.
 */
export class Window {
  readonly maxBytes: number;
  readonly maxAgeMs: number;
  /**
   * By when their last message landed, from `#first` on. There may be very many: each late request is one, where
   * nothing else waits.
   */
  #segments: PastSegment[] = [];
  #first = 0;
  readonly #bySequence = new Map<number, PastSegment>();
  /** Of segments that are in use still: what landed there. */
  #landingBytes = 0;
  #packedBytes = 0;
  spans = 0;
  /** Spans of segments that could not be kept: the compressor was behind, or there was no room for one. */
  missedSpans = 0;

  constructor({ maxBytes, maxAgeMs }: WindowOptions) {
    this.maxBytes = maxBytes;
    this.maxAgeMs = maxAgeMs;
  }

  get bytes(): number {
    return this.#packedBytes + this.#landingBytes;
  }

  /** When the oldest message landed, in monotonic ms; undefined when there is none. */
  get oldestAt(): number | undefined {
    return this.#segments[this.#first]?.landed.firstAt;
  }

  /** The segments there are now, oldest first. */
  get segments(): readonly PastSegment[] {
    return this.#segments.slice(this.#first);
  }

  find(sequence: number): PastSegment | undefined {
    return this.#bySequence.get(sequence);
  }

  /** Takes a segment in; what is oldest makes room for it. */
  add(segment: PastSegment): void {
    segment.landed.close();
    if (bytesOf(segment) > this.maxBytes) {
      this.missedSpans += segment.landed.spans;
      return;
    }
    this.#place(segment);
    this.#bySequence.set(segment.sequence, segment);
    this.#packedBytes += bytesOf(segment);
    this.spans += segment.landed.spans;
    this.#fit();
  }

  /** What is too old goes. `landingBytes`: held for what lies in segments in use, which counts as well. */
  tick(now: number, landingBytes: number): void {
    this.#landingBytes = landingBytes;
    const isOld = ({ landed }: PastSegment): boolean => now - landed.lastAt > this.maxAgeMs;
    while (this.#first < this.#segments.length && isOld(this.#segments[this.#first])) this.#forgetFirst();
    this.#fit();
  }

  /** Behind those that are as old: one in which a trace waited for long comes after younger ones. */
  #place(segment: PastSegment): void {
    let at = this.#segments.length;
    while (at > this.#first && this.#segments[at - 1].landed.lastAt > segment.landed.lastAt) at--;
    this.#segments.splice(at, 0, segment);
  }

  #fit(): void {
    while (this.bytes > this.maxBytes && this.#first < this.#segments.length) this.#forgetFirst();
  }

  #forgetFirst(): void {
    const segment = this.#segments[this.#first];
    this.#packedBytes -= bytesOf(segment);
    this.spans -= segment.landed.spans;
    this.#bySequence.delete(segment.sequence);
    // What goes is let go at once; the list is moved up now and then.
    this.#segments[this.#first++] = gone;
    if (this.#first < mostGone && this.#first < this.#segments.length) return;
    this.#segments = this.#segments.slice(this.#first);
    this.#first = 0;
  }
}
