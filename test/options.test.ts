import * as v from 'valibot';
import { describe, expect, it } from 'vitest';
import { problemsOf } from '../src/config/document.ts';
import { block, expected, fields, list, mapOf, notYet, ownNames, someOf } from '../src/options.ts';

const number = v.number(expected('a number'));
const problems = (schema: v.GenericSchema, input: unknown) =>
  problemsOf(v.safeParse(schema, input).issues ?? []).map(({ path, message }) => `${path.join('.')}: ${message}`);

describe('a block', () => {
  const pair = block({ a: number, b: v.optional(number), c: v.optional(v.nullable(number), null) });

  it('holds what is there and what is filled in, and leaves out the rest', () => {
    expect(v.parse(pair, { a: 1 })).toEqual({ a: 1, c: null });
    expect(Object.keys(v.parse(pair, { a: 1 }))).toEqual(['a', 'c']);
  });

  it('tells every mistake, each with its path', () => {
    const shop = block({ pair, items: list(pair) });
    const items = [{ a: 1 }, { b: 'y' }, 7, [8], null];
    expect(problems(shop, { pair: { a: 'x', other: 1, more: 2 }, items })).toEqual([
      'pair.other: unknown key, expected one of a, b, c',
      'pair.more: unknown key, expected one of a, b, c',
      'pair.a: "x": expected a number',
      'items.1.a: missing: expected a number',
      'items.1.b: "y": expected a number',
      'items.2: 7: expected a block of keys (a, b, c)',
      'items.3: [8]: expected a block of keys (a, b, c)',
      'items.4: empty: expected a block of keys; write {} for its defaults, or leave the key out',
    ]);
  });

  it('takes a key that every object inherits for an unknown one', () => {
    expect(problems(pair, { a: 1, constructor: 1 })).toEqual(['constructor: unknown key, expected one of a, b, c']);
    expect(problems(pair, JSON.parse('{ "a": 1, "__proto__": {} }'))).toHaveLength(1);
  });

  it('refuses what is still to come, and only where it is written', () => {
    const future = block({ a: number, tls: notYet() });
    expect(v.parse(future, { a: 1 })).toEqual({ a: 1 });
    expect(problems(future, { a: 1, tls: null })).toEqual(['tls: not supported in this version: leave the key out']);
  });

  it('may be open: other keys stay as they are', () => {
    const open = fields({ a: number }, () => v.unknown(), expected('a block'));
    expect(v.parse(open, { a: 1, more: [2], constructor: 3 })).toEqual({ a: 1, more: [2], constructor: 3 });
    expect(problems(open, { a: 'x', more: [2] })).toEqual(['a: "x": expected a number']);
    expect(problems(open, [])).toEqual([': []: expected a block']);
  });
});

describe('a map', () => {
  it('keeps any name but one, which it refuses', () => {
    expect(v.parse(mapOf(number), { constructor: 2, prototype: 3 })).toEqual({ constructor: 2, prototype: 3 });
    expect(problems(mapOf(number), JSON.parse('{ "__proto__": 1 }'))).toEqual(['__proto__: not possible as a name']);
    expect(problems(mapOf(number), { a: 'x' })).toEqual(['a: "x": expected a number']);
  });
});

describe('a look at the whole', () => {
  const ordered = v.pipe(
    block({ low: number, high: number }),
    v.forward(
      v.check(({ low, high }) => low <= high, 'below low'),
      ['high'],
    ),
  );

  it('comes when the parts are right, and not before', () => {
    expect(problems(ordered, { low: 2, high: 1 })).toEqual(['high: below low']);
    expect(problems(ordered, { low: 'x', high: 1 })).toEqual(['low: "x": expected a number']);
  });

  it('keeps a conversion from what is wrong', () => {
    const span = v.pipe(
      ordered,
      v.transform(({ low, high }) => high - low),
    );
    expect(v.parse(span, { low: 1, high: 3 })).toBe(2);
    expect(problems(block({ span }), { span: { low: 2, high: 1 } })).toEqual(['span.high: below low']);
  });
});

it('one item or more are not none', () => {
  expect(problems(block({ some: someOf(number) }), { some: [] })).toEqual(['some: []: expected at least one']);
  expect(v.parse(someOf(number), [1])).toEqual([1]);
});

it('of two items of a name, the later is told', () => {
  const named = v.pipe(list(block({ name: v.string() })), ownNames('is taken'));
  expect(problems(named, [{ name: 'a' }, { name: 'b' }, { name: 'a' }])).toEqual([
    '2.name: "a" is taken: expected a name of its own',
  ]);
});
