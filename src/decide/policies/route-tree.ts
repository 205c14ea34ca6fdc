const utf8 = new TextEncoder();
const slash = 0x2f;
const question = 0x3f;
const numberSign = 0x23;

/** How a route ends at a node: the path must end there too, or may go on below. */
const exact = 1;
const below = 2;

/**
 * Routes as a tree of their bytes: a path is compared with all of them at once, and most paths leave it after a few
 * bytes. Node 0 is the root, before the first byte; a node's children are a list linked by `#sibling`, 0 = none.
 */
export class RouteTree {
  readonly #byte: Uint8Array;
  readonly #child: Int32Array;
  readonly #sibling: Int32Array;
  readonly #ends: Uint8Array;
  #size = 1;

  /** A route is an exact path, or `/prefix/*` for the prefix itself and everything below it. */
  constructor(routes: readonly string[]) {
    const texts = routes.map((route) => utf8.encode(route.endsWith('/*') ? route.slice(0, -2) : route));
    const most = texts.reduce((sum, text) => sum + text.length, 1);
    this.#byte = new Uint8Array(most);
    this.#child = new Int32Array(most);
    this.#sibling = new Int32Array(most);
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
    let node = 0;
    for (let pos = start; ; pos++) {
      const ends = this.#ends[node];
      if (ends !== 0 && (isPathEnd(buf, pos, end, hasQuery) || (ends >= below && buf[pos] === slash))) return true;
      if (pos >= end) return false;
      node = this.#next(node, buf[pos]);
      if (node === 0) return false;
    }
  }

  #add(text: Uint8Array, how: number): void {
    let node = 0;
    for (const byte of text) node = this.#next(node, byte) || this.#grow(node, byte);
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
