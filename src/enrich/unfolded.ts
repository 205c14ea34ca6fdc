/** Any character that is not ASCII; it never separates. */
const other = 0x80;
const backslash = 0x5c;
const percent = 0x25;
const ampersand = 0x26;
/** HTML's, as far as they separate. */
const entities: readonly (readonly [string, number])[] = [
  ['&amp;', ampersand],
  ['&quot;', 0x22],
  ['&#34;', 0x22],
  ['&#39;', 0x27],
  ['&apos;', 0x27],
  ['&lt;', 0x3c],
  ['&gt;', 0x3e],
];
/** Arrays for longer texts are given back with the next one. */
const largestKept = 1 << 17;

/**
 * A text with its percent-encodings and the escapes of JSON and HTML resolved, however often they were applied: URLs in
 * URLs, JSON in URLs. `level` tells how often: 0 for `=`, 1 for %3D, 2 for %253D. Built in one pass over the text; what
 * it costs is seven bytes a character. The arrays are reused: a text is read to its end before the next is unfolded.
 */
export class Unfolded {
  text = '';
  length = 0;
  codes = new Uint8Array(1024);
  levels = new Uint8Array(1024);
  /** Where in `text` a character begins; one more than there are characters. */
  starts = new Uint32Array(1025);

  of(text: string): this {
    if (text === this.text) return this;
    this.#room(text.length);
    this.text = text;
    let count = 0;
    for (let at = 0; at < text.length; count++) {
      this.starts[count] = at;
      this.levels[count] = 0;
      const code = text.charCodeAt(at);
      this.codes[count] = Math.min(code, other);
      if (code === percent) at = this.#encoded(at, count);
      else if (code === backslash) at = this.#escaped(at, count);
      else if (code === ampersand) at = this.#entity(at, count);
      else at++;
    }
    this.starts[count] = text.length;
    this.length = count;
    return this;
  }

  /** The characters from `start` to `end`; what is not ASCII is as in the text where nothing was encoded. */
  slice(start: number, end: number): string {
    const [from, to] = [this.starts[start], this.starts[end]];
    if (to - from === end - start) return this.text.slice(from, to);
    let slice = '';
    for (let i = start; i < end; i++) slice += String.fromCharCode(this.codes[i]);
    return slice;
  }

  /**
   * `%3D`, `%253D`, …; a run of `%25` that encodes nothing is a percent sign. Returns where the next character begins.
   */
  #encoded(at: number, index: number): number {
    let after = at + 1;
    while (this.text.startsWith('25', after)) after += 2;
    const code = (hex(this.text.charCodeAt(after)) << 4) | hex(this.text.charCodeAt(after + 1));
    const level = (after - at + 1) >> 1;
    if (code >= 0) {
      this.codes[index] = Math.min(code, other);
      this.levels[index] = Math.min(level, 255);
      return after + 2;
    }
    this.levels[index] = Math.min(level - 1, 255);
    return after;
  }

  #entity(at: number, index: number): number {
    for (const [entity, code] of entities) {
      if (!this.text.startsWith(entity, at)) continue;
      this.codes[index] = code;
      return at + entity.length;
    }
    return at + 1;
  }

  /**
   * `\/` and `\u0026`, as JSON has them. A quote keeps its backslash: it says in which of the nested texts it stands.
   */
  #escaped(at: number, index: number): number {
    if (this.text.charCodeAt(at + 1) === 0x2f) {
      this.codes[index] = 0x2f;
      return at + 2;
    }
    if (!this.text.startsWith('u00', at + 1)) return at + 1;
    const code = (hex(this.text.charCodeAt(at + 4)) << 4) | hex(this.text.charCodeAt(at + 5));
    if (code < 0x20 || code >= other || code === 0x22 || code === backslash) return at + 1;
    this.codes[index] = code;
    return at + 6;
  }

  #room(chars: number): void {
    const size = Math.max(1024, 2 ** Math.ceil(Math.log2(chars + 1)));
    if (size < this.starts.length && this.starts.length <= largestKept) return;
    if (size + 1 === this.starts.length) return;
    this.codes = new Uint8Array(size);
    this.levels = new Uint8Array(size);
    this.starts = new Uint32Array(size + 1);
  }
}

/** The one that all rules read: one after the other they ask for the same text. */
export const view = new Unfolded();

/** The value of a hexadecimal digit, -1 for anything else. */
function hex(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const letter = code | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1;
}
