import type { ValueTest } from '../../model/predicates.ts';
import { literalRegex, type Regex } from '../../regex/regex.ts';
import { AnyValue, tag } from '../../wire/otlp.ts';
import type { Literal, Node } from './ast.ts';
import type { Leaf, Truth } from './condition.ts';
import { mirrored, rangeOf } from './number-range.ts';
import { regexOf } from './regex-argument.ts';
import { readAnyValue, textAt } from './value.ts';

type Bytes = (buf: Uint8Array, start: number, end: number) => boolean;

/**
 * Where an attribute's value, an AnyValue message, makes the leaf `want`; `negated`, where it does not. The plain ones
 * are said in the words that the scan knows, so that many of them cost what one does.
 */
export function valueTest(leaf: Leaf, want: Truth, identity: string): (negated: boolean) => ValueTest {
  const plain = plainTest(leaf, want);
  const test = bytesTest(leaf, want);
  return (negated) => (negated ? askedTest(test, true, identity) : (plain ?? askedTest(test, false, identity)));
}

/** The same of a text that stands there as such. */
export function textTest(leaf: Leaf, want: Truth, identity: string): (negated: boolean) => ValueTest {
  const compared = literalOf(leaf);
  const regex = regexOn(leaf);
  const test: Bytes =
    regex !== undefined
      ? (buf, start, end) => regex.test(buf, start, end) === want
      : (buf, start, end) => leaf.test([textAt(buf, start, end)]) === want;
  const isPlain = want === true && compared?.op === '==' && typeof compared.value === 'string';
  return (negated) =>
    isPlain && !negated ? { is: 'string', values: [compared.value as string] } : askedTest(test, negated, identity);
}

const askedTest = (test: Bytes, negated: boolean, identity: string): ValueTest => ({
  is: 'asked',
  asked: negated ? `not ${identity}` : identity,
  test: negated ? (buf, start, end) => !test(buf, start, end) : test,
});

function bytesTest(leaf: Leaf, want: Truth): Bytes {
  const compared = literalOf(leaf);
  // Nothing of it need be read: an empty message is nil.
  if (compared?.value === null && (compared.op === '==' || compared.op === '!='))
    return (_, start, end) => end > start === ((compared.op === '!=') === want);
  const whole: Bytes = (buf, start, end) => leaf.test([readAnyValue(buf, start, end)]) === want;
  const regex = regexOn(leaf);
  if (regex === undefined) return whole;
  return (buf, start, end) => {
    const text = textStart(buf, start, end);
    return text < 0 ? whole(buf, start, end) : regex.test(buf, text, end) === want;
  };
}

const textTag = tag(AnyValue.string, 2);

/** Where the text starts of an AnyValue that is one text and nothing else, as nearly all are; -1. */
function textStart(buf: Uint8Array, start: number, end: number): number {
  if (start >= end || buf[start] !== textTag) return -1;
  let length = 0;
  for (let at = start + 1, shift = 0; at < end && shift < 28; shift += 7) {
    length |= (buf[at] & 0x7f) << shift;
    if (buf[at++] < 0x80) return at + length === end ? at : -1;
  }
  return -1;
}

function plainTest(leaf: Leaf, want: Truth): ValueTest | undefined {
  const compared = literalOf(leaf);
  if (compared === undefined || want !== true) return undefined;
  const { op, value } = compared;
  if (typeof value === 'string') return op === '==' ? { is: 'string', values: [value] } : undefined;
  if (typeof value === 'boolean') return op === '==' ? { is: 'boolean', value } : undefined;
  const isNumber = typeof value === 'number' || (typeof value === 'bigint' && Number.isSafeInteger(Number(value)));
  return isNumber && op !== '!=' ? { is: 'number', range: rangeOf(op, Number(value)) } : undefined;
}

/** A comparison of a path without further keys with a literal, the path on the left. */
function literalOf({ node }: Leaf) {
  if (node.is !== 'comparison') return undefined;
  const turned = node.left.is === 'literal';
  const [asked, literal] = turned ? [node.right, node.left] : [node.left, node.right];
  if (!isBare(asked) || literal.is !== 'literal') return undefined;
  const value: Literal = literal.value;
  return { op: turned ? mirrored[node.op] : node.op, value };
}

/** What a function looks for in a text, where that is all it does. */
function regexOn({ node }: Leaf): Regex | undefined {
  if (node.is !== 'call') return undefined;
  const [target, sought] = node.args.map(({ value }) => value);
  if (target === undefined || !isBare(target) || node.args.some(({ name }) => name !== undefined)) return undefined;
  if (node.name === 'IsMatch') return regexOf(node).regex;
  const [atStart, atEnd] = [node.name === 'HasPrefix', node.name === 'HasSuffix'];
  if (!(atStart || atEnd) || sought?.is !== 'literal' || typeof sought.value !== 'string') return undefined;
  return literalRegex({ text: sought.value, atStart, atEnd });
}

const isBare = (node: Node): boolean => node.is === 'path' && (node.fields.at(-1)?.keys.length ?? 0) <= 1;
