import type { Socket } from 'node:net';
import { type Placed, Roster } from './roster.ts';

/** A connection, where there may be too many of them. */
export interface Guest extends Placed {
  /** Since when it has had no request under way, in milliseconds of the monotonic clock; Infinity while it has one. */
  readonly idleSince: number;
  /** Says goodbye, and goes. */
  leave(): void;
}

/** What a listener counts of its connections: those that are open, and that had to go or did not get in. */
export interface ConnectionStats {
  open: number;
  sentAway: number;
  refused: number;
}

/** SDKs send every five seconds: who has been silent for longer connects anew when it has something to say. */
const idleMs = 10_000;
/** How many are looked at for the one that has been idle the longest. */
const looks = 64;
/** How long a connection that is refused may take to hear it, and how many may at one time. */
const lingerMs = 1_000;
const mostLingering = 256;
let lingering = 0;

/**
 * Bounds the open connections of a listener. At the limit a new one takes the place of one that is idle, the longest of
 * some; where none is, it is refused. So whoever opens thousands of them keeps nobody out who has something to send.
 */
export class ConnectionLimit {
  readonly stats: ConnectionStats;
  readonly max: number;
  readonly #onFull: () => void;
  readonly #guests = new Roster<Guest>();
  #next = 0;

  /** `onFull` is told of each one that goes or is refused. */
  constructor(max: number, stats: ConnectionStats = { open: 0, sentAway: 0, refused: 0 }, onFull = (): void => {}) {
    this.max = max;
    this.stats = stats;
    this.#onFull = onFull;
  }

  /** Whether there is room for one more, after one had to go where that was necessary. */
  hasRoom(now: number): boolean {
    if (this.#guests.size < this.max) return true;
    this.#onFull();
    const idlest = this.#idlest();
    if (idlest === undefined || now - idlest.idleSince < idleMs) {
      this.stats.refused++;
      return false;
    }
    this.delete(idlest);
    this.stats.sentAway++;
    idlest.leave();
    return true;
  }

  add(guest: Guest): void {
    this.#guests.add(guest);
    this.stats.open++;
  }

  delete(guest: Guest): void {
    if (this.#guests.delete(guest)) this.stats.open--;
  }

  #idlest(): Guest | undefined {
    let idlest: Guest | undefined;
    const { size } = this.#guests;
    for (let n = Math.min(looks, size); n > 0; n--) {
      this.#next = this.#next + 1 < size ? this.#next + 1 : 0;
      const guest = this.#guests.at(this.#next);
      if (idlest === undefined || guest.idleSince < idlest.idleSince) idlest = guest;
    }
    return idlest;
  }
}

/** Says `words` to an accepted connection that nobody reads, and ends it. */
export function turnAway(socket: Socket, words: Uint8Array): void {
  socket.on('error', () => {});
  if (lingering >= mostLingering) {
    socket.destroy();
    return;
  }
  lingering++;
  const timer = setTimeout(() => socket.destroy(), lingerMs);
  socket.on('close', () => {
    lingering--;
    clearTimeout(timer);
  });
  // What it sends is read and forgotten: with bytes unread the system would cut the connection, and the words with it.
  socket.on('end', () => socket.destroy()).resume();
  socket.end(words);
}
