import { describe, expect, it } from 'vitest';
import type { Expression } from '../../src/traceql/ast.ts';
import { TraceQLError } from '../../src/traceql/error.ts';
import { parseField, parseQuery } from '../../src/traceql/parse.ts';
import { textOf } from '../../src/traceql/write.ts';
import { leastCpuUs } from '../support/growth.ts';

const errorOf = (query: string): string => {
  try {
    parseQuery(query);
    return '';
  } catch (error) {
    expect(error).toBeInstanceOf(TraceQLError);
    return (error as Error).message;
  }
};
const filterOf = (query: string): unknown => {
  const { spansets } = parseQuery(query);
  return spansets.type === 'spanset' ? spansets.filter : spansets;
};
const attribute = (scope: string, key: string) => ({ type: 'attribute', scope, key });
const literal = (value: unknown) => ({ type: 'literal', value });

describe('a query is parsed', () => {
  it.each([
    ['{ .foo = 1 }', attribute('any', 'foo')],
    ['{ span.http.route = 1 }', attribute('span', 'http.route')],
    ['{ resource.k8s.pod-name = 1 }', attribute('resource', 'k8s.pod-name')],
    ['{ span."with space" = 1 }', attribute('span', 'with space')],
    ['{ .a."b } \\" c".d = 1 }', attribute('any', 'a.b } " c.d')],
    ['{ event.exception.type = 1 }', attribute('event', 'exception.type')],
    ['{ span.größe = 1 }', attribute('span', 'größe')],
    ['{ span:duration = 1 }', { type: 'intrinsic', name: 'duration' }],
    ['{ trace:duration = 1 }', { type: 'intrinsic', name: 'traceDuration' }],
    ['{ traceDuration = 1 }', { type: 'intrinsic', name: 'traceDuration' }],
  ])('%s names its field', (query, field) => {
    expect(filterOf(query)).toEqual({ type: 'compare', op: '=', left: field, right: literal(1n) });
  });

  it.each([
    ['"a \\"b\\" \\u00e9\\n"', 'a "b" é\n'],
    ['`a "b" \\n`', 'a "b" \\n'],
    ['"日本語"', '日本語'],
    ['500', 500n],
    ['-7', -7n],
    ['-1.5', -1.5],
    ['0.5', 0.5],
    ['9223372036854775807', 9223372036854775807n],
    ['true', true],
    ['false', false],
    ['error', { of: 'status', name: 'error' }],
    ['server', { of: 'kind', name: 'server' }],
  ])('%s is a value', (text, value) => {
    expect(filterOf(`{ .x = ${text} }`)).toMatchObject({ right: literal(value) });
  });

  it.each([
    ['500ms', 500e6],
    ['1.5s', 1.5e9],
    ['1h30m', 5400e9],
    ['10us', 10e3],
    ['10µs', 10e3],
    ['7ns', 7],
    ['2d', 172_800e9],
    ['-3s', -3e9],
  ])('%s is a duration', (text, value) => {
    expect(filterOf(`{ .x = ${text} }`)).toMatchObject({ right: { value, isDuration: true } });
  });

  it.each([
    '// all of it\n{ .a /* of any scope */ = 1 } // the end',
    '/* a\n * b **/ {.a=1}',
    '{ .a = /**/ 1 /* { */ }',
  ])('comments are nothing: %j', (query) => {
    expect(parseQuery(query)).toEqual(parseQuery('{ .a = 1 }'));
  });

  it('takes // and /* in a text and in a name for themselves', () => {
    expect(filterOf('{ .a/*b = "// c" }')).toMatchObject({ left: attribute('any', 'a/*b'), right: literal('// c') });
  });

  it.each([
    ['{ .a + 1 * 2 = 3 }', '(.a + (1 * 2)) = 3'],
    ['{ 1 - 2 - .a = 3 }', '((1 - 2) - .a) = 3'],
    ['{ 2 ^ .a ^ 3 = 1 }', '(2 ^ (.a ^ 3)) = 1'],
    ['{ -.a * 2 + 1 = 3 }', '((-(.a * 2)) + 1) = 3'],
    ['{ !.a && .b = 1 }', '(!.a) && (.b = 1)'],
    ['{ .a = 1 = true }', '(.a = 1) = true'],
    ['{ name =~ "x" || duration > 1.5s }', '(name =~ `x`) || (duration > 1.5s)'],
  ])('%s binds as Tempo binds', (query, text) => {
    expect(textOf(filterOf(query) as Expression)).toBe(text);
  });

  it.each([
    ['{} >> {}', 'descendant', 'right'],
    ['{} !> {}', 'child', 'unrelated'],
    ['{} &<< {}', 'ancestor', 'both'],
    ['{} < {}', 'parent', 'right'],
    ['{} !~ {}', 'sibling', 'unrelated'],
  ])('%s is structural', (query, relation, gives) => {
    expect(parseQuery(query).spansets).toMatchObject({ type: 'related', relation, gives });
  });

  it('binds structural operators tighter than && and ||', () => {
    expect(parseQuery('{} && {} > {} >> {}').spansets).toMatchObject({
      type: 'both',
      right: { type: 'related', relation: 'descendant', left: { type: 'related', relation: 'child' } },
    });
  });

  it('reads stages', () => {
    const text = '{} | by(.a + 1) | avg(duration) > 1ms | coalesce() | { .b } | select(name) | count() >= -1';
    expect(parseQuery(text).spansets).toMatchObject({
      type: 'pipeline',
      stages: [
        { type: 'spanset' },
        { type: 'by', text: 'by(.a + 1)' },
        { type: 'aggregate', function: 'avg', op: '>', value: 1e6, text: 'avg(duration)' },
        { type: 'coalesce' },
        { type: 'spanset' },
        { type: 'select' },
        { type: 'aggregate', function: 'count', operand: undefined, value: -1n },
      ],
    });
    expect(parseQuery('by(name) | count() > 1').spansets).toMatchObject({ stages: [{ type: 'by' }, {}] });
    expect(parseQuery('({} | count() > 1) && {}').spansets).toMatchObject({ type: 'both', left: { type: 'pipeline' } });
  });

  it('groups && and || to the left with one precedence, as Tempo does', () => {
    expect(filterOf('{ .a || .b && .c }')).toMatchObject({
      type: 'and',
      left: { type: 'or' },
      right: attribute('any', 'c'),
    });
    expect(filterOf('{ .a || (.b && .c) }')).toMatchObject({ type: 'or', right: { type: 'and' } });
  });

  it('joins spansets', () => {
    expect(parseQuery('({ .a } && {}) || { .b }').spansets).toMatchObject({ type: 'either', left: { type: 'both' } });
  });

  it('turns a value before a field round', () => {
    expect(filterOf('{ 500ms < duration }')).toMatchObject({
      op: '>',
      left: { name: 'duration' },
      right: { value: 500e6 },
    });
  });

  it('reads nil on either side', () => {
    expect(filterOf('{ .a != nil }')).toEqual({ type: 'exists', operand: attribute('any', 'a'), wanted: true });
    expect(filterOf('{ nil = .a }')).toEqual({ type: 'exists', operand: attribute('any', 'a'), wanted: false });
  });

  it('reads hints and does not mind them', () => {
    expect(parseQuery('{ .a } with (most_recent=true, sample="x")')).toEqual(parseQuery('{.a}'));
  });

  it('reads the fields to select', () => {
    expect(parseQuery('{} | select(span.a, status)').select).toEqual([
      attribute('span', 'a'),
      { type: 'intrinsic', name: 'status' },
    ]);
  });

  it('takes a field alone', () => {
    expect(parseField('resource.service.name')).toEqual(attribute('resource', 'service.name'));
    expect(() => parseField('service')).toThrow(/expected a field such as/);
    expect(() => parseField('.a .b')).toThrow(/expected nothing more, found "\.b"/);
  });
});

