import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { buildTree, linesOf, type TreeSpan } from '../../../src/cli/obsctl/span-tree.ts';

const server = 2;
const client = 3;
const span = (
  spanId: string,
  parentSpanId = '',
  startNs = 1,
  more: { kind?: number; service?: string } = {},
): TreeSpan => ({
  spanId,
  parentSpanId,
  startNs: BigInt(startNs),
  kind: more.kind ?? 1,
  service: more.service ?? 'shop',
});

/** `a b(c d!)`: each span's id with its children; `!` = parent missing, `~` = a circle was cut here. */
const drawn = (spans: readonly TreeSpan[]): string => {
  const draw = (nodes: ReturnType<typeof buildTree>): string =>
    nodes
      .map(
        ({ span, children, lost, cut }) =>
          span.spanId + (lost ? '!' : '') + (cut ? '~' : '') + (children.length ? `(${draw(children)})` : ''),
      )
      .join(' ');
  return draw(buildTree(spans));
};

describe('the tree of a trace', () => {
  it('puts children below their parents by start time, whatever the order they came in', () => {
    expect(drawn([span('d', 'b', 9), span('c', 'a', 7), span('b', 'a', 3), span('a')])).toBe('a(b(d) c)');
  });

  it('puts spans without a time behind their siblings', () => {
    expect(drawn([span('a'), span('z', 'a', 0), span('b', 'a', 5)])).toBe('a(b z)');
  });

  it('marks spans whose parent is missing, and shows them behind the root', () => {
    expect(drawn([span('x', 'gone', 1), span('y', 'x', 2), span('a', '', 5)])).toBe('a x!(y)');
  });

  it('shows a trace that has no root at all', () => {
    expect(drawn([span('b', 'gone', 2), span('a', 'gone', 1)])).toBe('a! b!');
  });

  it('puts a server below the client with which it shares its id, and its work below the server', () => {
    const spans = [
      span('root', '', 1),
      span('s', 'root', 2, { kind: client, service: 'web' }),
      span('s', 'root', 3, { kind: server, service: 'api' }),
      span('work', 's', 4, { service: 'api' }),
      span('retry', 's', 5, { service: 'web' }),
    ];
    expect(drawn(spans)).toBe('root(s(s(work) retry))');
  });

  it('shows both of two spans with one id that are no pair', () => {
    expect(drawn([span('a'), span('b', 'a', 2), span('b', 'a', 3), span('c', 'b', 4)])).toBe('a(b(c) b)');
  });

  it('cuts circles at their earliest span', () => {
    expect(drawn([span('a', 'c', 5), span('b', 'a', 3), span('c', 'b', 4), span('d', 'c', 6)])).toBe('b~(c(a d))');
  });

  it('takes a span that is its own parent for a root', () => {
    expect(drawn([span('a', 'a'), span('b', 'a', 2)])).toBe('a(b)');
  });

  it('walks a chain of 50 000 spans without running out of stack', () => {
    const chain = Array.from({ length: 50_000 }, (_, i) => span(`s${i}`, i === 0 ? '' : `s${i - 1}`, i + 1));
    const lines = linesOf(buildTree(chain));
    expect(lines).toHaveLength(50_000);
    expect(lines.at(-1)?.depth).toBe(50_000);
  });

  it('shows every span exactly once, whatever its ids', () => {
    const anySpan = fc.record({
      spanId: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
      parentSpanId: fc.constantFrom('', 'a', 'b', 'c', 'd', 'e', 'x'),
      service: fc.constantFrom('one', 'two'),
      kind: fc.integer({ min: 0, max: 5 }),
      startNs: fc.bigInt({ min: 0n, max: 5n }),
    });
    fc.assert(
      fc.property(fc.array(anySpan, { maxLength: 12 }), (spans) => {
        const shown = linesOf(buildTree(spans)).map((line) => line.node.span);
        expect(shown).toHaveLength(spans.length);
        expect(new Set(shown)).toEqual(new Set(spans));
      }),
      { numRuns: 500 },
    );
  });
});
