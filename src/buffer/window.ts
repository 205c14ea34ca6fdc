import type { Landed } from './landed.ts';

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

/** What one takes beside its bytes and what is known of them: objects, and the places where they are listed. */
const segmentBytes = 400;

const bytesOf = ({ bytes, landed }: PastSegment): number => bytes.length + landed.bytes + segmentBytes;

/**
 * What landed in the last minutes and waits no more, kept or dropped: whole segments, compressed, the oldest first. Its
 * memory is its own and none of the buffer's: what waits never gives way to it. It is bounded in bytes, what is known
 * of segments in use included, and in age, by the last message of a segment.
 */
export class Window {
  readonly maxBytes: number;
  readonly #maxAgeMs: number;
  readonly #segments: PastSegment[] = [];
  /** Of segments that are in use still: what landed there. */
  #landingBytes = 0;
  #packedBytes = 0;
  spans = 0;
  /** Spans of segments that could not be kept: the compressor was behind, or there was no room for one. */
  missedSpans = 0;

  constructor({ maxBytes, maxAgeMs }: WindowOptions) {
    this.maxBytes = maxBytes;
    this.#maxAgeMs = maxAgeMs;
  }

  get bytes(): number {
    return this.#packedBytes + this.#landingBytes;
  }

  /** When the oldest message landed, in monotonic ms; undefined when there is none. */
  get oldestAt(): number | undefined {
    return this.#segments[0]?.landed.firstAt;
  }

  /** The segments there are now, oldest first. */
  get segments(): readonly PastSegment[] {
    return this.#segments;
  }

  find(sequence: number): PastSegment | undefined {
    return this.#segments.find((segment) => segment.sequence === sequence);
  }

  /** Takes a segment in; what is oldest makes room for it. */
  add(segment: PastSegment): void {
    segment.landed.close();
    if (bytesOf(segment) > this.maxBytes) {
      this.missedSpans += segment.landed.spans;
      return;
    }
    this.#segments.push(segment);
    this.#packedBytes += bytesOf(segment);
    this.spans += segment.landed.spans;
    this.#fit();
  }

  /** What is too old goes. `landingBytes`: held for what lies in segments in use, which counts as well. */
  tick(now: number, landingBytes: number): void {
    this.#landingBytes = landingBytes;
    const young = this.#segments.findIndex(({ landed }) => now - landed.lastAt <= this.#maxAgeMs);
    this.#forget(young < 0 ? this.#segments.length : young);
    this.#fit();
  }

  #fit(): void {
    let count = 0;
    for (let excess = this.bytes - this.maxBytes; excess > 0 && count < this.#segments.length; count++)
      excess -= bytesOf(this.#segments[count]);
    this.#forget(count);
  }

  #forget(count: number): void {
    if (count === 0) return;
    for (const segment of this.#segments.splice(0, count)) {
      this.#packedBytes -= bytesOf(segment);
      this.spans -= segment.landed.spans;
    }
  }
}
