import { isUtf8 } from 'node:buffer';
import { MalformedError } from '../../wire/reader.ts';
import { Problem } from './problem.ts';

/** Zeros behind a text. */
export const slackBytes = 8;

/**
 * More than any number needs that JSON.stringify or a 64-bit integer ends up as; what is longer is no honest number.
 */
const maxNumberBytes = 2048;

/**
 * A body that is read and, in the same memory, becomes something else: `bytes[0, out)` is written, `bytes[pos, end)`
 * still to be read, and `out` never passes `pos`. `slackBytes` zeros stand behind the end: they end every loop over
 * text, and let it be looked at four bytes at a time. Reading stops at `until`, even inside a string, and goes on there
 * when more is allowed.
 */
export class Text {
  readonly bytes: Buffer;
  readonly view: DataView;
  pos: number;
  readonly end: number;
  out = 0;
  until: number;
  /** The string or number that was read last; escapes in it are resolved, where it stands. */
  start = 0;
  stop = 0;
  readonly #from: number;
  #allowed: number;
  /**
   * Of a string that was left in the middle: where it begins, where its reading goes on, and where its writing does.
   */
  #stringAt = -1;
  #stringRead = 0;
  #stringWritten = 0;

  /** The text is bytes[from, bytes.length - slackBytes). */
  constructor(bytes: Buffer, from: number) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#from = from;
    this.pos = from;
    this.until = from;
    this.#allowed = from;
    this.end = bytes.length - slackBytes;
    bytes.fill(0, this.end);
    // A byte order mark, which RFC 8259 allows a reader to ignore.
    if (bytes[from] === 0xef && bytes[from + 1] === 0xbb && bytes[from + 2] === 0xbf) this.pos += 3;
  }

  /** Allows `more` bytes to be read, up to the beginning of a character, and checks that they are UTF-8. */
  allow(more: number): void {
    this.#allowed = Math.min(this.end, this.#allowed + more);
    const from = this.until;
    let to = this.#allowed;
    if (to < this.end) for (let i = 0; i < 3 && to > from && (this.bytes[to] & 0xc0) === 0x80; i++) to--;
    if (!isUtf8(this.bytes.subarray(from, to))) {
      throw new MalformedError(`not UTF-8 between byte ${from - this.#from} and ${to - this.#from}`);
    }
    this.until = to;
  }

  /** Where `pos` is in the text, for messages. */
  get at(): number {
    return this.pos - this.#from;
  }

  /** Moves to the next token; false where reading has to stop before it. At the end of the text it is the byte 0. */
  nextToken(): boolean {
    const { bytes, until } = this;
    let pos = this.pos;
    if (bytes[pos] > 0x20 && pos < until) return true;
    for (let c = bytes[pos]; pos < until && (c === 0x20 || c === 0x0a || c === 0x0d || c === 0x09); ) c = bytes[++pos];
    this.pos = pos;
    return pos < until || until === this.end;
  }

  /**
   * Whether the string at `pos` was left in the middle: its escapes are resolved up to there, so it stands there no
   * more as it came.
   */
  get isInString(): boolean {
    return this.#stringAt === this.pos + 1;
  }

  /** What stands at `pos`, `length` bytes of it; of a string that was left in the middle without what was read twice. */
  quote(length: number): string {
    const { bytes, pos, end } = this;
    const to = this.isInString ? this.#stringWritten : end;
    const first = bytes.subarray(pos, Math.min(to, pos + length));
    const rest = to === end ? 0 : length - first.length;
    return Buffer.concat([first, bytes.subarray(this.#stringRead, Math.min(end, this.#stringRead + rest))]).toString();
  }

  /**
   * Reads the string that begins at `pos`: it is then [start, stop). False where reading has to stop in the middle of
   * it.
   */
  readString(): boolean {
    const { bytes, until } = this;
    const start = this.pos + 1;
    let read = start;
    let written = start;
    if (this.#stringAt === start) {
      read = this.#stringRead;
      written = this.#stringWritten;
    }
    for (;;) {
      const plainFrom = read;
      read = plainEnd(this.view, read, until);
      const c = bytes[read];
      if (written !== plainFrom) copyDown(this, plainFrom, read, written);
      written += read - plainFrom;
      // An escape and its pair have 12 bytes at most, so it is read where all of it is allowed.
      if (until !== this.end && (read >= until || (c !== 0x22 && read + 12 > until))) {
        this.#stringAt = start;
        this.#stringRead = read;
        this.#stringWritten = written;
        return false;
      }
      if (c === 0x22 && read < until) break;
      // Where it goes on, for a message that quotes it.
      this.#stringAt = start;
      this.#stringRead = read;
      this.#stringWritten = written;
      if (c !== 0x5c) throw this.#broken();
      read = this.#unescape(read + 1, written);
      written = this.#unescapedTo;
    }
    this.start = start;
    this.stop = written;
    this.pos = read + 1;
    return true;
  }

  /** Reads the number that begins at `pos`: it is then [start, stop). */
  readNumber(): void {
    const { bytes } = this;
    this.start = this.pos;
    let pos = this.pos;
    if (bytes[pos] === 0x2d) pos++;
    if (bytes[pos] === 0x30) pos++;
    else pos = this.#digits(pos);
    if (bytes[pos] === 0x2e) pos = this.#digits(pos + 1);
    if ((bytes[pos] | 0x20) === 0x65) {
      pos++;
      if (bytes[pos] === 0x2b || bytes[pos] === 0x2d) pos++;
      pos = this.#digits(pos);
    }
    if (isWordByte(bytes[pos]) || bytes[pos] === 0x2e || pos - this.start > maxNumberBytes) throw this.#broken();
    this.stop = this.pos = pos;
  }

  /** Moves past `true`, `false` or `null`. */
  readWord(word: Uint8Array): void {
    for (let i = 0; i < word.length; i++) if (this.bytes[this.pos + i] !== word[i]) throw this.#broken();
    if (isWordByte(this.bytes[this.pos + word.length])) throw this.#broken();
    this.pos += word.length;
  }

  #digits(pos: number): number {
    const from = pos;
    while (this.bytes[pos] >= 0x30 && this.bytes[pos] <= 0x39 && pos - this.start <= maxNumberBytes) pos++;
    if (pos === from) throw this.#broken();
    return pos;
  }

  #unescapedTo = 0;
  /** Resolves the escape whose letter stands at `read` to `written`; returns where the text goes on. */
  #unescape(read: number, written: number): number {
    const { bytes } = this;
    const letter = bytes[read++];
    if (letter === 0x75) {
      let code = this.#hex4(read);
      read += 4;
      if (code >= 0xd800 && code < 0xe000) {
        // Half of a pair alone is no character: U+FFFD stands for it.
        const low = code < 0xdc00 && bytes[read] === 0x5c && bytes[read + 1] === 0x75 ? this.#hex4(read + 2) : 0;
        const isPair = low >= 0xdc00 && low < 0xe000;
        code = isPair ? 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00) : 0xfffd;
        if (isPair) read += 6;
      }
      this.#unescapedTo = putCharacter(bytes, written, code);
      return read;
    }
    const meant = letter < 0x80 ? escapes[letter] : 0;
    if (meant === 0) throw this.#broken();
    bytes[written] = meant;
    this.#unescapedTo = written + 1;
    return read;
  }

  #hex4(pos: number): number {
    let code = 0;
    for (let i = pos; i < pos + 4; i++) {
      const digit = i < this.end ? hexDigits[this.bytes[i]] : 0xff;
      if (digit === 0xff) throw this.#broken();
      code = code * 16 + digit;
    }
    return code;
  }

  #broken(): Problem {
    return new Broken();
  }
}

