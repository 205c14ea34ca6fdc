import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Field, Value } from '../../src/traceql/ast.ts';
import { compileSpansets } from '../../src/traceql/evaluate.ts';
import { type NestedSpan, numberSteps } from '../../src/traceql/nested-set.ts';
import { parseQuery } from '../../src/traceql/parse.ts';
import { leastCpuUs } from '../support/growth.ts';
import { matchedSets, matchedSpans } from '../support/matched-spans.ts';

interface Node extends NestedSpan {
  field(field: Field): Value;
}

function node(spanId: string, parentId = '', fields: Record<string, Value> = {}): Node {
  const bounds = { left: 0, right: 0, parent: 0 };
  const span: Node = {
    ...{ spanId, parentId, isRoot: parentId === '', kind: 2, ...bounds },
    field: (field) => {
      if (field.type === 'attribute') return field.key === 'id' ? spanId : fields[field.key];
      return field.name === 'nestedSetLeft' ? BigInt(span.left) : fields[field.name];
    },
  };
  return span;
}

/** a ─ b ─ c, a ─ d, and e of which the parent never came. */
const family = () => [node('a'), node('b', 'a'), node('c', 'b'), node('d', 'a'), node('e', 'gone')];
const found = (query: string, spans: readonly Node[]): string =>
  matchedSpans(compileSpansets(parseQuery(query).spansets), spans)
    .map(({ spanId }) => spanId)
    .sort()
    .join('');

describe('where spans stand in their trace', () => {
  it.each([
    ['{ .id = "a" } > {}', 'bd'],
    ['{ .id = "a" } >> {}', 'bcd'],
    ['{ .id = "c" } < {}', 'b'],
    ['{ .id = "c" } << {}', 'ab'],
    ['{ .id = "b" } ~ {}', 'd'],
    ['{} ~ {}', 'bd'],
    ['{} > {}', 'bcd'],
    ['{ .id = "a" } !> {}', 'ace'],
    ['{ .id = "b" } !>> {}', 'abde'],
    ['{ .id = "c" } !< {}', 'acde'],
    ['{ .id = "c" } !<< {}', 'cde'],
    ['{ .id = "b" } !~ {}', 'abce'],
    ['{ .id = "a" } &> { .id = "b" || .id = "c" }', 'ab'],
    ['{ .id = "a" || .id = "d" } &>> { .id = "c" }', 'ac'],
    ['{ .id = "c" } &<< { .id = "a" }', 'ac'],
    ['{ .id = "b" } &~ { .id = "d" }', 'bd'],
    ['{ .id = "b" } &~ { .id = "b" }', ''],
    ['{ .id = "x" } !> {}', ''],
    ['{ .id = "a" } > { .id = "b" } > {}', 'c'],
    ['{ .id = "a" } >> { .id = "c" } && { .id = "e" }', 'ce'],
    ['{} | { .id = "a" } > {}', 'bd'],
    ['{ nestedSetLeft > 0 }', 'abcd'],
  ])('%s', (query, expected) => expect(found(query, family())).toBe(expected));

  it('goes by the kind where a client’s and a server’s span share an id, and knows nothing where three do', () => {
    const client = { ...node('x'), kind: 3 };
    const server = { ...node('x', 'x'), kind: 2 };
    const pair = [client, server, node('y', 'x')];
    expect(matchedSpans(compileSpansets(parseQuery('{} > {}').spansets), pair)).toEqual([server, pair[2]]);
    expect(matchedSpans(compileSpansets(parseQuery('{} > {}').spansets), [...pair, node('x')])).toEqual([]);
  });

  it('is what looking at every pair says, of any trace', () => {
    const tree = fc
      .array(fc.tuple(fc.nat({ max: 12 }), fc.constantFrom('', 'l', 'r', 'lr')), { minLength: 1, maxLength: 12 })
      .map((rows) =>
        rows.map(([at, side], i) => node(`${i}`, at >= i ? (at === 12 ? 'gone' : '') : `${at}`, { side })),
      );
    const operators = fc
      .constantFrom('', '!', '&')
      .chain((before) => fc.constantFrom('>', '<', '>>', '<<', '~').map((op) => before + op));
    fc.assert(
      fc.property(tree, operators, (spans, operator) => {
        const [left, right] = ['l', 'r'].map((side) => spans.filter((s) => String(s.field(sideOf)).includes(side)));
        const got = matchedSpans(
          compileSpansets(parseQuery(`{ .side =~ ".*l.*" } ${operator} { .side =~ ".*r.*" }`).spansets),
          spans,
        );
        expect(new Set(got)).toEqual(byPairs(operator, spans, left!, right!));
        expect(new Set(got).size).toBe(got.length);
      }),
      { numRuns: 500 },
    );
  });

  it('costs time by the number of spans, whatever the shape', () => {
    const chain = (n: number) => Array.from({ length: n }, (_, i) => node(`${i}`, i === 0 ? '' : `${i - 1}`));
    const star = (n: number) => Array.from({ length: n }, (_, i) => node(`${i}`, i === 0 ? '' : '0'));
    for (const [shape, operator] of [
      [chain, '&<<'],
      [chain, '!>>'],
      [star, '&~'],
    ] as const) {
      const compiled = compileSpansets(parseQuery(`{} ${operator} {}`).spansets);
      const timed = (spans: Node[]) => leastCpuUs(() => void matchedSets(compiled, spans), 3);
      expect(timed(shape(8_000))).toBeLessThan(40 * Math.max(1_000, timed(shape(1_000))));
    }
  });
});

