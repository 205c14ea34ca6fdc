import { wordsIn } from '../wire/words.ts';
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
 * rules' anchors, a pair of bytes at every even address. May say yes for nothing, never no for something.
 *
 * Of any three bytes in a row one of the two pairs lies at an even address, so a table of both pairs misses none.
 */
export class Suspects {
  /** For each pair of bytes its bucket of anchors, 0 = none has it. */
  readonly #bucketOf = new Uint16Array(65_536);
  readonly #buckets: Anchor[][] = [[]];
  /** The same with the pair's second byte above its first, as words have them: 1 = some anchor has it. */
  readonly #isPair = new Uint8Array(65_536);
  /** By `windowHash`, 1 = some anchor has this window. */
  readonly #windows = new Uint8Array(16_384);
  readonly #always: boolean;
  readonly #digits: boolean;

  constructor(anchors: Anchors) {
    this.#always = anchors.always || !isLittleEndian;
    this.#digits = anchors.digits;
    if (anchors.userinfo) this.#add(encoder.encode('://'), true);
    // Short ones leave no choice; longer ones may go by the pairs that they have brought.
    const texts = anchors.texts.toSorted((a, b) => a.length - b.length);
    for (const text of texts) this.#add(encoder.encode(text), false);
  }

  among(buf: Uint8Array, start: number, end: number): boolean {
    if (this.#always) return end > start;
    if (this.#buckets.length === 1 && !this.#digits) return false;
    userlessTo = start;
    const { byteOffset } = buf;
    const words = wordsIn(buf.buffer);
    // `nextWord` also reads the word behind: the last one goes pair by pair, like what is before and behind all words.
    const last = Math.min((byteOffset + end) >> 2, words.length - 1);
    let at = start + ((byteOffset + start) & 1);
    if (((byteOffset + at) & 2) !== 0) {
      if (this.#isAt(at, buf, start, end)) return true;
      at += 2;
    }
    let word = (byteOffset + at) >> 2;
    while ((word = nextWord(this.#isPair, this.#windows, words, word, last)) < last) {
      const pair = (word++ << 2) - byteOffset;
      if (this.#isAt(pair, buf, start, end) || this.#isAt(pair + 2, buf, start, end)) return true;
    }
    at = Math.max(at, (last << 2) - byteOffset);
    for (; at < end; at += 2) if (this.#isAt(at, buf, start, end)) return true;
    return this.#digits && hasDigitRun(buf, start, end);
  }

  /** Is there an anchor in buf[start, end) by the pair at `at`? */
  #isAt(at: number, buf: Uint8Array, start: number, end: number): boolean {
    if (at + 1 >= end) return false;
    const bucket = this.#bucketOf[(buf[at] << 8) | buf[at + 1]];
    return bucket !== 0 && this.#matches(bucket, buf, at, start, end);
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
    const window = this.#rarestWindow(bytes);
    this.#windows[windowHash(bytes[window] | (bytes[window + 1] << 8) | (bytes[window + 2] << 16))] = 1;
    for (const pairAt of [window, window + 1]) {
      for (const first of cases(bytes[pairAt])) {
        for (const second of cases(bytes[pairAt + 1])) this.#enter((first << 8) | second, { bytes, pairAt, userinfo });
      }
    }
  }

  /** Where the three bytes begin whose pairs cost least: by how often telemetry has one, or by its anchors so far. */
  #rarestWindow(bytes: Uint8Array): number {
    const frequency = (at: number) => rarestFirst.indexOf(bytes[at]) + 1;
    const cost = (at: number) => {
      const bucket = this.#bucketOf[(bytes[at] << 8) | bytes[at + 1]];
      return bucket === 0 ? frequency(at) * frequency(at + 1) : this.#buckets[bucket].length * anchorCost;
    };
    let best = 0;
    let least = Number.POSITIVE_INFINITY;
    for (let at = 0; at + minAnchorBytes <= bytes.length; at++) {
      const sum = cost(at) + cost(at + 1);
      if (sum < least) [best, least] = [at, sum];
    }
    return best;
  }

  #enter(pair: number, anchor: Anchor): void {
    const bucket = this.#bucketOf[pair] || this.#buckets.push([]) - 1;
    this.#bucketOf[pair] = bucket;
    this.#isPair[((pair & 0xff) << 8) | (pair >>> 8)] = 1;
    this.#buckets[bucket].push(anchor);
  }
}

/**
 * The next word from `word` on with a pair that some anchor has and a window that one has as well, with the byte before
 * it and the one behind it; `last` where there is none. Most of the work is here: small, to be compiled well. Byte by
 * byte it takes twice as long.
 */
function nextWord(isPair: Uint8Array, windows: Uint8Array, words: Int32Array, word: number, last: number): number {
  for (; word < last; word++) {
    const four = words[word];
    if ((isPair[four & 0xffff] | isPair[four >>> 16]) === 0) continue;
    const before = word > 0 ? words[word - 1] >>> 24 : 0;
    const outer =
      windows[windowHash((four << 8) | before)] | windows[windowHash((four >>> 16) | (words[word + 1] << 16))];
    const inner = windows[windowHash(four)] | windows[windowHash(four >>> 8)];
    if ((outer | inner) !== 0) return word;
  }
  return last;
}

/** Of the three low bytes of `four`, the first the lowest, in either case. */
const windowHash = (four: number): number => Math.imul(four & 0x5f5f5f, 0x9e3779b1) >>> 18;

/**
 * A pair that is looked for anyway costs one comparison more for each of its anchors, as much as a new pair whose
 * frequencies multiply to this. For nothing, all that end with `key` would have the same pair, in every key named so.
 */
const anchorCost = 40;

/** As nearly all machines are; on others everything is suspect. */
const isLittleEndian = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

const encoder = new TextEncoder();

/** What attribute keys and values are made of, the rarest first; bytes that are not here are rarer still. */
const rarestFirst = encoder.encode('@%"+\\:zjqx b_=kyvf-wgmu/987654dh3l2.c0n1ioprsate');

const lower = (byte: number): number => (byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte);
const cases = (byte: number): number[] => (byte >= 0x61 && byte <= 0x7a ? [byte, byte - 0x20] : [byte]);

function foldedEquals(anchor: Uint8Array, buf: Uint8Array, at: number): boolean {
  for (let i = 0; i < anchor.length; i++) if (lower(buf[at + i]) !== anchor[i]) return false;
  return true;
}

/**
 * Where the run without a blank ends that `hasUser` looked through last and found no `@` in: a later `://` of the run has
 * none either. Looked through again from each of them, a long run would take the square of its length.
 */
let userlessTo = 0;

/**
 * Is there an `@` before the authority of a URL, which begins at `at`, ends? Or anywhere before the next blank or
 * control, when what follows a colon is no port: passwords may have a "/", "?" or "#" as it is.
 */
function hasUser(buf: Uint8Array, at: number, end: number): boolean {
  let colon = false;
  let word = false;
  let authority = true;
  if (at < userlessTo) return false;
  for (; at < end; at++) {
    const byte = buf[at];
    if (byte === 0x40) return true;
    if (byte <= 0x20) break;
    const ends = byte === 0x2f || byte === 0x3f || byte === 0x23;
    if (ends && authority) {
      authority = false;
      if (!word && !(colon && buf[at - 1] === 0x3a)) return false;
    }
    if (authority && byte === 0x3a) colon = true;
    else if (authority && colon && (byte < 0x30 || byte > 0x39)) word = true;
  }
  userlessTo = at;
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
