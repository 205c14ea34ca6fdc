import { backoffMs } from '../retry.ts';

/** Between one connection and the next to an address that failed. The requests have their own, longer pauses. */
const reconnect = { initialMs: 250, maxMs: 2_000 };

/** A connection, as far as it is kept here. */
export interface Session {
  /** It takes no new calls. */
  readonly closed: boolean;
  readonly destroyed: boolean;
  /** No new calls; it ends when those under way have. */
  close(): void;
  destroy(): void;
  once(event: 'close', told: () => void): unknown;
}

/** One address of the endpoint, with at most one connection that takes new calls. */
export class Address<S extends Session> {
  readonly #open: () => Promise<S>;
  readonly #now: () => number;
  #session: S | null = null;
  #opening: Promise<S> | null = null;
  #failures = 0;
  #retryAt = 0;
  #lastError: unknown;
  #closed = false;

  /** `now` is monotonic, in milliseconds. */
  constructor(open: () => Promise<S>, now: () => number) {
    this.#open = open;
    this.#now = now;
  }

  /** The connection that is there and takes calls. */
  get session(): S | null {
    return this.#session === null || this.#session.closed || this.#session.destroyed ? null : this.#session;
  }

  /** The connection once it is there; rejects where it fails, and, without trying, while the last failure is fresh. */
  connect(): Promise<S> {
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
  retire(session: S, lingerMs: number): void {
    if (this.#session === session) this.#session = null;
    session.close();
    setTimeout(() => session.destroy(), lingerMs).unref();
  }

  close(lingerMs: number): void {
    this.#closed = true;
    if (this.#session) this.retire(this.#session, lingerMs);
  }

  #opened(session: S): S {
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
