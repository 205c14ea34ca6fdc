import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { routePattern, routePredicate } from '../../src/decide/policies/route.ts';
import { RouteTree } from '../../src/decide/policies/route-tree.ts';
import type { SpanPredicate, ValueTest } from '../../src/model/predicates.ts';

type Asked = Extract<ValueTest, { is: 'asked' }>;

const attributesOf = (predicate: SpanPredicate): { is: Asked }[] =>
  predicate.op === 'or' ? (predicate.of as unknown as { is: Asked }[]) : [];

const has = (routes: readonly string[], text: string, hasQuery = true): boolean => {
  // Bytes around the text must not count.
  const bytes = new TextEncoder().encode(`/a${text}/a`);
  return new RouteTree(routes).has(bytes, 2, bytes.length - 2, hasQuery);
};

/** One route after the other, as regular expressions. */
const plainly = (routes: readonly string[], text: string, hasQuery: boolean): boolean =>
  routes.some((route) => {
    const below = route.endsWith('/*');
    const path = below ? route.slice(0, -2) : route;
    const segment = hasQuery ? '[^/?#]+' : '[^/]+';
    const pattern = path.replace(/(?<=\/)\{[^/]+\}(?=\/|$)/g, segment);
    return new RegExp(`^${pattern}(${below ? '/.*|' : ''}${hasQuery ? '[?#].*|' : ''})$`).test(text);
  });

describe('routes', () => {
  it('match as if a path were compared with one after the other', () => {
    const pieces = ['/a', '/ab', '/b', 'a', 'é', '/'];
    const textOf = (...more: string[]) =>
      fc.array(fc.constantFrom(...pieces, ...more), { maxLength: 5 }).map((each) => each.join(''));
    const text = textOf('?', '#');
    const route = fc.tuple(textOf('/{x}', '/{x}'), fc.boolean()).map(([path, below]) => `/${path}${below ? '/*' : ''}`);
    fc.assert(
      fc.property(fc.array(route, { maxLength: 12 }), text, fc.boolean(), (routes, path, hasQuery) => {
        const any = [...routes, '/ab/a/*'];
        for (const asked of [path, `/${path}`]) expect(has(any, asked, hasQuery)).toBe(plainly(any, asked, hasQuery));
      }),
      { numRuns: 2_000 },
    );
  });

  it('are named by no path with another second byte than they say', () => {
    const pieces = ['/', '/a', '/bc', '?', '#', '{x}', '/*', 'é'];
    const texts = fc.array(fc.constantFrom(...pieces), { maxLength: 4 }).map((each) => each.join(''));
    const some = fc.array(
      texts.map((text) => `/${text}`).filter((route) => routePattern.test(route)),
      { minLength: 1 },
    );
    fc.assert(
      fc.property(some, texts, (routes, path) => {
        for (const { is } of attributesOf(routePredicate(routes))) {
          const text = new TextEncoder().encode(path);
          const isYes = is.test(Uint8Array.from([0x0a, text.length, ...text]), 0, text.length + 2);
          if (isYes && text.length > 1) expect(is.secondBytes ?? [text[1]]).toContain(text[1]);
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it('have segments in braces for whatever stands there, one segment and not none', () => {
    const routes = ['/users/{id}', '/users/me/orders', '/{tenant}/files/*', '/users/{id}/orders/{order}'];
    for (const path of [
      '/users/7',
      '/users/{id}',
      '/users/me',
      '/users/me/orders',
      '/users/7/orders/8?x=/',
      '/t/files/a',
    ])
      expect([path, has(routes, path)]).toEqual([path, true]);
    for (const path of ['/users/', '/users', '/users/7/', '/users/7/8', '/users/?id=7', '/users/7/orders', '//files/a'])
      expect([path, has(routes, path)]).toEqual([path, false]);
    expect([has(['/a/x{id}'], '/a/xy'), has(['/a/{}'], '/a/b'), has(['/a/{id}.json'], '/a/7.json')]).toEqual([
      false,
      false,
      false,
    ]);
  });

  it('are compared in steps as many as there are nodes, whatever the path', () => {
    // Each segment could be either, and none of the ways leads to the end.
    const routes = Array.from(
      { length: 256 },
      (_, i) => `/${[...i.toString(2).padStart(8, '0')].map((bit) => (bit === '1' ? 'a' : '{x}')).join('/')}/end`,
    );
    const from = process.cpuUsage();
    for (let i = 0; i < 100; i++) expect(has(routes, `${'/a'.repeat(8)}/other`)).toBe(false);
    const { user, system } = process.cpuUsage(from);
    expect((user + system) / 1000).toBeLessThan(2_000);
  });

  it('may be both a path and a prefix, and all there is', () => {
    expect(has(['/a', '/a/*'], '/a/b')).toBe(true);
    expect(has(['/a/*', '/a'], '/a/b')).toBe(true);
    expect([has(['/*'], '/any'), has(['/*'], ''), has([], '/any')]).toEqual([true, true, false]);
  });
});