/** The text is no JSON from the token at `pos` on. */
export class Broken extends Problem {
  constructor() {
    super('not JSON');
  }
}

/**
 * Where the plain part of a string ends that begins at `pos`: at a quote, a backslash or a control character, or at
 * `limit`. Four bytes at a time: a byte that is zero, or below 0x20, is the lowest one whose high bit is set when that
 * is taken off.
 */
export function plainEnd(view: DataView, pos: number, limit: number): number {
  if (pos >= limit) return pos;
  while (pos < limit) {
    const four = view.getInt32(pos, true);
    const quote = four ^ 0x22222222;
    const backslash = four ^ 0x5c5c5c5c;
    const found =
      (((quote - 0x01010101) & ~quote) | ((backslash - 0x01010101) & ~backslash) | ((four - 0x20202020) & ~four)) &
      0x80808080;
    if (found !== 0) {
      pos += (31 - Math.clz32(found & -found)) >> 3;
      break;
    }
    pos += 4;
  }
  return Math.min(pos, limit);
}

/** Copies [start, stop) to `to`, which lies before it. Ahead of what was read nothing is touched. */
export function copyDown({ bytes, view }: Text, start: number, stop: number, to: number): void {
  if (stop - start > 64) bytes.copyWithin(to, start, stop);
  else if (start - to < 4) for (let i = start; i < stop; ) bytes[to++] = bytes[i++];
  else for (let i = start; i < stop; i += 4, to += 4) view.setInt32(to, view.getInt32(i, true), true);
}

/** By byte, a hex digit's value; 0xff for what is none. */
export const hexDigits = new Uint8Array(256).fill(0xff);
for (let i = 0; i < 16; i++) {
  hexDigits[i.toString(16).charCodeAt(0)] = i;
  hexDigits[i.toString(16).toUpperCase().charCodeAt(0)] = i;
}

/** By letter behind a backslash, the character it means; 0 for none. */
const escapes = new Uint8Array(128);
for (const [letter, meant] of ['""', '\\\\', '//', 'b\b', 'f\f', 'n\n', 'r\r', 't\t']) {
  escapes[letter.charCodeAt(0)] = meant.charCodeAt(0);
}

const isWordByte = (c: number): boolean =>
  (c >= 0x30 && c <= 0x39) || ((c | 0x20) >= 0x61 && (c | 0x20) <= 0x7a) || c === 0x5f;

/** Writes a character in UTF-8; returns where it ends. */
function putCharacter(bytes: Uint8Array, at: number, code: number): number {
  if (code < 0x80) {
    bytes[at++] = code;
    return at;
  }
  if (code < 0x800) bytes[at++] = 0xc0 | (code >> 6);
  else {
    if (code < 0x10000) bytes[at++] = 0xe0 | (code >> 12);
    else {
      bytes[at++] = 0xf0 | (code >> 18);
      bytes[at++] = 0x80 | ((code >> 12) & 0x3f);
    }
    bytes[at++] = 0x80 | ((code >> 6) & 0x3f);
  }
  bytes[at++] = 0x80 | (code & 0x3f);
  return at;
}
