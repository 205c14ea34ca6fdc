import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { lowerPoolPriority } from '../low-priority.ts';
import type { Answer, Attempt, Outcome, Payload, Piece, Result } from './answer.ts';
import type { ExportClock } from './clock.ts';

const gzipAsync = promisify(gzip);

/**
 * Level 1 takes about a third of the default level's time (2.1 against 5.9 µs a span of 477 bytes), which counts for
 * more than the size. Each output chunk is a round trip between zlib's thread and the main loop, so the chunks are
 * large. The largest hash table (memLevel) takes a tenth less time for the same bytes.
 */
const gzipOptions = { level: 1, memLevel: 9, chunkSize: 256 * 1024 };

/** Zlib's threads exist from the first request on; from then on they give way to the path. */
let isPoolLowered = false;

async function compress(body: Uint8Array): Promise<Uint8Array> {
  const bytes = await gzipAsync(body, gzipOptions);
  if (!isPoolLowered) lowerPoolPriority();
  isPoolLowered = true;
  return bytes;
}

/** After what a server could not read compressed and could read plain: so long goes everything plain. */
const plainForMs = 60 * 60_000;

/** How requests to one destination are encoded: as configured, while the destination reads that. */
export class Compression {
  readonly #wanted: Payload['encoding'];
  readonly #clock: ExportClock;
  readonly #onPlain: (message: string) => void;
  readonly #hold: (bytes: number) => void;
  /** Something compressed was taken: from then on a refusal is about what it says it is about. */
  #isProven = false;
  #isDeclined = false;
  #plainUntil = Number.NEGATIVE_INFINITY;

  /**
   * `onPlain` is told, with the reason, when compression is given up though it was configured; `hold`, that so many
   * bytes more of compressed copies are held.
   */
  constructor(
    wanted: Payload['encoding'],
    clock: ExportClock,
    onPlain: (message: string) => void,
    hold: (bytes: number) => void = () => {},
  ) {
    this.#hold = hold;
    this.#wanted = wanted;
    this.#clock = clock;
    this.#onPlain = onPlain;
  }

  get encoding(): Payload['encoding'] {
    return this.#isDeclined || this.#clock.monotonicMs() < this.#plainUntil ? 'none' : this.#wanted;
  }

  /** Compresses each request once, on zlib's threads, before the tries begin. */
  compressing(next: (payload: Payload) => Promise<Result>): (piece: Piece) => Promise<Result> {
    return async (piece) => {
      const { encoding } = this;
      if (encoding !== 'gzip') return next({ ...piece, bytes: piece.body, encoding });
      const bytes = await compress(piece.body);
      this.#hold(bytes.length);
      return next({ ...piece, bytes, encoding }).finally(() => this.#hold(-bytes.length));
    };
  }

  /**
   * One attempt in the encoding that the far end reads. What is refused because of its encoding, or may be since
   * nothing compressed was ever taken, is tried once more without, at once.
   */
  negotiating(next: Attempt): (payload: Payload, stop: AbortSignal) => Promise<Outcome> {
    const attempt = async (payload: Payload, stop: AbortSignal): Promise<Answer> => {
      const answer = await next(payload, stop);
      this.#heed(answer, payload.encoding);
      return answer;
    };
    return async (payload, stop) => {
      const isPlain = payload.encoding === 'none' || this.encoding === 'none';
      const answer = await attempt(isPlain ? plain(payload) : payload, stop);
      if (isPlain || !this.#mayBeItsEncoding(answer)) return answer;
      const second = await attempt(plain(payload), stop);
      if (second.kind === 'accepted') this.#giveUp(answer.message);
      return second;
    };
  }

  /**
   * Said in words, by the list of what is read (grpc/doc/compression.md: with UNIMPLEMENTED), or perhaps in other
   * words.
   */
  #mayBeItsEncoding({ kind, readsGzip }: Answer): boolean {
    if (kind === 'refused') return readsGzip === false || !this.#isProven;
    return kind === 'unreadable' || (kind === 'rejected' && readsGzip === false);
  }

  #heed({ kind, readsGzip }: Answer, encoding: Payload['encoding']): void {
    if (kind === 'accepted' && encoding === 'gzip') this.#isProven = true;
    if (readsGzip === undefined || this.#wanted === 'none' || this.#isDeclined !== readsGzip) return;
    this.#isDeclined = !readsGzip;
    if (this.#isDeclined) this.#onPlain('requests go uncompressed: grpc-accept-encoding of the server has no gzip');
  }

  #giveUp(message: string): void {
    this.#isProven = false;
    this.#plainUntil = this.#clock.monotonicMs() + plainForMs;
    this.#onPlain(`requests go uncompressed for an hour: taken so, but compressed refused with ${message}`);
  }
}

const plain = (payload: Payload): Payload => ({ ...payload, bytes: payload.body, encoding: 'none' });
