import { type Anchors, minAnchorBytes } from './anchors.ts';

interface Anchor {
  readonly bytes: Uint8Array;
  /** Where in `bytes` the pair lies by which it was found. */
  readonly pairAt: number;
  /** It is the `://` of a URL, and counts only with a user behind it. */
  readonly userinfo: boolean;
}

/**
 * Says of bytes whether any redaction rule could find something in them, without taking them apart: it looks for the
 * rules' anchors, a pair of bytes at every second place. May say yes for nothing, never no for something.
 *
 * Of any three bytes in a row one of the two pairs lies at an even place, so a table of both pairs misses none.
 */
export class Suspects {
  /** For each pair of bytes its bucket of anchors, 0 = none has it. */
  readonly #bucketOf = new Uint16Array(65_536);
  readonly #buckets: Anchor[][] = [[]];
  /** By `windowHash`, 1 = some anchor has this window. */
  readonly #windows = new Uint8Array(65_536);
  readonly #always: boolean;
  readonly #digits: boolean;

  constructor(anchors: Anchors) {
    this.#always = anchors.always;
    this.#digits = anchors.digits;
    for (const text of anchors.texts) this.#add(new TextEncoder().encode(text), false);
    if (anchors.userinfo) this.#add(new TextEncoder().encode('://'), true);
  }

  among(buf: Uint8Array, start: number, end: number): boolean {
    if (this.#always) return end > start;
    if (this.#buckets.length === 1 && !this.#digits) return false;
    for (let at = start; (at = nextPair(this.#bucketOf, this.#windows, buf, at, end)) < end; at += 2) {
      if (this.#matches(this.#bucketOf[(buf[at] << 8) | buf[at + 1]], buf, at, start, end)) return true;
    }
    return this.#digits && hasDigitRun(buf, start, end);
  }

  #matches(bucket: number, buf: Uint8Array, pair: number, start: number, end: number): boolean {
    for (const { bytes, pairAt, userinfo } of this.#buckets[bucket]) {
      const at = pair - pairAt;
      if (at < start || at + bytes.length > end || !foldedEquals(bytes, buf, at)) continue;
      if (!userinfo || hasUser(buf, at + bytes.length, end)) return true;
    }
    return false;
  }

  #add(bytes: Uint8Array, userinfo: boolean): void {
    const window = rarestWindow(bytes);
    for (const first of cases(bytes[window]))
      for (const second of cases(bytes[window + 1]))
        for (const third of cases(bytes[window + 2])) this.#windows[windowHash(first, second, third)] = 1;
    for (const pairAt of [window, window + 1]) {
      for (const first of cases(bytes[pairAt])) {
        for (const second of cases(bytes[pairAt + 1])) this.#enter((first << 8) | second, { bytes, pairAt, userinfo });
      }
    }
  }

  #enter(pair: number, anchor: Anchor): void {
    const bucket = this.#bucketOf[pair] || this.#buckets.push([]) - 1;
    this.#bucketOf[pair] = bucket;
    this.#buckets[bucket].push(anchor);
  }
}

/**
 * The next place, two by two from `at`, with a pair that has a bucket and a third byte, behind or before it, that some
 * window has as well; `end` where there is none. Most of the work is here: small, to be compiled well.
 */
function nextPair(bucketOf: Uint16Array, windows: Uint8Array, buf: Uint8Array, at: number, end: number): number {
  for (; at + 1 < end; at += 2) {
    const first = buf[at];
    const second = buf[at + 1];
    if (bucketOf[(first << 8) | second] === 0) continue;
    if (at + 2 < end && windows[windowHash(first, second, buf[at + 2])] !== 0) return at;
    if (at > 0 && windows[windowHash(buf[at - 1], first, second)] !== 0) return at;
  }
  return end;
}

const windowHash = (first: number, second: number, third: number): number =>
  ((first << 9) ^ (second << 5) ^ third) & 0xffff;

/** Where the three bytes begin that telemetry has least often, so that the table is hit seldom. */
function rarestWindow(bytes: Uint8Array): number {
  const frequency = (at: number) => rarestFirst.indexOf(bytes[at]) + 1;
  let best = 0;
  let least = Number.POSITIVE_INFINITY;
  for (let at = 0; at + minAnchorBytes <= bytes.length; at++) {
    const sum = frequency(at) + 2 * frequency(at + 1) + frequency(at + 2);
    if (sum < least) [best, least] = [at, sum];
  }
  return best;
}

/** What attribute keys and values are made of, the rarest first; bytes that are not here are rarer still. */
const rarestFirst = new TextEncoder().encode(':zjqxwb_kyvf-gmu/dhl.cnioprsate');

const lower = (byte: number): number => (byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte);
const cases = (byte: number): number[] => (byte >= 0x61 && byte <= 0x7a ? [byte, byte - 0x20] : [byte]);

function foldedEquals(anchor: Uint8Array, buf: Uint8Array, at: number): boolean {
  for (let i = 0; i < anchor.length; i++) if (lower(buf[at + i]) !== anchor[i]) return false;
  return true;
}

/**
 * Is there an `@` before the authority of a URL, which begins at `at`, ends? Or anywhere before the next blank or
 * control, when what follows a colon is no port: passwords may have a "/", "?" or "#" as it is.
 */
function hasUser(buf: Uint8Array, at: number, end: number): boolean {
  let colon = false;
  let word = false;
  let authority = true;
  for (; at < end; at++) {
    const byte = buf[at];
    if (byte === 0x40) return true;
    if (byte <= 0x20) return false;
    const ends = byte === 0x2f || byte === 0x3f || byte === 0x23;
    if (ends && authority) {
      authority = false;
      if (!word && !(colon && buf[at - 1] === 0x3a)) return false;
    }
    if (authority && byte === 0x3a) colon = true;
    else if (authority && colon && (byte < 0x30 || byte > 0x39)) word = true;
  }
  return false;
}

/** Are there 13 digits, with at most one space or hyphen between two? */
function hasDigitRun(buf: Uint8Array, start: number, end: number): boolean {
  let digits = 0;
  let between = 0;
  for (let i = start; i < end; i++) {
    const byte = buf[i];
    if (byte >= 0x30 && byte <= 0x39) {
      if (++digits === 13) return true;
      between = 0;
    } else if ((byte !== 0x20 && byte !== 0x2d) || ++between > 1) {
      digits = between = 0;
    }
  }
  return false;
}
