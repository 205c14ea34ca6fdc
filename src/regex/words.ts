import type { Literal } from './literals.ts';

interface Word {
  readonly bytes: Uint8Array;
  /** Of each byte: how many before it are also how the word starts (Knuth, Morris, Pratt). */
  readonly starts: Uint16Array;
  readonly atStart: boolean;
  readonly atEnd: boolean;
}

/** Looks for texts in UTF-8 bytes, in time linear in the bytes. */
export class Words {
  readonly #words: readonly Word[];

  constructor(literals: readonly Literal[]) {
    this.#words = literals.map(({ text, atStart, atEnd }) => {
      const bytes = new TextEncoder().encode(text);
      return { bytes, starts: startsOf(bytes), atStart, atEnd };
    });
  }

  /** Whether one of them is in buf[start, end), where its anchors want it. */
  in(buf: Uint8Array, start: number, end: number): boolean {
    for (const word of this.#words) {
      const length = word.bytes.length;
      if (length > end - start || (word.atStart && word.atEnd && length !== end - start)) continue;
      if (
        word.atStart
          ? stands(buf, start, word.bytes)
          : word.atEnd
            ? stands(buf, end - length, word.bytes)
            : holds(buf, start, end, word)
      )
        return true;
    }
    return false;
  }
}

function stands(buf: Uint8Array, at: number, bytes: Uint8Array): boolean {
  for (let i = 0; i < bytes.length; i++) if (buf[at + i] !== bytes[i]) return false;
  return true;
}

function holds(buf: Uint8Array, start: number, end: number, { bytes, starts }: Word): boolean {
  if (bytes.length === 0) return true;
  for (let at = start, same = 0; at < end; at++) {
    while (same > 0 && buf[at] !== bytes[same]) same = starts[same - 1];
    if (buf[at] === bytes[same] && ++same === bytes.length) return true;
  }
  return false;
}

function startsOf(bytes: Uint8Array): Uint16Array {
  const starts = new Uint16Array(bytes.length);
  for (let at = 1, same = 0; at < bytes.length; at++) {
    while (same > 0 && bytes[at] !== bytes[same]) same = starts[same - 1];
    if (bytes[at] === bytes[same]) same++;
    starts[at] = same;
  }
  return starts;
}
