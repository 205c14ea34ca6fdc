import { lookup } from 'node:dns/promises';
import type { ClientHttp2Session } from 'node:http2';
import { isIP } from 'node:net';
import { hostOf } from '../../proxy.ts';
import { describe } from '../answer.ts';
import type { Security } from '../security.ts';
import { Address, type Session } from './address.ts';
import { openSession, type Route } from './session.ts';

/** A name of more addresses is served by so many of them. */
const maxAddresses = 8;

/** A name is looked up again when it was so long ago, or, where a connection broke or failed, after the lesser time. */
const lookupAgeMs = 5 * 60_000;
const lookupPauseMs = 1_000;

/** Leaves the attempt's time for another address, and for the call; whole, as timers need it. */
const connectTimeoutMs = (timeoutMs: number) => Math.min(5_000, Math.ceil(timeoutMs / 2));

interface ConnectionsOptions {
  readonly endpoint: URL;
  readonly proxy: URL | null;
  /** Where the endpoint is https:. */
  readonly security: Security | null;
  /** Of one attempt. */
  readonly timeoutMs: number;
  /** The addresses of a name, in the resolver's order; rejects where there are none. */
  readonly lookUp?: (host: string) => Promise<string[]>;
}

async function lookUpByDns(host: string): Promise<string[]> {
  const found = await lookup(host, { all: true, order: 'verbatim' });
  return [...new Set(found.map(({ address }) => address))];
}

/**
 * A connection to each address of the endpoint's name; calls take them in turn. Those that are down are tried beside,
 * and hold nothing up while another is there. All comes back by itself.
 */
export class ConnectionsTo<S extends Session> {
  readonly #options: ConnectionsOptions;
  readonly #now: () => number;
  readonly #open: (route: Route, timeoutMs: number) => Promise<S>;
  #addresses = new Map<string, Address<S>>();
  #looking: Promise<void> | null = null;
  #lookedUpAt = Number.NEGATIVE_INFINITY;
  #isSuspect = false;
  #turn = 0;
  #closed = false;

  /** `now` is monotonic, in milliseconds. */
  constructor(options: ConnectionsOptions, now: () => number, open: (route: Route, timeoutMs: number) => Promise<S>) {
    this.#options = options;
    this.#now = now;
    this.#open = open;
  }

  /** The only one, where it is there and nothing is to be looked up: then nobody need wait for a promise. */
  get atHand(): S | null {
    if (this.#now() - this.#lookedUpAt >= this.#dueAfterMs || this.#addresses.size !== 1) return null;
    const [address] = this.#addresses.values();
    return address.session;
  }

  /** The connection whose turn it is. Rejects, with the reason of each address, where there is none to be had. */
  async take(): Promise<S> {
    const looking = this.#lookUpWhereDue();
    if (this.#addresses.size === 0) await looking;
    const addresses = this.#inTurn();
    const opening = addresses.filter(({ session }) => session === null).map((address) => this.#connect(address));
    const there = addresses.find(({ session }) => session !== null)?.session;
    if (there) return there;
    return Promise.any(opening).catch((error: AggregateError) => {
      throw new Error([...new Set(error.errors.map(describe))].join('; ') || 'the exporter is closed');
    });
  }

  /**
   * For a connection on which a call had no answer in time: when a peer vanished without a word, the kernel notices
   * minutes later, and until then every call would go the same way. Calls under way on it go on.
   */
  retire(session: S): void {
    this.#isSuspect = true;
    for (const address of this.#addresses.values()) {
      if (address.session === session) address.retire(session, this.#options.timeoutMs);
    }
  }

  close(lingerMs: number): void {
    this.#closed = true;
    for (const address of this.#addresses.values()) address.close(lingerMs);
    this.#addresses.clear();
  }

  #inTurn(): Address<S>[] {
    const addresses = [...this.#addresses.values()];
    const start = this.#turn++ % (addresses.length || 1);
    return [...addresses.slice(start), ...addresses.slice(0, start)];
  }

  #connect(address: Address<S>): Promise<S> {
    const opening = address.connect();
    opening.catch(() => this.#suspect());
    return opening;
  }

  get #dueAfterMs(): number {
    return this.#isSuspect ? lookupPauseMs : lookupAgeMs;
  }

  #suspect(): void {
    this.#isSuspect = true;
  }

  /** One look at a time; while there are addresses, nobody need wait for it. */
  #lookUpWhereDue(): Promise<void> {
    const age = this.#now() - this.#lookedUpAt;
    if (this.#closed || age < this.#dueAfterMs) return this.#looking ?? Promise.resolve();
    this.#looking ??= this.#lookUp().finally(() => {
      this.#looking = null;
    });
    this.#looking.catch(() => {});
    return this.#looking;
  }

  async #lookUp(): Promise<void> {
    const hosts = await this.#hosts();
    this.#lookedUpAt = this.#now();
    this.#isSuspect = false;
    const addresses = new Map(hosts.map((host) => [host, this.#addresses.get(host) ?? this.#addressOf(host)]));
    for (const [host, address] of this.#addresses) {
      if (!addresses.has(host)) address.close(this.#options.timeoutMs);
    }
    this.#addresses = this.#closed ? new Map() : addresses;
  }

  async #hosts(): Promise<string[]> {
    const { endpoint, proxy, lookUp = lookUpByDns } = this.#options;
    const host = hostOf(endpoint);
    if (proxy || isIP(host)) return [host];
    const found = await lookUp(host);
    const known = found.filter((address) => this.#addresses.has(address));
    const others = found.filter((address) => !this.#addresses.has(address));
    // The first in the list would get every gateway's requests.
    const start = Math.floor(Math.random() * others.length);
    return [...known, ...others.slice(start), ...others.slice(0, start)].slice(0, maxAddresses);
  }

  #addressOf(host: string): Address<S> {
    const { timeoutMs, ...route } = this.#options;
    const open = async () => {
      const session = await this.#open({ ...route, address: host }, connectTimeoutMs(timeoutMs));
      session.once('close', () => this.#suspect());
      return session;
    };
    return new Address(open, this.#now);
  }
}

/** The same, on `node:http2`. */
export class Connections extends ConnectionsTo<ClientHttp2Session> {
  constructor(options: ConnectionsOptions, now: () => number) {
    super(options, now, openSession);
  }
}
