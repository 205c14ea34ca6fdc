import type { ClientHttp2Session } from 'node:http2';
import { backoffMs } from '../retry.ts';

/** Between one connection and the next to an address that failed. The requests have their own, longer pauses. */
const reconnect = { initialMs: 250, maxMs: 2_000 };

/** One address of the endpoint, with at most one connection that takes new calls. */
export class Address {
  readonly #open: () => Promise<ClientHttp2Session>;
  readonly #now: () => number;
  #session: ClientHttp2Session | null = null;
  #opening: Promise<ClientHttp2Session> | null = null;
  #failures = 0;
  #retryAt = 0;
  #lastError: unknown;
  #closed = false;

  /** `now` is monotonic, in milliseconds. */
  constructor(open: () => Promise<ClientHttp2Session>, now: () => number) {
    this.#open = open;
    this.#now = now;
  }

  /** The connection that is there and takes calls. */
  get session(): ClientHttp2Session | null {
    return this.#session === null || this.#session.closed || this.#session.destroyed ? null : this.#session;
  }

  /** The connection once it is there; rejects where it fails, and, without trying, while the last failure is fresh. */
  connect(): Promise<ClientHttp2Session> {
    if (this.session) return Promise.resolve(this.session);
    if (this.#opening) return this.#opening;
    if (this.#now() < this.#retryAt) return Promise.reject(this.#lastError);
    this.#opening = this.#open().then(
      (session) => this.#opened(session),
      (error) => this.#failed(error),
    );
    return this.#opening;
  }

  /** No new calls on `session`; those under way may end within `lingerMs`. */
  retire(session: ClientHttp2Session, lingerMs: number): void {
    if (this.#session === session) this.#session = null;
    session.close();
    setTimeout(() => session.destroy(), lingerMs).unref();
  }

  close(lingerMs: number): void {
    this.#closed = true;
    if (this.#session) this.retire(this.#session, lingerMs);
  }

  #opened(session: ClientHttp2Session): ClientHttp2Session {
    this.#opening = null;
    this.#failures = 0;
    this.#session = session;
    if (this.#closed) session.destroy();
    return session;
  }

  #failed(error: unknown): never {
    this.#opening = null;
    this.#lastError = error;
    this.#retryAt = this.#now() + backoffMs(++this.#failures, reconnect, Math.random());
    throw error;
  }
}
