import { describe, expect, it } from 'vitest';
import { Abandoned, Pace, Turns } from '../../src/store/pace.ts';
import { TraceView } from '../../src/store/trace-view.ts';
import type { AttributeScope, Field } from '../../src/traceql/ast.ts';
import { compileSpansets } from '../../src/traceql/evaluate.ts';
import { parseQuery } from '../../src/traceql/parse.ts';
import { leastCpuUs } from '../support/growth.ts';
import { matchedSpans } from '../support/matched-spans.ts';
import { requestBytes } from '../support/spans.ts';
import { Inside } from './fixture.ts';

const numbered = (n: number): Record<string, number> =>
  Object.fromEntries(Array.from({ length: n }, (_, i) => [`key${i}`, i]));
const anyOf = (n: number): string => `{ ${Array.from({ length: n }, (_, i) => `span.none${i} = 1`).join(' || ')} }`;

/** Each of its steps is over at once; nobody waits any more after so many of them. */
class Counted extends Pace {
  steps = 0;
  readonly #most: number;

  constructor(most = Number.POSITIVE_INFINITY) {
    super(new Turns(), 0);
    this.#most = most;
  }

  override next(): Promise<void> {
    this.isAbandoned = ++this.steps > this.#most;
    return super.next();
  }
}

describe('a query of many conditions', () => {
  it('is left in the middle of a span where nobody waits for the answer', async () => {
    using store = new Inside().keep({ trace: 'wide', attributes: numbered(100) });
    const search = store.get('/api/search', { q: anyOf(1000).replaceAll(' = ', ' > ') }, '', new Counted(20));
    await expect(search).rejects.toThrow(Abandoned);
  });

  it('walks through the attributes of a span some times, and not once for each', () => {
    const request = requestBytes({ trace: 'wide', attributes: numbered(2000) });
    const cost = (conditions: number) => {
      const compiled = compileSpansets(parseQuery(anyOf(conditions)).spansets);
      return leastCpuUs(() => {
        for (let i = 0; i < 20; i++) matchedSpans(compiled, new TraceView('').add(request).spans);
      }, 4);
    };
    expect(cost(400)).toBeLessThan(8 * Math.max(1000, cost(10)));
  });

  it('finds what each of them finds alone, however often the span is asked', () => {
    const span = () =>
      new TraceView('').add(
        requestBytes({
          trace: 'twice',
          attributes: { twice: '', text: 'a', number: 1, '': 'no key', 'service.name': 'own' },
          more: { twice: 'second', text: 'b' },
          resource: { of: 'resource', text: 'c' },
        }),
      ).spans[0];
    const asked = span();
    for (let round = 0; round < 3; round++)
      for (const scope of ['span', 'any', 'resource'] as AttributeScope[])
        for (const key of ['twice', 'text', 'number', '', 'service.name', 'of', 'none']) {
          const field: Field = { type: 'attribute', scope, key };
          expect(asked.field(field), `${scope}.${key}`).toEqual(span().field(field));
        }
  });
});

it('what is shown of a span, and listed of many, is looked for in steps', async () => {
  using store = new Inside().keep(...Array.from({ length: 50 }, (_, i) => ({ trace: 'many', id: `${i}` })));
  const searching = new Counted();
  const fields = Object.keys(numbered(30)).map((key) => `span.${key}`);
  await store.get('/api/search', { q: `{} | select(${fields})` }, '', searching);
  expect(searching.steps).toBeGreaterThan(3 * 30);
  const listing = new Counted();
  await store.get('/api/v2/search/tags', { q: '{ name = "work" }' }, '', listing);
  expect(listing.steps).toBeGreaterThan(50);
});

it('the keys of one span of very many attributes are listed in steps, and are left where nobody waits', async () => {
  using store = new Inside().keep({ trace: 'wide', attributes: numbered(2_000) });
  const asked = (pace: Pace) =>
    store.get('/api/v2/search/tags', { q: '{ name = "work" }', scope: 'span', limit: 1_500 }, '', pace);
  const listing = new Counted();
  const { body } = await asked(listing);
  expect(JSON.parse(String(body)).scopes[0].tags).toHaveLength(1_500);
  expect(listing.steps).toBeGreaterThan(1_500);
  // None is read beyond those that are wanted.
  expect(listing.steps).toBeLessThan(1_900);
  await expect(asked(new Counted(500))).rejects.toThrow(Abandoned);
});
