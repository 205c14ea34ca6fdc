const utf8 = new TextEncoder();
const slash = 0x2f;
const question = 0x3f;
const numberSign = 0x23;
const openBrace = 0x7b;
const closeBrace = 0x7d;

/** How a route ends at a node: the path must end there too, or may go on below. */
const exact = 1;
const below = 2;
/** From here a route goes on over a whole segment, whatever it is. */
const anySegment = 4;

/**
 * Routes as a tree of their bytes: a path is compared with all of them at once, and most paths leave it after a few
 * bytes. Node 0 is the root, before the first byte; a node's children are a list linked by `#sibling`, 0 = none.
 * `#overSegment` leads over a whole segment of the path, whatever it is. A node is reached at one place of a path at
 * most, as there is one way to it, so that a comparison takes no more steps than there are nodes.
 */
export class RouteTree {
  readonly #byte: Uint8Array;
  readonly #child: Int32Array;
  readonly #sibling: Int32Array;
  readonly #overSegment: Int32Array;
  /** What there is at a node beside its children; nothing at most of them. */
  readonly #marks: Uint8Array;
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
    this.#overSegment = new Int32Array(most);
    this.#marks = new Uint8Array(most);
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
      const marks = this.#marks[node];
      if (marks !== 0 && this.#isMet(node, marks, buf, pos, end, hasQuery)) return true;
      if (pos >= end) return false;
      node = this.#next(node, buf[pos]);
      if (node === 0) return false;
    }
  }

  /** Does a route end here as the path does, or lead on over a segment of it? */
  #isMet(node: number, marks: number, buf: Uint8Array, pos: number, end: number, hasQuery: boolean): boolean {
    if ((marks & exact) !== 0 && isPathEnd(buf, pos, end, hasQuery)) return true;
    if ((marks & below) !== 0 && (isPathEnd(buf, pos, end, hasQuery) || buf[pos] === slash)) return true;
    if ((marks & anySegment) === 0 || pos >= end) return false;
    const past = segmentEnd(buf, pos, end, hasQuery);
    return past > pos && this.#leads(this.#overSegment[node], buf, past, end, hasQuery);
  }

  #add(text: Uint8Array, how: number): void {
    let node = 0;
    for (let pos = 0; pos < text.length; ) {
      const past = templateEnd(text, pos);
      if (past > pos) node = this.#passSegment(node);
      else node = this.#next(node, text[pos]) || this.#grow(node, text[pos]);
      pos = Math.max(past, pos + 1);
    }
    this.#marks[node] |= how;
  }

  /** The node behind any segment that begins at this one. */
  #passSegment(node: number): number {
    this.#marks[node] |= anySegment;
    return (this.#overSegment[node] ||= this.#size++);
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
