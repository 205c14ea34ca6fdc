import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Cutter } from '../../src/store/cut.ts';
import { compileMayMatch } from '../../src/store/may-match.ts';
import { soughtValue } from '../../src/store/sought-terms.ts';
import { TraceView } from '../../src/store/trace-view.ts';
import { compileSpansets } from '../../src/traceql/evaluate.ts';
import { parseQuery } from '../../src/traceql/parse.ts';
import { matchedSpans } from '../support/matched-spans.ts';
import { requestBytes, type Told } from '../support/spans.ts';
import { digestBefore, looksBefore, partsBefore } from './digest-before.ts';

const value = fc.oneof(
  fc.constantFrom('a', 'b', 'é', '', 'a b'),
  fc.constantFrom(0, -1, 500, 0.5, 2 ** 52 + 1),
  fc.boolean(),
);
const name = fc.constantFrom('GET /', 'PUT /é', 'x');
const span: fc.Arbitrary<Told> = fc.record({
  trace: fc.constant('t'),
  name,
  service: fc.constantFrom('a', 'b', 'é'),
  durationMs: fc.integer({ min: 0, max: 5 }),
  status: fc.constantFrom('OK', 'ERROR', 'UNSET'),
  attributes: fc.dictionary(fc.constantFrom('k', 'm', 'service.name'), value, { maxKeys: 3 }),
});

const literal = value.map((v) => JSON.stringify(v));
const condition = fc.oneof(
  fc
    .tuple(
      fc.constantFrom('span.k', '.k', '.m', '.service.name', 'resource.service.name'),
      fc.constantFrom('=', '!='),
      literal,
    )
    .map((words) => words.join(' ')),
  fc.tuple(name, fc.constantFrom('=', '!=')).map(([text, op]) => `name ${op} ${JSON.stringify(text)}`),
  fc.constantFrom(
    'status = error',
    'status = ok',
    'status != error',
    '.k =~ "a|b"',
    '.k =~ "a.*"',
    '.k !~ "a|b"',
    '.k != nil',
  ),
  fc
    .tuple(fc.constantFrom('>', '>=', '=', '<'), fc.integer({ min: 0, max: 5 }))
    .map(([op, ms]) => `duration ${op} ${ms}ms`),
);
const expression = fc.letrec<{ tree: string }>((tie) => ({
  tree: fc.oneof(
    { depthSize: 'small' },
    condition,
    fc.tuple(tie('tree'), fc.constantFrom('&&', '||'), tie('tree')).map(([l, op, r]) => `(${l} ${op} ${r})`),
    tie('tree').map((inner) => `!(${inner})`),
  ),
})).tree;
const query = fc.oneof(
  expression.map((e) => `{ ${e} }`),
  fc
    .tuple(expression, fc.constantFrom('&&', '||', '>', '!>>', '&~', '|'), expression)
    .map(([l, op, r]) => `{ ${l} } ${op} { ${r} }`),
  expression.map((e) => `by(.k) | { ${e} } | count() < 3`),
);

const ignoring = { knows: () => false, note: () => {}, noteText: () => {}, noteKey: () => {} };
/** The only trace of the request. */
function partOf(request: Uint8Array) {
  const [{ digest, body }] = [...new Cutter(ignoring).cut(request)];
  return { digest, body, before: digestBefore({ digest, body }) };
}

/** Parts, each with whether an earlier version stored it. */
const parts = fc.array(fc.tuple(fc.array(span, { minLength: 1, maxLength: 3 }), fc.boolean()), {
  minLength: 1,
  maxLength: 3,
});

describe('the first look at a digest', () => {
  it('never passes over a trace that matches', () => {
    fc.assert(
      fc.property(parts, query, (told, q) => {
        const { spansets } = parseQuery(q);
        const cut = told.map(([spans, isBefore]) => ({ ...partOf(requestBytes(...spans)), isBefore }));
        const trace = new TraceView('').add(Buffer.concat(cut.map((part) => part.body)));
        const matches = matchedSpans(compileSpansets(spansets), trace.spans).length > 0;
        const digest = Buffer.concat(cut.map(({ digest, before, isBefore }) => (isBefore ? before : digest)));
        return !matches || compileMayMatch(spansets)(digest);
      }),
      { numRuns: 2000 },
    );
  });

  it('passes over nearly all that does not hold the terms, however alike they are', () => {
    const spans = Array.from({ length: 200 }, (_, i) => ({ trace: 't', attributes: { user: `u${i}`, n: i, '': '' } }));
    const { digest, before } = partOf(requestBytes(...spans));
    const queries = Array.from({ length: 2000 }, (_, i) => [
      ...[`{ span.user = "v${i}" }`, `{ span.uses = "u${i}" }`, `{ span.user = "${i}u" }`, `{ span.n = ${i + 200} }`],
      ...[`{ span.n = ${i}.5 }`, `{ resource.n = ${i} }`, `{ span.n = "${i}" }`, `{ name = "u${i}" }`],
    ]);
    for (const kind of queries[0].keys()) {
      const looks = queries.map((each) => compileMayMatch(parseQuery(each[kind]).spansets));
      for (const each of [digest, before]) expect(looks.filter((look) => look(each)).length).toBeLessThan(20);
    }
  });

  it('is a look into each trace of which a later version stored a part, for a version of before', () => {
    const told = { trace: 't', name: 'n', attributes: { k: 'v' } };
    const { digest, before } = partOf(requestBytes(told));
    const term = soughtValue('span', 'k', 'v');
    const other = soughtValue('span', 'k', 'w');
    expect([looksBefore(before, term), looksBefore(before, other)]).toEqual([true, false]);
    for (const mixed of [[digest], [before, digest], [digest, before], [before, digest, digest, before]])
      for (const each of [term, other]) expect(looksBefore(Buffer.concat(mixed), each)).toBe(true);
  });

  it('shows a version of before the errors and the longest span of every part, behind which it finds the next', () => {
    const attributes = Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`k${i}`, i]));
    const short = { trace: 't', name: 'short', durationMs: 1, attributes };
    const slow = { trace: 't', name: 'slow', durationMs: 5000, status: 'ERROR' } as const;
    const [one, two] = [partOf(requestBytes(short)), partOf(requestBytes(slow))];
    const term = soughtValue('span', 'k', 'w');
    for (const first of [one.digest, one.before])
      for (const second of [two.digest, two.before]) {
        const parts = partsBefore(Buffer.concat([first, second]));
        expect(parts.reduce((sum, { errors }) => sum + errors, 0)).toBe(1);
        expect(Math.max(...parts.map(({ longestNs }) => longestNs))).toBe(5e9);
        const isFound = parts.some((part) => part.errors > 0 && part.longestNs > 1e9 && part.has(term));
        expect(isFound).toBe(second === two.digest);
      }
  });
});
