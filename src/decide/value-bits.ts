import type { BitsOf } from '../model/conditions.ts';
import type { TestOfBytes, ValueTest } from '../model/predicates.ts';
import { readAnyValue, valueEnd, valueKind, valueNumber, valueStart } from '../wire/any-value-at.ts';
import { AnyValue } from '../wire/otlp.ts';
import { type Mask, maskOf, setMask } from './mask.ts';
import { numberBits, type RangeBit } from './number-bits.ts';
import { TextTable } from './text-table.ts';

const utf8 = new TextEncoder();

/** A question about a value: where it is so, this bit. */
export interface ValueBit {
  readonly test: ValueTest;
  readonly bit: number;
}

/** The bits of an attribute's value, an AnyValue message: it is read once, however many questions there are. */
export function valueBits(questions: readonly ValueBit[]): BitsOf {
  const [{ test, bit }] = questions;
  if (questions.length === 1 && test.is === 'asked' && bit < 32) return alone(test.test, 1 << bit);
  const present = maskOf(bitsWhere(questions, ({ is }) => is === 'present'));
  const texts = textTable(questions);
  const ranges = questions.flatMap(({ test, bit }): RangeBit[] =>
    test.is === 'number' ? [{ range: test.range, bit }] : [],
  );
  const numbers = ranges.length === 0 ? undefined : numberBits(ranges);
  const booleans = [false, true].map((value) =>
    maskOf(bitsWhere(questions, (test) => test.is === 'boolean' && test.value === value)),
  );
  const asked = askedOf(questions);
  const reads = texts !== undefined || numbers !== undefined || booleans.some(({ low, wide }) => low !== 0 || wide);
  return (buf, start, end, wide) => {
    let bits = setMask(present, wide) | askEach(asked, buf, start, end, wide);
    if (!reads) return bits;
    readAnyValue(buf, start, end);
    if (valueKind === AnyValue.string) {
      if (texts !== undefined) bits |= texts.bitsOf(buf, valueStart, valueEnd, wide);
    } else if (valueKind === AnyValue.bool) bits |= setMask(booleans[valueNumber], wide);
    else if (numbers !== undefined && (valueKind === AnyValue.int || valueKind === AnyValue.double))
      bits |= numbers(valueNumber, wide);
    return bits;
  };
}

/** Which second bytes a text has, of two or more, where some question has yes for an answer; undefined = any. */
export function secondsOf(questions: readonly ValueBit[]): Uint8Array | undefined {
  const seconds = new Uint8Array(256);
  for (const { test } of questions) {
    const bytes = secondBytesOf(test);
    if (bytes === undefined) return undefined;
    for (const byte of bytes) seconds[byte] = 1;
  }
  return seconds;
}

function secondBytesOf(test: ValueTest): readonly number[] | undefined {
  switch (test.is) {
    case 'present':
      return undefined;
    case 'asked':
      return test.secondBytes;
    case 'string':
      return test.values.flatMap((value) => [...utf8.encode(value).subarray(1, 2)]);
    default:
      return [];
  }
}

/** The bits of a text that stands there as such. */
export function textBits(questions: readonly ValueBit[]): BitsOf {
  const present = maskOf(bitsWhere(questions, ({ is }) => is === 'present'));
  const texts = textTable(questions);
  const asked = askedOf(questions);
  return (buf, start, end, wide) => {
    const bits = setMask(present, wide) | askEach(asked, buf, start, end, wide);
    return texts === undefined ? bits : bits | texts.bitsOf(buf, start, end, wide);
  };
}

/** The usual way, as short as it can be. */
const alone =
  (test: Asked['test'], bits: number): BitsOf =>
  (buf, start, end) =>
    test(buf, start, end) ? bits : 0;

type Asked = { readonly test: TestOfBytes; readonly mask: Mask };

/** Questions, and a test that is asked first: where it says no, all of them do. */
interface AskedTogether {
  readonly any: TestOfBytes | undefined;
  readonly asked: readonly Asked[];
}

/** What can be answered together is, so that a hundred lists of routes cost a span what one does. */
function askedOf(questions: readonly ValueBit[]): readonly AskedTogether[] {
  const kinds = new Map<unknown, { texts: string[]; asked: Asked[]; any: (texts: readonly string[]) => TestOfBytes }>();
  const alone: Asked[] = [];
  for (const { test, bit } of questions) {
    if (test.is !== 'asked') continue;
    const asked = { test: test.test, mask: maskOf([bit]) };
    if (test.any === undefined || test.texts === undefined) {
      alone.push(asked);
      continue;
    }
    const kind = kinds.get(test.any) ?? { texts: [], asked: [], any: test.any };
    kind.texts.push(...test.texts);
    kind.asked.push(asked);
    kinds.set(test.any, kind);
  }
  const together = [...kinds.values()].map(({ texts, asked, any }) => ({
    any: asked.length > 1 ? any(texts) : undefined,
    asked,
  }));
  return alone.length === 0 ? together : [...together, { any: undefined, asked: alone }];
}

function askEach(all: readonly AskedTogether[], buf: Uint8Array, start: number, end: number, wide: Int32Array): number {
  let bits = 0;
  for (let n = 0; n < all.length; n++) {
    const { any, asked } = all[n];
    if (any !== undefined && !any(buf, start, end)) continue;
    for (let i = 0; i < asked.length; i++) if (asked[i].test(buf, start, end)) bits |= setMask(asked[i].mask, wide);
  }
  return bits;
}

const bitsWhere = (questions: readonly ValueBit[], is: (test: ValueTest) => boolean): number[] =>
  questions.filter(({ test }) => is(test)).map(({ bit }) => bit);

function textTable(questions: readonly ValueBit[]): TextTable | undefined {
  const bitsByText = new Map<string, number[]>();
  for (const { test, bit } of questions) {
    if (test.is !== 'string') continue;
    // A list may have the same text as often as it likes.
    for (const value of new Set(test.values)) {
      const bits = bitsByText.get(value);
      if (bits === undefined) bitsByText.set(value, [bit]);
      else bits.push(bit);
    }
  }
  return bitsByText.size === 0 ? undefined : new TextTable(bitsByText);
}
