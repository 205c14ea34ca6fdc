import { describe, expect, it } from 'vitest';
import { type Field, kinds, statuses, type Value } from '../../src/traceql/ast.ts';
import { compileSpansets } from '../../src/traceql/evaluate.ts';
import { parseQuery } from '../../src/traceql/parse.ts';
import { matchedSpans } from '../support/matched-spans.ts';

const unplaced = { spanId: '', parentId: '', isRoot: true, kind: 2, left: 0, right: 0, parent: 0 };
const span = (fields: Record<string, Value>) => ({
  ...unplaced,
  fields,
  field: (field: Field): Value => fields[field.type === 'intrinsic' ? field.name : `${field.scope}.${field.key}`],
});
const matches = (query: string, ...spans: ReturnType<typeof span>[]) =>
  matchedSpans(compileSpansets(parseQuery(query).spansets), spans);

const one = span({
  'span.text': 'hello',
  'span.number': 500n,
  'span.float': 0.5,
  'span.huge': 9223372036854775807n,
  'span.yes': true,
  'span.no': false,
  'span.digits': '500',
  'span.list': ['a', 'b'],
  'span.empty': [],
  name: 'GET /',
  status: statuses[2],
  kind: kinds[2],
  duration: 600e6,
});

describe('conditions on one span', () => {
  it.each([
    ['{}', true],
    ['{ true }', true],
    ['{ false }', false],
    ['{ span.text = "hello" }', true],
    ['{ span.text != "hello" }', false],
    ['{ span.text != "other" }', true],
    ['{ span.text > "hell" && span.text < "help" }', true],
    ['{ span.text =~ "hel+o" }', true],
    ['{ span.text =~ "ell" }', false],
    ['{ span.text !~ "ell" }', true],
    ['{ span.number = 500 }', true],
    ['{ span.number = 500.0 }', true],
    ['{ span.number >= 501 }', false],
    ['{ span.number <= 500 }', true],
    ['{ span.float < 1 }', true],
    ['{ span.huge = 9223372036854775807 }', true],
    ['{ span.huge = 9223372036854775806 }', false],
    ['{ span.huge > 1 }', true],
    ['{ span.yes }', true],
    ['{ !span.yes }', false],
    ['{ !span.no }', true],
    ['{ !span.missing }', false],
    ['{ span.yes = true && span.no = false }', true],
    ['{ status = error && kind = server }', true],
    ['{ status != ok }', true],
    ['{ kind = client }', false],
    ['{ duration > 500ms }', true],
    ['{ duration > 600ms }', false],
    ['{ duration = 0.6s }', true],
    ['{ !(duration > 600ms) }', true],
    ['{ name = "GET /" || span.text = "x" }', true],
    ['{ span.number / 3 = 166 }', true],
    ['{ span.number / 3.0 > 166.6 }', true],
    ['{ span.number - 100 - 100 = 300 }', true],
    ['{ 2 + span.number * 2 = 1002 }', true],
    ['{ (2 + span.number) * 2 = 1004 }', true],
    ['{ 2 ^ 3 ^ 2 = 512 }', true],
    ['{ -span.number < 0 && - 1 < 0 }', true],
    ['{ span.number % 7 = 3 }', true],
    ['{ span.number / 0 = 0 || span.number % 0 = 0 }', false],
    ['{ span.number ^ 9223372036854775807 = 1 }', false],
    ['{ span.huge + 1 < 0 }', true],
    ['{ span.missing + 1 = 1 || span.text + 1 = 1 }', false],
    ['{ duration * 2 > 1s && duration / 2 < 0.5s }', true],
    ['{ duration > 100ms + 400ms }', true],
    ['{ (span.number > 1) = true }', true],
    ['{ !span.number }', false],
    ['{ span.text = name || name = name }', true],
    ['{ nil = nil || nil != nil }', false],
    ['{ "a" < "b" && 1 = 1.0 }', true],
  ])('%s is %s', (query, expected) => {
    expect(matches(query, one).length).toBe(expected ? 1 : 0);
  });

  it.each(['=', '!=', '>', '<'])('nothing holds between kinds of values: %s', (op) => {
    expect(matches(`{ span.digits ${op} 500 }`, one)).toEqual([]);
    expect(matches(`{ span.number ${op} "500" }`, one)).toEqual([]);
  });

  it.each(['=', '!=', '>', '<'])('nothing holds of an attribute that is not there: %s', (op) => {
    expect(matches(`{ span.missing ${op} "x" }`, one)).toEqual([]);
    expect(matches(`{ span.missing =~ ".*" || span.missing !~ "x" }`, one)).toEqual([]);
  });

  it('nil says whether an attribute is there', () => {
    expect(matches('{ span.text != nil && span.missing = nil && span.empty = nil }', one)).toEqual([one]);
  });

  it('a status is not the word for it', () => {
    expect(matches('{ span.text = error }', span({ 'span.text': 'error' }))).toEqual([]);
  });

  it('a list matches by some element, whatever is asked of it', () => {
    expect(matches('{ span.list = "b" && span.list =~ "a|x" && span.list != "c" }', one)).toEqual([one]);
    expect(matches('{ span.list != "b" && span.list !~ "a" }', one)).toEqual([one]);
    expect(matches('{ span.list = "c" || span.list !~ "a|b" }', one)).toEqual([]);
  });

  it('orders texts by their characters, those beyond the BMP last', () => {
    const emoji = span({ 'span.text': '🎉' });
    expect(
      matches('{ span.text > "\uffff" && span.text > "日" && span.text < "🎊" && span.text > "" }', emoji),
    ).toEqual([emoji]);
  });
});

describe('conditions over a trace', () => {
  const a = span({ 'span.a': 1, 'span.x': 1 });
  const b = span({ 'span.b': 1 });

  it('all of one spanset must hold on one span', () => {
    expect(matches('{ span.a = 1 && span.b = 1 }', a, b)).toEqual([]);
    expect(matches('{ span.a = 1 && span.x = 1 }', a, b)).toEqual([a]);
  });

  it('spansets may hold on different spans', () => {
    expect(matches('{ span.a = 1 } && { span.b = 1 }', a, b)).toEqual([a, b]);
    expect(matches('{ span.a = 1 } && { span.c = 1 }', a, b)).toEqual([]);
    expect(matches('{ span.c = 1 } || { span.b = 1 }', a, b)).toEqual([b]);
    expect(matches('{ span.a = 1 } || { span.x = 1 }', a, b)).toEqual([a]);
  });
});
