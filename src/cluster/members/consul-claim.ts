import { type ConsulConnection, ConsulRefusal, type KvItem } from '../../consul/connection.ts';

/** Consul takes no session that lives shorter. */
const leastTtlMs = 10_000;

/** What is registered. */
export interface Entry {
  readonly service: string;
  /** Of the gateway: goes along as `meta.name`. */
  readonly name: string;
  readonly host: string;
  readonly port: number;
}

/** Makes a request, and rejects where that is not answered as it should be. */
type Request = (send: Parameters<ConsulConnection['request']>[2], signal: AbortSignal) => Promise<unknown>;

/** What the package's types leave out: the answer beside the value. */
type Answered<T> = Promise<[unknown, T]>;

/**
 * A gateway's name, held by a session of Consul's as a key below tailgate/members; the key is gone with the session.
 * Two gateways of one name would each take the traces of both for their own.
 */
export class ConsulClaim {
  readonly #request: Request;
  readonly #key: string;
  readonly #address: string;
  readonly #ttlMs: number;
  #session: string | undefined;

  constructor(request: Request, { service, name, host, port }: Entry, ttlMs: number) {
    this.#request = request;
    this.#key = `tailgate/members/${service}/${name}`;
    this.#address = `${host}:${port}`;
    this.#ttlMs = Math.max(leastTtlMs, ttlMs);
  }

  /** Takes the name, or keeps it; throws where it is another gateway's. */
  async keep(signal: AbortSignal): Promise<void> {
    if (this.#session !== undefined && (await this.#isRenewed(this.#session, signal))) return;
    this.#session = undefined;
    const session = await this.#open(signal);
    this.#session = session;
    if (await this.#acquired(session, signal)) return;
    const holder = await this.#holder(signal);
    // It was this gateway before it was started anew: what it held is nobody's.
    if (holder.address === this.#address && holder.session) {
      await this.#destroy(holder.session, signal);
      if (await this.#acquired(session, signal)) return;
    }
    await this.release(signal);
    const where = holder.address === '' ? '' : ` at ${holder.address.slice(0, 100)}`;
    throw new Error(`another gateway${where} has the name of this one: expected a cluster.name of its own for each`);
  }

  async release(signal: AbortSignal): Promise<void> {
    const session = this.#session;
    this.#session = undefined;
    if (session !== undefined) await this.#destroy(session, signal);
  }

  async #isRenewed(id: string, signal: AbortSignal): Promise<boolean> {
    try {
      await this.#request(({ session }, options) => session.renew({ id, ...options }), signal);
      return true;
    } catch (error) {
      if (error instanceof ConsulRefusal && error.status === 404) return false;
      throw error;
    }
  }

  async #open(signal: AbortSignal): Promise<string> {
    const what = { name: this.#key, ttl: `${this.#ttlMs}ms`, behavior: 'delete', lockdelay: '0s' } as const;
    const [, { ID }] = (await this.#request(
      ({ session }, options) => session.create({ ...what, ...options }),
      signal,
    )) as Awaited<Answered<{ ID: string }>>;
    if (typeof ID !== 'string') throw new Error('answered without the id of the session: is this Consul?');
    return ID;
  }

  async #acquired(session: string, signal: AbortSignal): Promise<boolean> {
    const what = { key: this.#key, value: this.#address, acquire: session };
    const [, isMine] = (await this.#request(({ kv }, options) => kv.set({ ...what, ...options }), signal)) as Awaited<
      Answered<boolean>
    >;
    return isMine === true;
  }

  async #holder(signal: AbortSignal): Promise<{ readonly address: string; readonly session: string | undefined }> {
    const [, item] = (await this.#request(
      ({ kv }, options) => kv.get({ key: this.#key, ...options }),
      signal,
    )) as Awaited<Answered<(KvItem & { readonly Session?: string }) | undefined>>;
    return { address: String(item?.Value ?? ''), session: item?.Session };
  }

  #destroy(id: string, signal: AbortSignal): Promise<unknown> {
    return this.#request(({ session }, options) => session.destroy({ id, ...options }), signal);
  }
}
