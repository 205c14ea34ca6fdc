import { describe, expect, it } from 'vitest';
import { TraceQLError } from '../../src/traceql/error.ts';
import { parseField, parseQuery } from '../../src/traceql/parse.ts';
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
    expect(filterOf(query)).toEqual({ type: 'compare', op: '=', left: field, right: literal(1) });
  });

  it.each([
    ['"a \\"b\\" \\u00e9\\n"', 'a "b" é\n'],
    ['`a "b" \\n`', 'a "b" \\n'],
    ['"日本語"', '日本語'],
    ['500', 500],
    ['-1.5', -1.5],
    ['0.5', 0.5],
    ['9223372036854775807', 9223372036854775807n],
    ['500ms', 500e6],
    ['1.5s', 1.5e9],
    ['1h30m', 5400e9],
    ['10us', 10e3],
    ['10µs', 10e3],
    ['7ns', 7],
    ['2d', 172_800e9],
    ['-3s', -3e9],
    ['true', true],
    ['false', false],
    ['error', { of: 'status', name: 'error' }],
    ['server', { of: 'kind', name: 'server' }],
  ])('%s is a value', (text, value) => {
    expect(filterOf(`{ .x = ${text} }`)).toMatchObject({ right: literal(value) });
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
      right: literal(500e6),
    });
  });

  it('reads nil on either side', () => {
    expect(filterOf('{ .a != nil }')).toEqual({ type: 'exists', field: attribute('any', 'a'), wanted: true });
    expect(filterOf('{ nil = .a }')).toEqual({ type: 'exists', field: attribute('any', 'a'), wanted: false });
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
    ['foo', 'line 1, col 1: expected "{", found "foo"'],
    ['{ .a = }', 'line 1, col 8: expected a field or a value, found "}"'],
    ['{ .a = 1', 'line 1, col 9: expected "&&", "||", a comparison or "}", found the end of the query'],
    ['{\n  .a = 1 &&\n}', 'line 3, col 1: expected a field or a value, found "}"'],
    ['{ "é日" = .y && .z = }', 'line 1, col 21: expected a field or a value, found "}"'],
    ['{ .a = "x }', 'line 1, col 8: expected a closing quote, found the end of the query'],
    ['{ .a = "\\q" }', 'line 1, col 9: invalid escape sequence "\\q"'],
    ['{ .a = `x }', 'line 1, col 8: expected a closing backquote, found the end of the query'],
    ['{ . = 1 }', 'line 1, col 4: expected an attribute name after "."'],
    ['{ .a # 1 }', 'line 1, col 6: unexpected character "#"'],
    ['{ .a = 1 } }', 'line 1, col 12: expected "&&", "||", "| select(…)" or the end of the query, found "}"'],
    ['{ .a = 1 .b }', 'line 1, col 10: expected "&&", "||", a comparison or "}", found ".b"'],
    ['{ (.a = 1 }', 'line 1, col 11: expected "&&", "||", a comparison or ")", found "}"'],
    ['{ 5 }', 'line 1, col 3: expected a condition, found a bare value'],
    ['{ duration }', 'line 1, col 3: expected a condition, found a bare value'],
    ['{ duration > "1s" }', 'line 1, col 12: cannot compare a number with a string'],
    ['{ status = "error" }', 'line 1, col 10: cannot compare a status with a string'],
    ['{ status = server }', 'line 1, col 10: cannot compare a status with a kind'],
    ['{ kind > server }', 'line 1, col 8: ">" does not apply to a kind: use = or !='],
    ['{ .a < true }', 'line 1, col 6: "<" does not apply to a boolean: use = or !='],
    ['{ duration =~ "1.*" }', 'line 1, col 12: cannot compare a number with a string'],
    ['{ name =~ 5 }', 'line 1, col 11: expected a regular expression in quotes, found "5"'],
    ['{ name =~ "(" }', 'line 1, col 11: invalid regular expression: missing closing ) (character 1)'],
    [
      '{ name =~ "(a)\\\\1" }',
      'line 1, col 11: invalid regular expression: back-references are not supported, as they take more than linear time: \\1 (character 4)',
    ],
    ['{ .a > nil }', 'line 1, col 6: nil is compared with a field, by = or !='],
    ['{ !.a = 1 }', 'line 1, col 7: expected parentheses round what "!" negates, as in !(span.a = 1), found "="'],
    ['{ parent.a = 1 }', 'line 1, col 3: attributes of the parent span (parent.…) are not supported'],
    [
      '{ childCount > 2 }',
      'line 1, col 3: expected a field or a value, found "childCount" (childCount is not supported here)',
    ],
    [
      '{} >> {}',
      'line 1, col 4: expected "&&", "||", "| select(…)" or the end of the query (structural operators are not supported), found ">>"',
    ],
    [
      '{} | count() > 2',
      'line 1, col 6: expected "select" (other stages of a pipeline are not supported), found "count" (count is not supported here)',
    ],
    ['{} with (x)', 'line 1, col 11: expected "=", found ")"'],
  ])('%s', (query, message) => {
    expect(errorOf(query)).toBe(`parse error at ${message}`);
  });

  it('quotes a hundred characters of what was found, and not all of it', () => {
    const wrong = [`{ "${'a'.repeat(5_000)}" }`, `{ ${'b'.repeat(5_000)} }`, `{} ${'c'.repeat(5_000)}`];
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

  it('takes 4999 words and signs and not 5000', () => {
    const chain = (conditions: number) => `{ .a${' && .a'.repeat(conditions - 1)} }`;
    expect(errorOf(chain(2499))).toBe('');
    expect(errorOf(chain(2500))).toContain('more than 4999 words and signs');
  });

  it('takes 100 parentheses and not 101', () => {
    const nested = (depth: number) => `{ ${'('.repeat(depth)}.a${')'.repeat(depth)} }`;
    expect(errorOf(nested(100))).toBe('');
    expect(errorOf(nested(101))).toContain('nested more than 100 deep');
    expect(errorOf(`{ ${'!'.repeat(1000)}.a }`)).toContain('nested more than 100 deep');
  });
});
