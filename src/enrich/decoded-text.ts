/**
 * A text with its escapes undone, for whoever looks for names and values in it: percent-encoding, however often it was applied, backslash
 * escapes of JSON in JSON, and the commonest entities. Each character knows how deep it was escaped and where it stood, so that what is
 * found can be cut out of the text as it is. Characters beyond UTF-16 units are not put together: nobody looks for them.
 */
export interface DecodedText {
  /** Characters [start, end), as they are without escapes. */
  slice(start: number, end: number): string;
  readonly length: number;
  /** UTF-16 units; valid below `length`. */
  readonly codes: Uint16Array;
  /** How often each was escaped. */
  readonly depths: Uint8Array;
  /** Where each stood in the text; one more, its length, at the end. */
  readonly at: Int32Array;
}

/** Memory that is kept for the next text; what a longer one takes is let go again. */
const keptUnits = 1 << 16;
let codes = new Uint16Array(keptUnits);
let depths = new Uint8Array(keptUnits);
let at = new Int32Array(keptUnits + 1);
let length = 0;

/** The result is good until the next call. */
export function decodeText(text: string): DecodedText {
  const units = Math.max(text.length, keptUnits);
  if (codes.length !== units) {
    codes = new Uint16Array(units);
    depths = new Uint8Array(units);
    at = new Int32Array(units + 1);
  }
  length = 0;
  for (let i = 0; i < text.length; ) {
    const code = text.charCodeAt(i);
    if (code === percent) i = percentEncoded(text, i);
    else if (code === backslash) i = escaped(text, i);
    else if (code === ampersand) i = entity(text, i);
    else i = put(code, 0, i, i + 1);
  }
  at[length] = text.length;
  const plain = length === text.length;
  const of = codes;
  const slice = (start: number, end: number): string =>
    plain ? text.slice(start, end) : String.fromCharCode(...of.subarray(start, end));
  return { slice, length, codes, depths, at };
}

const percent = 0x25;
const backslash = 0x5c;
const ampersand = 0x26;
/** Deeper is not told apart. */
const deepest = 200;

function put(code: number, depth: number, from: number, next: number): number {
  codes[length] = code;
  depths[length] = depth;
  at[length++] = from;
  return next;
}

/** `%3D`, and `%253D` with a `25` for each time more. */
function percentEncoded(text: string, from: number): number {
  let depth = 1;
  let i = from + 1;
  while (text.charCodeAt(i) === 0x32 && text.charCodeAt(i + 1) === 0x35 && hex(text, i + 2, 2) >= 0) {
    depth++;
    i += 2;
  }
  const code = hex(text, i, 2);
  return code < 0 || code > 0x7f ? put(percent, 0, from, from + 1) : put(code, Math.min(depth, deepest), from, i + 2);
}

/** A run of backslashes before a quote: one escapes it once, three twice, seven three times; an even number is none of its business. */
function escaped(text: string, from: number): number {
  let i = from;
  while (text.charCodeAt(i) === backslash) i++;
  const count = i - from;
  const depth = Math.min(31 - Math.clz32(~count & -~count), deepest);
  const code = depth === 0 ? -1 : meaning(text, i);
  if (code < 0) {
    for (let at = from; at < i; at++) put(backslash, 0, at, at + 1);
    return i;
  }
  return put(code, depth, from, text.charCodeAt(i) === 0x75 ? i + 5 : i + 1);
}

const letters = new Map([...'"\'`/'].map((letter) => [letter.charCodeAt(0), letter.charCodeAt(0)]));
for (const [letter, code] of [
  ['n', 10],
  ['r', 13],
  ['t', 9],
] as const)
  letters.set(letter.charCodeAt(0), code);

function meaning(text: string, i: number): number {
  const letter = text.charCodeAt(i);
  return letter === 0x75 ? hex(text, i + 1, 4) : (letters.get(letter) ?? -1);
}

const entities: readonly (readonly [string, number])[] = [
  ['amp;', ampersand],
  ['quot;', 0x22],
  ['apos;', 0x27],
  ['#34;', 0x22],
  ['#39;', 0x27],
  ['#61;', 0x3d],
  ['lt;', 0x3c],
  ['gt;', 0x3e],
];

/** `&amp;` stands for the `&` between two parameters, as deep as it is. */
function entity(text: string, from: number): number {
  for (const [name, code] of entities)
    if (text.startsWith(name, from + 1)) return put(code, code === ampersand ? 0 : 1, from, from + 1 + name.length);
  return put(ampersand, 0, from, from + 1);
}

/** The number that so many hexadecimal digits are; -1 where they are none. */
function hex(text: string, from: number, digits: number): number {
  let value = 0;
  for (let i = from; i < from + digits; i++) {
    const code = text.charCodeAt(i) | 0x20;
    const digit = code >= 0x30 && code <= 0x39 ? code - 0x30 : code >= 0x61 && code <= 0x66 ? code - 87 : -1;
    if (digit < 0) return -1;
    value = value * 16 + digit;
  }
  return value;
}
