const utf8 = new TextEncoder();
const slash = 0x2f;
const question = 0x3f;
const numberSign = 0x23;
const openBrace = 0x7b;
const closeBrace = 0x7d;

/** How a route ends at a node: the path must end there too, or may go on below. */
const exact = 1;
const below = 2;

/**
 * Routes as a tree of their bytes: a path is compared with all of them at once, and most paths leave it after a few
 * bytes. Node 0 is the root, before the first byte; a node's children are a list linked by `#sibling`, 0 = none.
 * `#anySegment` leads over a whole segment of the path, whatever it is. A node is reached at one place of a path at
 * most, as there is one way to it, so that a comparison takes no more steps than there are nodes.
 */
export class RouteTree {
  readonly #byte: Uint8Array;
  readonly #child: Int32Array;
  readonly #sibling: Int32Array;
  readonly #anySegment: Int32Array;
  readonly #ends: Uint8Array;
  #size = 1;

  /**
   * A route is an exact path, or `/prefix/*` for the prefix itself and everything below it; a segment in braces, as in
   * `/users/{id}`, stands for any one.
   */
  constructor(routes: readonly string[]) {
    const texts = routes.map((route) => utf8.encode(route.endsWith('/*') ? route.slice(0, -2) : route));
    const most = texts.reduce((sum, text) => sum + text.length, 1);
    this.#byte = new Uint8Array(most);
    this.#child = new Int32Array(most);
    this.#sibling = new Int32Array(most);
    this.#anySegment = new Int32Array(most);
    this.#ends = new Uint8Array(most);
    texts.forEach((text, i) => {
      this.#add(text, routes[i].endsWith('/*') ? below : exact);
    });
  }

  /**
   * Is the path that starts at buf[start] one of the routes? It ends with the text at `end`, or before a query or
   * fragment.
   */
  has(buf: Uint8Array, start: number, end: number, hasQuery: boolean): boolean {
    return this.#leads(0, buf, start, end, hasQuery);
  }

  #leads(from: number, buf: Uint8Array, start: number, end: number, hasQuery: boolean): boolean {
    let node = from;
    for (let pos = start; ; pos++) {
      const ends = this.#ends[node];
      if (ends !== 0 && (isPathEnd(buf, pos, end, hasQuery) || (ends >= below && buf[pos] === slash))) return true;
      if (pos >= end) return false;
      const over = this.#anySegment[node];
      const past = over === 0 ? pos : segmentEnd(buf, pos, end, hasQuery);
      if (past > pos && this.#leads(over, buf, past, end, hasQuery)) return true;
      node = this.#next(node, buf[pos]);
      if (node === 0) return false;
    }
  }

  #add(text: Uint8Array, how: number): void {
    let node = 0;
    for (let pos = 0; pos < text.length; ) {
      const past = templateEnd(text, pos);
      if (past > pos) node = this.#anySegment[node] ||= this.#size++;
      else node = this.#next(node, text[pos]) || this.#grow(node, text[pos]);
      pos = Math.max(past, pos + 1);
    }
    this.#ends[node] |= how;
  }

  #next(node: number, byte: number): number {
    let child = this.#child[node];
    while (child !== 0 && this.#byte[child] !== byte) child = this.#sibling[child];
    return child;
  }

  #grow(node: number, byte: number): number {
    const child = this.#size++;
    this.#byte[child] = byte;
    this.#sibling[child] = this.#child[node];
    this.#child[node] = child;
    return child;
  }
}

function isPathEnd(buf: Uint8Array, pos: number, end: number, hasQuery: boolean): boolean {
  return pos >= end || (hasQuery && (buf[pos] === question || buf[pos] === numberSign));
}

/** Where the segment that begins at `start` ends. */
function segmentEnd(buf: Uint8Array, start: number, end: number, hasQuery: boolean): number {
  let pos = start;
  while (!isPathEnd(buf, pos, end, hasQuery) && buf[pos] !== slash) pos++;
  return pos;
}

/** Behind a segment in braces that begins at `start`; `start` where none does. */
function templateEnd(text: Uint8Array, start: number): number {
  if (text[start] !== openBrace || text[start - 1] !== slash) return start;
  const past = segmentEnd(text, start, text.length, false);
  return past > start + 2 && text[past - 1] === closeBrace ? past : start;
}
