import { EventEmitter } from 'node:events';
import { readFile } from 'node:fs/promises';
import type { ClientRequest, Agent as HttpAgent, IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import Consul from 'consul';
import { Agent } from '../node-http.ts';
import type { TlsNames } from '../tls-client/complaint.ts';
import { tlsError } from '../tls-client/connect.ts';
import { connectionOptions, readTlsClient, type TlsClient } from '../tls-client/files.ts';
import { toLine } from '../units.ts';
import type { ConsulClient } from './client.ts';

interface RequestLimits {
  /** How long token and certificates may take to be read. */
  readonly graceMs: number;
  readonly maxBodyBytes: number;
}

/** What is asked for: how an item of a list that comes back may look, and the rights that it takes. */
export interface ConsulSubject {
  readonly isItem: (item: object) => boolean;
  readonly rights: string;
}

/** As Consul's tools have them. */
const tlsNames: TlsNames = {
  ca: 'CONSUL_CACERT',
  certificate: 'CONSUL_CLIENT_CERT and CONSUL_CLIENT_KEY',
  serverName: 'CONSUL_TLS_SERVER_NAME',
};

/** Of an error's text; what is beyond it is not read. */
const maxReasonBytes = 4096;

/** What a request is made with beside its own options: how it is ended, who asks, and that the whole answer is wanted. */
interface RequestOptions {
  readonly timeout: number;
  readonly token?: string;
  readonly ctx: EventEmitter & { readonly includeResponse: true };
}

/** An answer that was longer than it may be: the rest of it was not read. */
export class TooLong {
  readonly response: ConsulResponse;

  constructor(response: ConsulResponse) {
    this.response = response;
  }
}

/**
 * One connection to Consul with the `consul` package; docs/decisions/0001-consul-watch.md says what it does and what is
 * done here. One request runs at a time. Token and certificates are read again for every connection, so a rotated one
 * counts without a restart.
 */
export class ConsulConnection {
  readonly #client: ConsulClient;
  readonly #limits: RequestLimits;
  readonly #subject: ConsulSubject;
  #connection: Connection | undefined;

  constructor(client: ConsulClient, limits: RequestLimits, subject = keys) {
    this.#client = client;
    this.#limits = limits;
    this.#subject = subject;
  }

  /** `send` makes the request and reads its answer; whatever it throws ends the connection. */
  async request<T>(
    timeout: number,
    signal: AbortSignal,
    send: (consul: Consul, options: RequestOptions) => Promise<T>,
  ): Promise<T | TooLong> {
    const { graceMs, maxBodyBytes } = this.#limits;
    try {
      const files = Promise.all([
        this.#connection ?? connect(this.#client, maxBodyBytes, this.#subject),
        tokenOf(this.#client),
      ]);
      const [connection, token] = await within(files, graceMs, signal);
      this.#connection = connection;
      return await answered(connection, { signal, rights: this.#subject.rights }, (ctx) =>
        send(connection.consul, { timeout, ...(token && { token }), ctx }),
      );
    } catch (error) {
      const tls = this.#connection?.tls;
      this.close();
      throw tls ? tlsError(error, tls, tlsNames) : error;
    }
  }

  close(): void {
    this.#connection?.consul.destroy();
    this.#connection = undefined;
  }
}

/** A file may lie on a disk that does not answer, or be a pipe that nobody writes to. */
async function within<T>(files: Promise<T>, ms: number, signal: AbortSignal): Promise<T> {
  const late = AbortSignal.any([signal, AbortSignal.timeout(ms)]);
  const { promise, reject } = Promise.withResolvers<never>();
  const end = (): void => reject(new Error(`the files of token and certificates were not read within ${ms} ms`));
  late.addEventListener('abort', end, { once: true });
  if (late.aborted) end();
  return await Promise.race([files, promise]).finally(() => late.removeEventListener('abort', end));
}

interface Connection {
  readonly consul: Consul;
  /** Where Consul is reached by https:. */
  readonly tls: TlsClient | undefined;
  /** The request that was made last: one runs at a time. */
  last: Running;
}

/** A request under way. What happens to its answer after its end is nobody else's. */
interface Running {
  readonly cancel: () => void;
  tooMuch: IncomingMessage | undefined;
}

/** What its types leave out: the options that it hands down to node:http, and the answer beside the value. */
type Options = ConstructorParameters<typeof Consul>[0] & Record<string, unknown>;
export interface ConsulResponse {
  readonly statusCode?: number | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly body?: unknown;
}
export interface KvItem {
  readonly Key: string;
  readonly Value: Buffer | null;
  readonly ModifyIndex: number;
}
/** papi, on which it is built, lets a step in before a request is sent and one after its answer was read. */
interface PapiRequest {
  transport: { request: (options: unknown) => ClientRequest };
  readonly res?: ConsulResponse;
}
type Step = (request: PapiRequest, next: (error?: Error) => void) => void;
type Extensible = { _ext: (event: 'onRequest' | 'onResponse', step: Step) => void };

async function connect(client: ConsulClient, maxBodyBytes: number, { isItem }: ConsulSubject): Promise<Connection> {
  const tls = client.url.startsWith('https:') ? await readTlsClient(client.tls) : undefined;
  const options: Options = {
    baseUrl: `${client.url}/v1`,
    agent: agentOf(client, tls),
    socketPath: client.socketPath,
    headers: {
      ...(client.namespace && { 'x-consul-namespace': client.namespace }),
      ...(client.auth && { authorization: basic(client.auth) }),
    },
    defaults: {
      ...(client.partition && { partition: client.partition }),
      ...(client.datacenter && { dc: client.datacenter }),
    },
  };
  const connection: Connection = { consul: new Consul(options), tls, last: { cancel: () => {}, tooMuch: undefined } };
  const steps = connection.consul as unknown as Extensible;
  steps._ext('onRequest', (request, next) => {
    const { transport } = request;
    const { last: running } = connection;
    const watch = (response: IncomingMessage): void => watchBody(response, maxBodyBytes, running);
    request.transport = { request: (how) => transport.request(how).once('response', watch) };
    next();
  });
  // The package asks each item for its own keys, and what it throws there nobody catches.
  steps._ext('onResponse', ({ res }, next) => {
    const fit =
      !Array.isArray(res?.body) || res.body.every((item) => typeof item === 'object' && item !== null && isItem(item));
    next(fit ? undefined : notAList(res));
  });
  return connection;
}

/** Of the KV store. */
const keys: ConsulSubject = {
  isItem: (item: Partial<KvItem>) =>
    !Object.hasOwn(item, 'hasOwnProperty') &&
    typeof item.Key === 'string' &&
    (item.Value === null || typeof item.Value === 'string'),
  rights: '`read` on the key prefix',
};

export const notAList = (response?: ConsulResponse) =>
  new Error(`answered ${response?.statusCode} with a body that is not a list of what was asked for`);

function agentOf({ proxy }: ConsulClient, tls: TlsClient | undefined): HttpAgent {
  const pool = {
    keepAlive: true,
    maxSockets: 1,
    ...(proxy && { proxyEnv: { HTTP_PROXY: proxy, HTTPS_PROXY: proxy } }),
  };
  return tls ? new HttpsAgent({ ...pool, ...connectionOptions(tls) }) : new Agent(pool);
}

/** The package would read a body without end, and wait for the end of one that was cut short until its timeout. */
function watchBody(response: IncomingMessage, maxBytes: number, running: Running): void {
  const most = response.statusCode === 200 ? maxBytes : maxReasonBytes;
  let bytes = 0;
  response.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes <= most || running.tooMuch) return;
    running.tooMuch = response;
    running.cancel();
  });
  response.once('close', () => response.complete || running.cancel());
}

