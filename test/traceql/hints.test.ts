import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TraceView } from '../../src/store/trace-view.ts';
import { ofAnySpan } from '../../src/traceql/any-span.ts';
import { compilePredicate, compileSpansets } from '../../src/traceql/evaluate.ts';
import { hintsOf } from '../../src/traceql/hints.ts';
import { parseQuery } from '../../src/traceql/parse.ts';
import { matchedSpans } from '../support/matched-spans.ts';
import { requestBytes, type Told } from '../support/spans.ts';

const hints = (query: string) => hintsOf(parseQuery(query).spansets);

describe('what a span must have for a query to match it', () => {
  it.each<[string, unknown]>([
    ['{ .user.id = "u1" }', [{ texts: ['user.id', 'u1'] }]],
    ['{ resource.service.name = "cart" && status = error }', [{ texts: ['service.name', 'cart'], status: 'error' }]],
    ['{ name = "GET /" || span.retries > 3 }', [{ texts: ['GET /'] }, { texts: ['retries'] }]],
    ['{ .a = "x" } && { .b =~ "y.*" }', [{ texts: ['a', 'x'] }, { texts: ['b'] }]],
    ['{ .a != "x" && duration > 1s }', [{ texts: ['a'] }]],
    ['{ .a = nil }', [{ texts: [] }]],
    ['{ rootName = "x" }', [{ texts: [] }]],
    ['{ .a = 5 && kind = server }', [{ texts: ['a'] }]],
    ['{ true }', [{ texts: [] }]],
  ])('%s', (query, wanted) => expect(hints(query)).toEqual(wanted));

  it('is not said where there are too many ways', () => {
    const many = Array.from({ length: 40 }, (_, i) => `.k = "${i}"`).join(' || ');
    expect(hints(`{ ${many} }`)).toContainEqual({ texts: [] });
  });
});

const texts = ['', 'a', 'key', 'x y', 'GET /', 'ä'];
const leaf = fc.oneof(
  fc
    .tuple(
      fc.constantFrom('.key', 'span.a', 'resource.service.name', 'name', 'rootName'),
      fc.constantFrom('=', '!=', '=~'),
      fc.constantFrom(...texts),
    )
    .map(([field, op, text]) => `${field} ${op} ${JSON.stringify(text)}`),
  fc.constantFrom(
    'status = error',
    'status != ok',
    'duration > 2ms',
    'traceDuration > 2ms',
    '.key = nil',
    '.key != nil',
    'true',
  ),
);
const filter = fc.oneof(
  leaf,
  fc.tuple(leaf, fc.constantFrom('&&', '||'), leaf).map(([a, op, b]) => `(${a} ${op} ${b})`),
  leaf.map((a) => `!(${a})`),
);
const query = fc.oneof(
  filter.map((a) => `{ ${a} }`),
  fc
    .tuple(filter, fc.constantFrom('&&', '||', '>', '<<', '!~', '&>>', '|'), filter)
    .map(([a, op, b]) => `{ ${a} } ${op} { ${b} }`),
  filter.map((a) => `by(name) | count() > 0 | { ${a} }`),
);
const told: fc.Arbitrary<Told> = fc
  .record({
    name: fc.constantFrom('work', ...texts),
    service: fc.constantFrom('shop', ...texts),
    status: fc.constantFrom('UNSET', 'OK', 'ERROR'),
    durationMs: fc.constantFrom(1, 5),
    key: fc.constantFrom('key', 'a', 'other'),
    value: fc.constantFrom(...texts),
    parent: fc.constantFrom('', 'p'),
  })
  .map(({ key, value, parent, ...rest }) => ({
    trace: 't',
    ...rest,
    attributes: { [key]: value },
    ...(parent && { parent }),
  }));

describe('a trace that a query matches', () => {
  it('has a span that could match alone, and its bytes hold what the hints say', () => {
    fc.assert(
      fc.property(query, fc.array(told, { minLength: 1, maxLength: 4 }), (text, spans) => {
        const { spansets } = parseQuery(text);
        const messages = spans.map((span) => requestBytes(span));
        const trace = new TraceView('t'.repeat(32));
        for (const message of messages) trace.add(message);
        const mayMatch = compilePredicate(ofAnySpan(spansets));
        for (const span of matchedSpans(compileSpansets(spansets), trace.spans)) {
          const alone = new TraceView('t').add(messages[trace.spans.indexOf(span)]!).spans[0]!;
          expect(mayMatch(alone)).toBe(true);
          const bytes = Buffer.from(messages[trace.spans.indexOf(span)]!);
          const status = String((alone.field({ type: 'intrinsic', name: 'status' }) as { name: string }).name);
          const isOne = hintsOf(spansets).some(
            (way) => way.texts.every((part) => bytes.includes(part)) && (way.status ?? status) === status,
          );
          expect([text, isOne]).toEqual([text, true]);
        }
      }),
      { numRuns: 2000 },
    );
  });
});
