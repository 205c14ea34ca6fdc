import { EventEmitter } from 'node:events';
import { readFile } from 'node:fs/promises';
import type { ClientRequest, Agent as HttpAgent, IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import Consul from 'consul';
import { Agent } from '../node-http.ts';
import type { TlsNames } from '../tls-client/complaint.ts';
import { tlsError } from '../tls-client/connect.ts';
import { connectionOptions, readTlsClient, type TlsClient } from '../tls-client/files.ts';
import type { ConsulAnswer, ReadFolder } from './consul.ts';
import type { ConsulClient } from './consul-options.ts';
import { decodeText, placed } from './decode-text.ts';
import { toLine } from './document.ts';
import type { KvEntry } from './rules-keys.ts';

interface ReadLimits {
  /** How long an answer may take that need not wait, and that much more for one that does. */
  readonly graceMs: number;
  /**
   * Of all values together. Of the answer, in which they are base64 with their keys, twice that and a little is read.
   */
  readonly maxBytes: number;
}

/** Consul adds up to a sixteenth to the wait that was asked for, so that clients do not come back all at once. */
const longestWait = (waitMs: number) => (waitMs * 17) / 16;

/** As Consul's tools have them. */
const tlsNames: TlsNames = {
  ca: 'CONSUL_CACERT',
  certificate: 'CONSUL_CLIENT_CERT and CONSUL_CLIENT_KEY',
  serverName: 'CONSUL_TLS_SERVER_NAME',
};

/** Of an error's text; what is beyond it is not read. */
const maxReasonBytes = 4096;

/**
 * Reads all keys below `folder` with the `consul` package; docs/decisions/0001-consul-watch.md says what it does and
 * what is done here. Token and certificates are read again for every connection, so a rotated one counts without a
 * restart.
 */
export function readFolder(
  client: ConsulClient,
  folder: string,
  { graceMs = 5_000, maxBytes = 256 * 1024 }: Partial<ReadLimits> = {},
): ReadFolder {
  let connection: Connection | undefined;
  return async (index, waitMs, signal) => {
    const timeout = graceMs + (index > 0n ? longestWait(waitMs) : 0);
    try {
      const files = Promise.all([connection ?? connect(client, 2 * maxBytes + 65_536), tokenOf(client)]);
      const [connected, token] = await within(files, graceMs, signal);
      connection = connected;
      const blocking = index > 0n ? { index: `${index}`, wait: `${waitMs}ms` } : {};
      const options = { key: `${folder}/`, recurse: true, ...blocking, timeout, token };
      return await query(connection, options, maxBytes, signal);
    } catch (error) {
      const tls = connection?.tls;
      connection?.consul.destroy();
      connection = undefined;
      throw tls ? tlsError(error, tls, tlsNames) : error;
    }
  };
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

/**
 * What its types leave out: the options that it hands down to node:http, the context, and the answer beside the value.
 */
type Options = ConstructorParameters<typeof Consul>[0] & Record<string, unknown>;
type GetOptions = Record<string, unknown> & { readonly key: string };
type Get = (options: GetOptions) => Promise<[Response, unknown[] | undefined]>;
interface Response {
  readonly statusCode?: number | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly body?: unknown;
}
interface KvItem {
  readonly Key: string;
  readonly Value: Buffer | null;
}
/** papi, on which it is built, lets a step in before a request is sent and one after its answer was read. */
interface PapiRequest {
  transport: { request: (options: unknown) => ClientRequest };
  readonly res?: Response;
}
type Step = (request: PapiRequest, next: (error?: Error) => void) => void;
type Extensible = { _ext: (event: 'onRequest' | 'onResponse', step: Step) => void };

async function connect(client: ConsulClient, maxBodyBytes: number): Promise<Connection> {
  const tls = client.url.startsWith('https:') ? await readTlsClient(client.tls) : undefined;
  const options: Options = {
    baseUrl: `${client.url}/v1`,
    agent: agentOf(client, tls),
    socketPath: client.socketPath,
    headers: {
      ...(client.namespace && { 'x-consul-namespace': client.namespace }),
      ...(client.auth && { authorization: basic(client.auth) }),
    },
    defaults: client.partition ? { partition: client.partition } : {},
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
    const fit = !Array.isArray(res?.body) || res.body.every(isItem);
    next(fit ? undefined : notAList(res));
  });
  return connection;
}

function isItem(item: Partial<KvItem> | null): boolean {
  const block = typeof item === 'object' && item !== null && !Object.hasOwn(item, 'hasOwnProperty');
  return block && typeof item.Key === 'string' && (item.Value === null || typeof item.Value === 'string');
}

const notAList = (response?: Response) =>
  new Error(`answered ${response?.statusCode} with a body that is not a list of keys`);

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

async function query(
  connection: Connection,
  options: GetOptions,
  maxBytes: number,
  signal: AbortSignal,
): Promise<ConsulAnswer> {
  const context = Object.assign(new EventEmitter(), { includeResponse: true });
  const cancel = (): void => void context.emit('cancel');
  const running: Running = { cancel, tooMuch: undefined };
  connection.last = running;
  signal.addEventListener('abort', cancel, { once: true });
  try {
    signal.throwIfAborted();
    const { kv } = connection.consul;
    const get = kv.get.bind(kv) as unknown as Get;
    const [response, items] = await get({ ...options, buffer: true, ctx: context });
    return toAnswer(response, items as KvItem[] | undefined, options.key, maxBytes);
  } catch (error) {
    if (signal.aborted || !running.tooMuch) throw explained(error as ResponseError, signal);
    return tooMuch(running.tooMuch, maxBytes);
  } finally {
    signal.removeEventListener('abort', cancel);
  }
}

/** The package gives undefined for 404, and for whatever body is not a list of something. */
function toAnswer(response: Response, items: KvItem[] | undefined, folder: string, maxBytes: number): ConsulAnswer {
  const index = indexOf(response);
  const whole = items ? items.every(({ Key }) => Key.startsWith(folder)) : response.statusCode === 404;
  if (!whole) throw notAList(response);
  const values = (items ?? []).map(({ Key, Value }) => ({
    key: Key.slice(folder.length),
    bytes: Value ?? Buffer.of(),
  }));
  const answer = { index, entries: [], filtered: isFiltered(response) };
  const bytes = values.reduce((sum, value) => sum + value.bytes.length, 0);
  if (bytes > maxBytes) return { ...answer, unusable: `: ${bytes} bytes of values: expected at most ${maxBytes}` };
  const entries: KvEntry[] = [];
  for (const value of values) {
    const text = decodeText(value.bytes);
    if (typeof text !== 'string') return { ...answer, unusable: placed(`/${value.key}`, text) };
    entries.push({ key: value.key, value: text });
  }
  return { ...answer, entries };
}

/** What is too long is an answer all the same: with its index, the next question waits for a change. */
function tooMuch(response: Response, maxBytes: number): ConsulAnswer {
  if (response.statusCode !== 200)
    throw new Error(`answered ${response.statusCode} and more than ${maxReasonBytes} bytes`);
  const unusable = `: far more than the ${maxBytes} bytes that rules may have`;
  return { index: indexOf(response), entries: [], filtered: isFiltered(response), unusable };
}

function indexOf({ statusCode, headers }: Response): bigint {
  const index = headers['x-consul-index'];
  if (typeof index === 'string' && /^\d{1,20}$/.test(index)) return BigInt(index);
  throw new Error(`answered ${statusCode} without X-Consul-Index: is this Consul, or a proxy that drops the header?`);
}

const isFiltered = ({ headers }: Response) => headers['x-consul-results-filtered-by-acls'] === 'true';

interface ResponseError extends Error {
  readonly response?: Response;
}

/** With Consul's own reason, which is the only one that names the rule or the rate that was broken. */
function explained(error: ResponseError, signal: AbortSignal): Error {
  const { response, name } = error;
  if (!response)
    return name === 'AbortError' && !signal.aborted ? new Error('the connection ended within the answer') : error;
  const { statusCode, body = '' } = response;
  const text = typeof body === 'string' || Buffer.isBuffer(body) ? String(body) : (JSON.stringify(body) ?? '');
  const reason = toLine(text.trim(), 300) || error.message;
  const hint = statusCode === 403 ? ': the token needs `read` on the key prefix' : '';
  return new Error(`answered ${statusCode}: ${reason}${hint}`);
}

/** The token file comes first; one that is empty leaves it to the variable, as Consul's own client has it. */
async function tokenOf({ token, tokenFile }: ConsulClient): Promise<string | undefined> {
  return (tokenFile && (await readFile(tokenFile, 'utf8')).trim()) || token;
}

/** HTTP basic authentication (RFC 7617); a user without a colon has an empty password. */
function basic(auth: string): string {
  return `Basic ${Buffer.from(auth.includes(':') ? auth : `${auth}:`).toString('base64')}`;
}
