import {
  type Answer,
  type Attempt,
  type Encoding,
  encodings,
  type Outcome,
  type Payload,
  type Piece,
  type Result,
} from './answer.ts';
import type { ExportClock } from './clock.ts';
import { compress } from './compress.ts';
import { Proof } from './proof.ts';

/** So long an encoding is left out that a server could not read, or that is not in the list of what it reads. */
const leftOutMs = 60 * 60_000;

/** How requests to one destination are encoded: as configured, or in the next encoding that the destination reads. */
export class Compression {
  /** What may be used, the best first; without compression is always among it. */
  readonly #wanted: readonly Encoding[];
  readonly #clock: ExportClock;
  readonly #onFallback: (message: string) => void;
  readonly #hold: (bytes: number) => void;
  readonly #proof = new Proof();
  readonly #refusedUntil = new Map<Encoding, number>();
  /** What the server last said that it reads, and until when that counts. */
  #listed: readonly Encoding[] = [];
  #listedUntil = Number.NEGATIVE_INFINITY;

  /**
   * `onFallback` is told, with the reason, when another encoding is used than was configured; `hold`, that so many
   * bytes more of compressed copies are held.
   */
  constructor(
    wanted: Encoding,
    clock: ExportClock,
    onFallback: (message: string) => void,
    hold: (bytes: number) => void = () => {},
  ) {
    this.#wanted = encodings.slice(encodings.indexOf(wanted));
    this.#clock = clock;
    this.#onFallback = onFallback;
    this.#hold = hold;
  }

  /** What the next request is sent in. */
  get encoding(): Encoding {
    return this.#wanted.find((encoding) => this.#isRead(encoding))!;
  }

  /** Compresses each request once, on zlib's threads, before the tries begin. */
  compressing(next: (payload: Payload) => Promise<Result>): (piece: Piece) => Promise<Result> {
    return async (piece) => {
      const payload: Payload = { ...piece, bytes: piece.body, encoding: 'none' };
      await this.#encode(payload, this.encoding);
      return next(payload).finally(() => this.#release(payload));
    };
  }

  /**
   * One attempt in an encoding that the far end reads, as far as is known. What is refused because of its encoding, or
   * may be since nothing was taken in that (proof.ts), is tried once more in the next one, at once.
   */
  negotiating(next: Attempt): (payload: Payload, stop: AbortSignal) => Promise<Outcome> {
    return async (payload, stop) => {
      if (!this.#isRead(payload.encoding)) await this.#encode(payload, this.encoding);
      const refused = new Map<Encoding, string>();
      for (let sent = payload.encoding; ; ) {
        // The copy stays where the last resort is to go without it: the next try may begin with it again.
        const answer = await next(sent === 'none' ? plain(payload) : { ...payload }, stop);
        this.#heed(answer, sent);
        if (answer.kind === 'accepted') this.#leaveOut(refused);
        if (!this.#mayBeItsEncoding(answer, sent)) {
          if (answer.kind === 'refused' || answer.kind === 'unreadable') this.#proof.restore(refused.keys());
          return answer;
        }
        refused.set(sent, answer.message);
        sent = this.#after(sent);
        if (sent !== 'none') await this.#encode(payload, sent);
      }
    };
  }

  #isRead(encoding: Encoding): boolean {
    if (encoding === 'none') return true;
    const now = this.#clock.monotonicMs();
    if (now < this.#listedUntil && !this.#listed.includes(encoding)) return false;
    return now >= (this.#refusedUntil.get(encoding) ?? Number.NEGATIVE_INFINITY);
  }

  #after(encoding: Encoding): Encoding {
    return this.#wanted.slice(this.#wanted.indexOf(encoding) + 1).find((other) => this.#isRead(other))!;
  }

  /** A copy gives way before the next one is made: there is one at a time. */
  async #encode(payload: Payload, encoding: Encoding): Promise<void> {
    this.#release(payload);
    if (encoding === 'none') return;
    const bytes = await compress(payload.body, encoding);
    Object.assign(payload, { bytes, encoding });
    this.#hold(bytes.length);
  }

  #release(payload: Payload): void {
    if (payload.encoding !== 'none') this.#hold(-payload.bytes.length);
    Object.assign(payload, plain(payload));
  }

  /**
   * Said in words, by the list of what is read (grpc/doc/compression.md: with UNIMPLEMENTED), by that code alone, or
   * perhaps in other words.
   */
  #mayBeItsEncoding({ kind, reads, mayBeEncoding = false }: Answer, encoding: Encoding): boolean {
    if (encoding === 'none') return false;
    const isUnlisted = reads !== undefined && !reads.includes(encoding);
    if (kind === 'refused') return isUnlisted || this.#proof.isInDoubt(encoding);
    if (kind === 'rejected') return reads === undefined ? mayBeEncoding : isUnlisted;
    return kind === 'unreadable';
  }

  #heed({ kind, reads }: Answer, encoding: Encoding): void {
    if (kind === 'accepted' && this.#isRead(encoding)) this.#proof.taken(encoding);
    if (reads === undefined) return;
    const before = this.encoding;
    this.#listed = reads;
    this.#listedUntil = this.#clock.monotonicMs() + leftOutMs;
    const now = this.encoding;
    const missing = encodings.slice(encodings.indexOf(before), encodings.indexOf(now)).join(' and no ');
    if (missing === '') return;
    this.#onFallback(`requests go ${inWords(now)}: (grpc-)accept-encoding of the server has no ${missing}`);
  }

  /** What was refused while something after it was taken. */
  #leaveOut(refused: ReadonlyMap<Encoding, string>): void {
    const before = this.encoding;
    for (const encoding of refused.keys()) {
      this.#proof.withdraw(encoding);
      this.#refusedUntil.set(encoding, this.#clock.monotonicMs() + leftOutMs);
    }
    const now = this.encoding;
    if (now === before) return;
    const [message] = refused.values();
    this.#onFallback(`requests go ${inWords(now)} for an hour: taken so, but in ${before} refused with ${message}`);
  }
}

const plain = (payload: Payload): Payload => ({ ...payload, bytes: payload.body, encoding: 'none' });

const inWords = (encoding: Encoding): string => (encoding === 'none' ? 'uncompressed' : `in ${encoding}`);
