import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http';

const maxAgeSeconds = '7200';

/**
 * Cross-origin rules compiled once: which pages may send traces from a browser. Source: Fetch standard, "CORS
 * protocol".
 */
export class Cors {
  readonly #any: boolean;
  readonly #origins: readonly RegExp[];

  /**
   * Origins as browsers send them, e.g. `https://shop.example`; `*` stands for anything, also inside:
   * `https://*.shop.example`.
   */
  constructor(allowedOrigins: readonly string[]) {
    this.#any = allowedOrigins.includes('*');
    this.#origins = allowedOrigins.map(compileOrigin);
  }

  /** Whether any page may send at all. */
  get enabled(): boolean {
    return this.#origins.length > 0;
  }

  isPreflight(request: IncomingMessage): boolean {
    const { origin, 'access-control-request-method': method } = request.headers;
    return this.enabled && request.method === 'OPTIONS' && origin !== undefined && method !== undefined;
  }

  /** Headers for every answer to a page; none for a page that may not send. */
  headers(origin: string | undefined): OutgoingHttpHeaders {
    if (origin === undefined || !this.enabled) return {};
    if (!this.#allows(origin)) return { vary: 'Origin' };
    return { ...this.#grant(origin), 'access-control-expose-headers': 'Retry-After' };
  }

  /** Headers of the answer to a preflight request. */
  preflightHeaders(request: IncomingMessage): OutgoingHttpHeaders {
    const origin = request.headers.origin as string;
    if (!this.#allows(origin)) return { vary: 'Origin' };
    return {
      ...this.#grant(origin),
      'access-control-allow-methods': 'POST',
      'access-control-allow-headers': request.headers['access-control-request-headers'] ?? 'content-type',
      'access-control-max-age': maxAgeSeconds,
    };
  }

  #allows(origin: string): boolean {
    return this.#origins.some((pattern) => pattern.test(origin));
  }

  /** Credentials only for origins that were named: a bare `*` names none. */
  #grant(origin: string): OutgoingHttpHeaders {
    if (this.#any) return { 'access-control-allow-origin': '*' };
    return { 'access-control-allow-origin': origin, 'access-control-allow-credentials': 'true', vary: 'Origin' };
  }
}

function compileOrigin(origin: string): RegExp {
  const literal = origin.split('*').map((part) => part.replace(/[.+?^${}()|[\]\\/]/g, '\\$&'));
  return new RegExp(`^${literal.join('.*')}$`, 'i');
}
