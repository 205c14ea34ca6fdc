import type { SpanPredicate, TestOfBytes } from '../../model/predicates.ts';
import { kind } from './kind.ts';
import type { Parameter } from './parameters.ts';
import { RouteTree } from './route-tree.ts';

const utf8 = new TextEncoder();

/** Where a request's path stands, newest convention first; the value's form decides what is cut off. */
const routeKeys = ['http.route', 'url.path', 'http.target', 'url.full', 'http.url'] as const;

/** A path, a path with segments in braces, or `/prefix/*`. */
export const routePattern = /^(?=.{1,1024}$)\/([^\s*?#]*|[^\s*?#]*\/\*|\*)$/;

export const routesParameter = (says: string): Parameter<readonly string[]> => ({
  says,
  expected: 'a list of at least one path such as /login, /users/{id}, or /prefix/*',
  read: (value) =>
    Array.isArray(value) &&
    value.length > 0 &&
    value.every((each) => typeof each === 'string' && routePattern.test(each))
      ? value
      : undefined,
});

export const route = kind({
  type: 'route',
  says: 'traces with a span on one of these paths (not in the Collector)',
  parameters: {
    routes: routesParameter('exact, with any one segment for one in braces, or a prefix and all below it'),
  },
  compile: ({ routes }) => ({ op: 'any', span: routePredicate(routes) }),
});

/**
 * A span with one of these routes: its path (`http.route`, `url.path`), path with query (`http.target`), or whole URL. A
 * route is an exact path, one with segments in braces that stand for any, or `/prefix/*` for the prefix itself and
 * everything below it.
 */
export function routePredicate(routes: readonly string[]): SpanPredicate {
  const asked = `routes ${routes.join(' ')}`;
  return {
    op: 'or',
    of: routeKeys.map((key) => ({
      op: 'attribute',
      of: 'span',
      key,
      is: {
        is: 'asked',
        asked,
        test: anyOf[key](routes),
        texts: routes,
        any: anyOf[key],
        secondBytes: isUrl(key) ? undefined : secondBytes(routes),
      },
    })),
  };
}

type RouteKey = (typeof routeKeys)[number];

/** By the attribute that the path stands in: a test of whether it is one of these routes. */
const anyOf = Object.fromEntries(routeKeys.map((key) => [key, (routes) => testOf(key, routes)])) as Readonly<
  Record<RouteKey, (routes: readonly string[]) => TestOfBytes>
>;

const isUrl = (key: RouteKey): boolean => key === 'url.full' || key === 'http.url';

/** What follows the first slash of a path that is one of these routes; undefined = whatever. */
function secondBytes(routes: readonly string[]): readonly number[] | undefined {
  if (routes.some((route) => route[1] === '*' || route[1] === '{')) return undefined;
  // The route `/` is met with a query or fragment, too, and `//*` is that and all below it.
  return routes.flatMap((route) =>
    route === '/' || route === '//*' ? [...utf8.encode('?#/')] : [utf8.encode(route)[1]],
  );
}

function testOf(key: RouteKey, routes: readonly string[]): TestOfBytes {
  const tree = new RouteTree(routes);
  const mayHaveHost = isUrl(key);
  const hasQuery = key !== 'http.route';
  return (buf, start, end) => {
    let pos = stringStart(buf, start, end);
    if (pos < 0) return false;
    if (mayHaveHost) pos = pathStart(buf, pos, end);
    return tree.has(buf, pos, end, hasQuery);
  };
}

/** Where the text of a string AnyValue starts, or -1 for any other value. */
function stringStart(buf: Uint8Array, start: number, end: number): number {
  if (start >= end || buf[start] !== 0x0a) return -1;
  let pos = start + 1;
  while (pos < end && buf[pos] >= 0x80) pos++;
  return pos + 1;
}

/** Behind `scheme://authority`; where there is no scheme the text is taken for a path. */
function pathStart(buf: Uint8Array, start: number, end: number): number {
  let pos = start;
  while (pos + 2 < end && !(buf[pos] === 0x3a && buf[pos + 1] === 0x2f && buf[pos + 2] === 0x2f)) {
    if (buf[pos] === 0x2f || buf[pos] === 0x3f) return start;
    pos++;
  }
  if (pos + 2 >= end) return start;
  pos += 3;
  while (pos < end && buf[pos] !== 0x2f && buf[pos] !== 0x3f && buf[pos] !== 0x23) pos++;
  return pos;
}
