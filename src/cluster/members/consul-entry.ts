import { setTimeout as sleep } from 'node:timers/promises';
import type { ConsulClient } from '../../consul/client.ts';
import { ConsulConnection, ConsulRefusal, TooLong } from '../../consul/connection.ts';
import { ConsulClaim, type Entry } from './consul-claim.ts';
import { rights } from './consul-read.ts';
import type { MembersWatch, TellOfMembers } from './list.ts';

/** By the monotonic clock, as all timers of Node go. */
interface EntryTiming {
  /** Unless it is heard of so often, Consul takes the gateway for dead. */
  readonly ttlMs: number;
  readonly beatMs: number;
  /** After a beat that came to nothing. */
  readonly retryMs: number;
  /** What the farewell may take. */
  readonly farewellMs: number;
}

const usualTiming: EntryTiming = { ttlMs: 15_000, beatMs: 5_000, retryMs: 1_000, farewellMs: 2_000 };

/** Of one that is dead, when Consul forgets it. */
const forgetAfter = '5m';
const limits = { graceMs: 5_000, maxBodyBytes: 65_536 };
const requestMs = 4_000;

/**
 * This gateway's entry in Consul: a service with a TTL check that it keeps passing, so that one that crashed, hangs or is
 * cut off leaves the list after `ttlMs`. An agent that has lost the entry gets it again. A session holds the name, so
 * that two gateways of one name are found out.
 */
export class ConsulEntry implements MembersWatch {
  readonly #connection: ConsulConnection;
  readonly #claim: ConsulClaim;
  readonly #entry: Entry;
  readonly #timing: EntryTiming;
  readonly #stopping = new AbortController();
  #keeping: Promise<void> = Promise.resolve();
  #isRegistered = false;

  constructor(client: ConsulClient, entry: Entry, timing = usualTiming) {
    this.#connection = new ConsulConnection(client, limits, { isItem: () => true, rights });
    this.#claim = new ConsulClaim((send, signal) => this.#request(send, signal), entry, timing.ttlMs);
    this.#entry = entry;
    this.#timing = timing;
  }

  start(tell: TellOfMembers): this {
    this.#keeping = this.#keep(tell);
    return this;
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#keeping;
    const farewell = AbortSignal.timeout(this.#timing.farewellMs);
    await this.#request((consul, options) => consul.agent.service.deregister({ id: this.#id, ...options }), farewell)
      .then(() => this.#claim.release(farewell))
      // Its check fails soon enough.
      .catch(() => {});
    this.#connection.close();
  }

  get #id(): string {
    return `${this.#entry.service}-${this.#entry.name}`;
  }

  async #keep(tell: TellOfMembers): Promise<void> {
    const { signal } = this.#stopping;
    const { beatMs, retryMs } = this.#timing;
    while (!signal.aborted) {
      let pauseMs = beatMs;
      try {
        await this.#beat(signal);
        await this.#claim.keep(signal);
        tell.answered();
      } catch (error) {
        if (signal.aborted) return;
        pauseMs = retryMs;
        tell.failed(error as Error);
      }
      await sleep(pauseMs, undefined, { signal, ref: false }).catch(() => {});
    }
  }

  async #beat(signal: AbortSignal): Promise<void> {
    if (this.#isRegistered) {
      try {
        await this.#request(
          (consul, options) => consul.agent.check.pass({ id: `service:${this.#id}`, ...options }),
          signal,
        );
        return;
      } catch (error) {
        if (!isForgotten(error)) throw error;
        this.#isRegistered = false;
      }
    }
    await this.#register(signal);
    this.#isRegistered = true;
  }

  #register(signal: AbortSignal): Promise<unknown> {
    const { service, name, host, port } = this.#entry;
    const check = {
      ttl: `${this.#timing.ttlMs}ms`,
      status: 'passing',
      deregistercriticalserviceafter: forgetAfter,
      notes: 'the gateway says that it lives',
    };
    const registration = { id: this.#id, name: service, address: host, port, meta: { name }, check };
    return this.#request(({ agent }, options) => {
      // The package's types want of every check what only some kinds of check have.
      const register = agent.service.register.bind(agent.service) as unknown as (options: object) => Promise<unknown>;
      return register({ ...registration, ...options });
    }, signal);
  }

  async #request(send: Parameters<ConsulConnection['request']>[2], signal: AbortSignal): Promise<unknown> {
    const answer = await this.#connection.request(requestMs, signal, send);
    if (answer instanceof TooLong) throw new Error('answered more than anything that was asked for');
    return answer;
  }
}

/** The agent knows no such check: it has been started anew, or somebody has taken the entry out. */
const isForgotten = (error: unknown): boolean =>
  error instanceof ConsulRefusal &&
  (error.status === 404 || /unknown check|does not have associated TTL/i.test(error.said));
