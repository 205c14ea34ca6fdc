const utf8 = new TextEncoder();

/** Where a request's path stands, newest convention first; the value's form decides what is cut off. */
export const routeKeys = ['http.route', 'url.path', 'http.target', 'url.full', 'http.url'] as const;

/**
 * Compiles routes to a test of an AnyValue message whose string is a path (`http.route`, `url.path`), a path with query
 * (`http.target`), or a whole URL. A route is an exact path, or `/prefix/*` for everything below the prefix and the prefix itself.
 */
export function compileRoutes(
  routes: readonly string[],
): (key: string) => (buf: Uint8Array, start: number, end: number) => boolean {
  const exact = routes.filter((route) => !route.endsWith('/*')).map((route) => utf8.encode(route));
  const below = routes.filter((route) => route.endsWith('/*')).map((route) => utf8.encode(route.slice(0, -2)));
  // The text in front is compared first: most paths differ there, and only a path that agrees is looked at for its end.
  const matches = (buf: Uint8Array, start: number, end: number, hasQuery: boolean): boolean => {
    for (const path of exact) {
      const to = start + path.length;
      if (to <= end && startsWith(buf, start, path) && isPathEnd(buf, to, end, hasQuery)) return true;
    }
    for (const path of below) {
      const to = start + path.length;
      if (to > end || !startsWith(buf, start, path)) continue;
      if (isPathEnd(buf, to, end, hasQuery) || buf[to] === 0x2f) return true;
    }
    return false;
  };
  return (key) => {
    const isUrl = key === 'url.full' || key === 'http.url';
    const hasQuery = key !== 'http.route';
    return (buf, start, end) => {
      let pos = stringStart(buf, start, end);
      if (pos < 0) return false;
      if (isUrl) pos = pathStart(buf, pos, end);
      return matches(buf, pos, end, hasQuery);
    };
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

/** Does the path end at `pos`: with the text, or before a query or fragment? */
function isPathEnd(buf: Uint8Array, pos: number, end: number, hasQuery: boolean): boolean {
  return pos === end || (hasQuery && (buf[pos] === 0x3f || buf[pos] === 0x23));
}

function startsWith(buf: Uint8Array, at: number, prefix: Uint8Array): boolean {
  for (let i = 0; i < prefix.length; i++) if (buf[at + i] !== prefix[i]) return false;
  return true;
}