const sideOf: Field = { type: 'attribute', scope: 'any', key: 'side' };

/** The same by definition: parents are looked up, and nothing is numbered. */
function byPairs(operator: string, spans: readonly Node[], left: readonly Node[], right: readonly Node[]): Set<Node> {
  const parentOf = (span: Node) => spans.find(({ spanId }) => spanId === span.parentId);
  const above = (span: Node): Node[] => {
    const parent = parentOf(span);
    return parent === undefined ? [] : [parent, ...above(parent)];
  };
  const hasRoot = (span: Node) => (above(span).at(-1) ?? span).isRoot;
  const relation = operator.replace(/^[!&]/, '');
  const isRelated = (l: Node, r: Node): boolean => {
    if (!hasRoot(l) || !hasRoot(r)) return false;
    if (relation === '>') return parentOf(r) === l;
    if (relation === '<') return parentOf(l) === r;
    if (relation === '>>') return above(r).includes(l);
    if (relation === '<<') return above(l).includes(r);
    return l !== r && parentOf(l) === parentOf(r);
  };
  if (left.length === 0 || right.length === 0) return new Set();
  const some = right.filter((r) => left.some((l) => isRelated(l, r)));
  if (operator[0] === '!') return new Set(right.filter((r) => !some.includes(r)));
  if (operator[0] !== '&') return new Set(some);
  return new Set([...some, ...left.filter((l) => right.some((r) => isRelated(l, r)))]);
}

it('numbers spans as nested sets, children in the order in which they came', () => {
  const spans = family();
  for (const _ of numberSteps(spans));
  expect(spans.map(({ left, right, parent }) => [left, right, parent])).toEqual([
    [1, 8, -1],
    [2, 5, 1],
    [3, 4, 2],
    [6, 7, 1],
    [0, 0, 0],
  ]);
});

describe('what stages make of spansets', () => {
  const spans = [
    node('a', '', { kind: 'x', n: 1n, duration: 10 }),
    node('b', 'a', { kind: 'y', n: 2n, duration: 25 }),
    node('c', 'a', { kind: 'y', n: 2.5, duration: 40 }),
    node('d', 'a', { n: 'text' }),
  ];
  const sets = (query: string) =>
    matchedSets(compileSpansets(parseQuery(query).spansets), spans).map(({ spans: of, facts }) => [
      of.map(({ spanId }) => spanId).join(''),
      ...facts.map(({ text, value }) => `${text} ${String(value)}`),
    ]);

  it.each<[string, unknown[]]>([
    ['{} | count() > 3', [['abcd', 'count() 4']]],
    ['{} | count() > 4', []],
    ['{ .kind = "y" } | count() = 2', [['bc', 'count() 2']]],
    ['{} | sum(.n) = 5.5', [['abcd', 'sum(.n) 5.5']]],
    ['{} | max(.n) > 2 | min(.n) = 1', [['abcd', 'max(.n) 2.5', 'min(.n) 1']]],
    ['{} | avg(duration) = 25ns', [['abcd', 'avg(duration) 25']]],
    ['{} | avg(.nothing) > 0', []],
    [
      '{} | by(.kind)',
      [
        ['a', 'by(.kind) x'],
        ['bc', 'by(.kind) y'],
        ['d', 'by(.kind) undefined'],
      ],
    ],
    ['{} | by(.kind) | count() > 1', [['bc', 'by(.kind) y', 'count() 2']]],
    ['{} | by(.kind) | coalesce()', [['abcd']]],
    ['{} | by(.kind) | { duration > 20ns }', [['bc', 'by(.kind) y']]],
    [
      '{} | by(duration > 20ns)',
      [
        ['ad', 'by(duration > 20ns) false'],
        ['bc', 'by(duration > 20ns) true'],
      ],
    ],
    ['({} | count() > 3) && { .id = "a" }', [['abcd']]],
    ['{ .id = "a" } | {} > { .id = "b" }', []],
    ['{} | { .id = "a" } > { .id = "b" } | select(name)', [['b']]],
  ])('%s', (query, expected) => expect(sets(query)).toEqual(expected));

  it('refuses to join several spansets by structure', () => {
    expect(() => sets('({} | by(.kind)) >> ({} | by(.kind))')).toThrow('use coalesce() behind by()');
  });
});
