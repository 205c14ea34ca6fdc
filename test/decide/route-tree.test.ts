import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RouteTree } from '../../src/decide/policies/route-tree.ts';

const has = (routes: readonly string[], text: string, hasQuery = true): boolean => {
  // Bytes around the text must not count.
  const bytes = new TextEncoder().encode(`/a${text}/a`);
  return new RouteTree(routes).has(bytes, 2, bytes.length - 2, hasQuery);
};

/** One route after the other, as strings. */
const plainly = (routes: readonly string[], text: string, hasQuery: boolean): boolean =>
  routes.some((route) => {
    const below = route.endsWith('/*');
    const path = below ? route.slice(0, -2) : route;
    if (!text.startsWith(path)) return false;
    const rest = text.slice(path.length);
    return rest === '' || (hasQuery && /^[?#]/.test(rest)) || (below && rest.startsWith('/'));
  });

describe('routes', () => {
  it('match as if a path were compared with one after the other', () => {
    const piece = fc.constantFrom('/a', '/ab', '/b', 'a', 'é', '?', '#', '/');
    const text = fc.array(piece, { maxLength: 5 }).map((pieces) => pieces.join(''));
    const route = fc.tuple(text, fc.boolean()).map(([path, below]) => `/${path}${below ? '/*' : ''}`);
    fc.assert(
      fc.property(fc.array(route, { maxLength: 12 }), text, fc.boolean(), (routes, path, hasQuery) => {
        const any = [...routes, '/ab/a/*'];
        for (const asked of [path, `/${path}`]) expect(has(any, asked, hasQuery)).toBe(plainly(any, asked, hasQuery));
      }),
      { numRuns: 2_000 },
    );
  });

  it('may be both a path and a prefix, and all there is', () => {
    expect(has(['/a', '/a/*'], '/a/b')).toBe(true);
    expect(has(['/a/*', '/a'], '/a/b')).toBe(true);
    expect([has(['/*'], '/any'), has(['/*'], ''), has([], '/any')]).toEqual([true, true, false]);
  });
});