async function answered<T>(
  connection: Connection,
  { signal, rights }: { readonly signal: AbortSignal; readonly rights: string },
  send: (ctx: RequestOptions['ctx']) => Promise<T>,
): Promise<T | TooLong> {
  const ctx = Object.assign(new EventEmitter(), { includeResponse: true as const });
  const cancel = (): void => void ctx.emit('cancel');
  const running: Running = { cancel, tooMuch: undefined };
  connection.last = running;
  signal.addEventListener('abort', cancel, { once: true });
  try {
    signal.throwIfAborted();
    return await send(ctx);
  } catch (error) {
    if (signal.aborted || !running.tooMuch) throw explained(error as ResponseError, signal, rights);
    const { tooMuch } = running;
    if (tooMuch.statusCode === 200) return new TooLong(tooMuch);
    throw new Error(`answered ${tooMuch.statusCode} and more than ${maxReasonBytes} bytes`);
  } finally {
    signal.removeEventListener('abort', cancel);
  }
}

interface ResponseError extends Error {
  readonly response?: ConsulResponse;
}

/** Consul answered, and did not do what it was asked. */
export class ConsulRefusal extends Error {
  readonly status: number | undefined;
  /** What it said, however long. */
  readonly said: string;

  constructor({ statusCode, body = '' }: ConsulResponse, otherwise: string, rights: string) {
    const said = typeof body === 'string' || Buffer.isBuffer(body) ? String(body) : (JSON.stringify(body) ?? '');
    const hint = statusCode === 403 ? `: the token needs ${rights}` : '';
    super(`answered ${statusCode}: ${toLine(said.trim(), 300) || otherwise}${hint}`);
    this.status = statusCode;
    this.said = said;
  }
}

/** With Consul's own reason, which is the only one that names the rule or the rate that was broken. */
function explained(error: ResponseError, signal: AbortSignal, rights: string): Error {
  const { response, name, message } = error;
  if (response) return new ConsulRefusal(response, message, rights);
  return name === 'AbortError' && !signal.aborted ? new Error('the connection ended within the answer') : error;
}

/** The token file comes first; one that is empty leaves it to the variable, as Consul's own client has it. */
async function tokenOf({ token, tokenFile }: ConsulClient): Promise<string | undefined> {
  return (tokenFile && (await readFile(tokenFile, 'utf8')).trim()) || token;
}

/** HTTP basic authentication (RFC 7617); a user without a colon has an empty password. */
function basic(auth: string): string {
  return `Basic ${Buffer.from(auth.includes(':') ? auth : `${auth}:`).toString('base64')}`;
}