describe('what is wrong with a query is told with its place', () => {
  it.each([
    ['', 'line 1, col 1: expected "{", found the end of the query'],
    ['}', 'line 1, col 1: expected "{", found "}"'],
    ['{ .a = }', 'line 1, col 8: expected a field or a value, found "}"'],
    ['{ .a = 1', 'line 1, col 9: expected "&&", "||", a comparison or "}", found the end of the query'],
    ['{\n  .a = 1 &&\n}', 'line 3, col 1: expected a field or a value, found "}"'],
    ['{ "é日" = .y && .z = }', 'line 1, col 21: expected a field or a value, found "}"'],
    ['{ .a = "x }', 'line 1, col 8: expected a closing quote, found the end of the query'],
    ['{ .a = "\\q" }', 'line 1, col 9: invalid escape sequence "\\q"'],
    ['{ .a = `x }', 'line 1, col 8: expected a closing backquote, found the end of the query'],
    ['{ . = 1 }', 'line 1, col 4: expected an attribute name after "."'],
    ['{ .a # 1 }', 'line 1, col 6: unexpected character "#"'],
    ['{ .a = 1 } }', 'line 1, col 12: expected "&&", "||", "|" or the end of the query, found "}"'],
    ['{ .a = 1 .b }', 'line 1, col 10: expected "&&", "||", a comparison or "}", found ".b"'],
    ['{ (.a = 1 }', 'line 1, col 11: expected "&&", "||", a comparison or ")", found "}"'],
    ['{ 5 }', 'line 1, col 3: expected a condition, found a bare value'],
    ['{ duration }', 'line 1, col 3: expected a condition, found a bare value'],
    ['{ duration > "1s" }', 'line 1, col 12: cannot compare a duration with a string'],
    ['{ status = "error" }', 'line 1, col 10: cannot compare a status with a string'],
    ['{ status = server }', 'line 1, col 10: cannot compare a status with a kind'],
    ['{ kind > server }', 'line 1, col 8: ">" does not apply to a kind: use = or !='],
    ['{ .a < true }', 'line 1, col 6: "<" does not apply to a boolean: use = or !='],
    ['{ duration =~ "1.*" }', 'line 1, col 12: cannot compare a duration with a string'],
    ['{ name =~ 5 }', 'line 1, col 8: cannot compare a string with a number'],
    ['{ name =~ name }', 'line 1, col 11: expected a regular expression in quotes'],
    ['{ name =~ "(" }', 'line 1, col 11: invalid regular expression: missing closing ) (character 1)'],
    [
      '{ name =~ "(a)\\\\1" }',
      'line 1, col 11: invalid regular expression: back-references are not supported, as they take more than linear time: \\1 (character 4)',
    ],
    ['{ .a > nil }', 'line 1, col 6: nil is compared by = or !='],
    ['{ !status = error }', 'line 1, col 3: "!" does not apply to a status'],
    ['{ trace:rootServiceName = "a" }', 'line 1, col 3: expected a field or a value, found "trace:rootServiceName"'],
    ['{ .a = 1 /* }', 'line 1, col 10: expected the end of the comment, found the end of the query'],
    ['{ .a = 0x1F }', 'line 1, col 9: expected "&&", "||", a comparison or "}", found "x1F"'],
    ['{ .a = 9223372036854775808 }', 'line 1, col 8: expected a number of 64 bits, at most 9223372036854775807'],
    ['{ "a" + "b" = "ab" }', 'line 1, col 7: "+" does not apply to a string'],
    ['{ name + 1 = 2 }', 'line 1, col 8: cannot join a string with a number'],
    ['{ .a && 1 }', 'line 1, col 6: "&&" does not apply to a number'],
    ['{ parent.a = 1 }', 'line 1, col 3: attributes of the parent span (parent.…) are not supported'],
    [
      '{ childCount > 2 }',
      'line 1, col 3: expected a field or a value, found "childCount" (childCount is not supported here)',
    ],
    ['{} >>', 'line 1, col 6: expected "{", found the end of the query'],
    [
      '{} | count()',
      'line 1, col 13: expected a comparison with a number after count(…), as in count() > 3, found the end of the query',
    ],
    ['{} | count() > "a"', 'line 1, col 14: cannot compare a number with a string'],
    ['{} | avg(name) > 1', 'line 1, col 10: avg(…) is of numbers, and this is a string'],
    ['{} | avg(1) > 1', 'line 1, col 10: avg(…) needs a field of the span'],
    ['{} | by(1)', 'line 1, col 9: by(…) needs a field of the span'],
    ['{} | rate()', 'line 1, col 6: rate() makes a metric of spans, which this store does not: it finds traces'],
    [
      '{} | nope()',
      'line 1, col 6: expected "{", count(), avg(…), min(…), max(…), sum(…), by(…), coalesce() or select(…), found "nope"',
    ],
    ['{} with (x)', 'line 1, col 11: expected "=", found ")"'],
  ])('%s', (query, message) => {
    expect(errorOf(query)).toBe(`parse error at ${message}`);
  });

  it('quotes a hundred characters of what was found, and not all of it', () => {
    const wrong = [
      `{ name =~ "[[:${'a'.repeat(3_000)}:]]" }`,
      `{ "${'a'.repeat(5_000)}" }`,
      `{ ${'b'.repeat(5_000)} }`,
      `{} ${'c'.repeat(5_000)}`,
    ];
    for (const query of wrong) expect(errorOf(query).length).toBeLessThan(300);
  });

  it.each(['1', '1.', '1s', '\\\\', 'a', '\n'])('takes time by its length, of whatever it is: %j', (piece) => {
    const timed = (bytes: number): number =>
      leastCpuUs(() => void errorOf(`{ .a > ${piece.repeat(bytes / piece.length)} $ }`), 4);
    // Eight times as long: eight times the work. Digits took 64 times as long, a second and more for the shorter one;
    // what lies between leaves room for a busy machine.
    const short = timed(16_000);
    expect(short).toBeLessThan(100_000);
    expect(timed(128_000)).toBeLessThan(40 * Math.max(1_000, short));
  });

  it('takes as many conditions as a list of 2,000 names has, and ends somewhere', () => {
    const chain = (conditions: number, join: string) => `{ .a = 1${` ${join} .a = 1`.repeat(conditions - 1)} }`;
    for (const join of ['&&', '||']) expect(errorOf(chain(9_000, join))).toBe('');
    expect(errorOf(chain(10_001, '||'))).toContain('more than 39999 words and signs');
    expect(errorOf(`{ .a${' && .a || .a'.repeat(150)} }`)).toContain('"&&" and "||" change more than 200 times');
    expect(errorOf(`{ 1${' + 1'.repeat(300)} = .a }`)).toContain('more than 200 operators in a row');
    expect(errorOf(`{ 1${' ^ 1'.repeat(300)} = .a }`)).toContain('nested more than 100 deep');
    expect(errorOf(`{}${' > {}'.repeat(300)}`)).toContain('more than 100 structural operators in a row');
    expect(errorOf(`{}${' | {}'.repeat(300)}`)).toContain('more than 100 stages');
  });

  it('compiles no more patterns than one thread can bear', () => {
    const patterns = (count: number) =>
      `{ ${Array.from({ length: count }, (_, i) => `.a =~ "(b${i}.){300}"`).join(' || ')} }`;
    expect(errorOf(patterns(10))).toBe('');
    expect(errorOf(patterns(3_000))).toContain('too large with the patterns before it');
  });

  it('takes 100 parentheses and not 101', () => {
    const nested = (depth: number) => `{ ${'('.repeat(depth)}.a${')'.repeat(depth)} }`;
    expect(errorOf(nested(100))).toBe('');
    expect(errorOf(nested(101))).toContain('nested more than 100 deep');
    expect(errorOf(`{ ${'!'.repeat(1000)}.a }`)).toContain('nested more than 100 deep');
  });
});
