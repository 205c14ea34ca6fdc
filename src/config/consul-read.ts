import { EventEmitter } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import type { Agent as HttpAgent, IncomingHttpHeaders } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { join } from 'node:path';
import Consul from 'consul';
import { Agent } from '../node-http.ts';
import type { ConsulAnswer, ReadFolder } from './consul.ts';
import type { ConsulClient } from './consul-options.ts';

/** How long an answer may take that need not wait, and that much more for one that does. */
const usualGraceMs = 5_000;

/** Consul adds up to a sixteenth to the wait that was asked for, so that clients do not come back all at once. */
const longestWait = (waitMs: number) => (waitMs * 17) / 16;

/**
 * Reads all keys below `folder` with the `consul` package; docs/decisions/0001-consul-watch.md says what it does and what
 * is done here. Token and certificates are read again for every connection, so a rotated one counts without a restart.
 */
export function readFolder(client: ConsulClient, folder: string, graceMs = usualGraceMs): ReadFolder {
  let connection: Connection | undefined;
  return async (index, waitMs, signal) => {
    const timeout = graceMs + (index > 0n ? longestWait(waitMs) : 0);
    try {
      connection ??= connect(client);
      const blocking = index > 0n ? { index: `${index}`, wait: `${waitMs}ms` } : {};
      const options = { key: `${folder}/`, recurse: true, ...blocking, timeout, token: tokenOf(client) };
      return await query(connection, options, signal);
    } catch (error) {
      connection?.consul.destroy();
      connection = undefined;
      throw error;
    }
  };
}

interface Connection {
  readonly consul: Consul;
  /** Ends the request that runs, if one does. */
  readonly running: { cancel: () => void };
}

/** What its types leave out: the options that it hands down to node:http, the context, and the answer beside the value. */
type Options = ConstructorParameters<typeof Consul>[0] & Record<string, unknown>;
type GetOptions = Record<string, unknown> & { readonly key: string };
type Get = (options: GetOptions) => Promise<[Response, unknown[] | undefined]>;
interface Response {
  readonly statusCode: number;
  readonly headers: IncomingHttpHeaders;
}
interface KvItem {
  readonly Key: string;
  readonly Value: string | null;
}

function connect(client: ConsulClient): Connection {
  const running = { cancel: () => {} };
  const secure = client.url.startsWith('https:');
  const options: Options = {
    baseUrl: baseUrl(client),
    agent: noticing(secure ? new HttpsAgent(agentOptions) : new Agent(agentOptions), () => running.cancel()),
    socketPath: client.socketPath,
    headers: client.namespace ? { 'x-consul-namespace': client.namespace } : {},
    defaults: client.partition ? { partition: client.partition } : {},
    ...(secure && tlsOptions(client.tls)),
  };
  return { consul: new Consul(options), running };
}

const agentOptions = { keepAlive: true, maxSockets: 1 };

/**
 * The package waits for the end of a body that was cut short until its timeout, so the agent tells when the connection in
 * use closes. By then a request that waited for its turn has got a connection of its own.
 */
function noticing<A extends HttpAgent>(agent: A, onClose: () => void): A {
  const create = agent.createConnection.bind(agent);
  const reuse = agent.reuseSocket.bind(agent);
  let inUse: ReturnType<typeof create>;
  agent.createConnection = (...args: Parameters<typeof create>) => {
    const socket = create(...args);
    inUse = socket;
    socket?.once('close', () => setImmediate(() => socket === inUse && onClose()));
    return socket;
  };
  agent.reuseSocket = (...args: Parameters<typeof reuse>) => {
    inUse = args[0];
    reuse(...args);
  };
  return agent;
}

async function query({ consul, running }: Connection, options: GetOptions, signal: AbortSignal): Promise<ConsulAnswer> {
  const context = Object.assign(new EventEmitter(), { includeResponse: true });
  running.cancel = () => context.emit('cancel');
  signal.addEventListener('abort', running.cancel, { once: true });
  try {
    signal.throwIfAborted();
    const get = consul.kv.get.bind(consul.kv) as unknown as Get;
    const [response, items] = await get({ ...options, ctx: context });
    return toAnswer(response, items, options.key);
  } catch (error) {
    throw explained(error as ResponseError);
  } finally {
    signal.removeEventListener('abort', running.cancel);
  }
}

/** The package gives undefined for 404, and for whatever body is not a list of something. */
function toAnswer({ statusCode, headers }: Response, items: unknown[] | undefined, folder: string): ConsulAnswer {
  const index = headers['x-consul-index'];
  if (typeof index !== 'string' || !/^\d+$/.test(index)) {
    throw new Error(`answered ${statusCode} without X-Consul-Index: is this Consul, or a proxy that drops the header?`);
  }
  const whole = items?.every((item) => isItemOf(folder, item)) ?? statusCode === 404;
  if (!whole) throw new Error(`answered ${statusCode} with a body that is not a list of keys`);
  return {
    index: BigInt(index),
    entries: ((items ?? []) as KvItem[]).map(({ Key, Value }) => ({
      key: Key.slice(folder.length),
      value: Value ?? '',
    })),
    filtered: headers['x-consul-results-filtered-by-acls'] === 'true',
  };
}

function isItemOf(folder: string, item: unknown): boolean {
  return String((item as Partial<KvItem> | null)?.Key).startsWith(folder);
}

interface ResponseError extends Error {
  readonly response?: Response;
}

function explained(error: ResponseError): Error {
  const status = error.response?.statusCode;
  if (status !== 403) return error;
  return new Error(`${error.message}: the token needs \`read\` on the key prefix`);
}

function tokenOf({ token, tokenFile }: ConsulClient): string | undefined {
  return tokenFile ? readFileSync(tokenFile, 'utf8').trim() : token;
}

function baseUrl({ url, auth }: ConsulClient): string {
  const [user = '', ...password] = (auth ?? '').split(':');
  const credentials = auth ? `${encodeURIComponent(user)}:${encodeURIComponent(password.join(':'))}@` : '';
  return `${url.replace('://', `://${credentials}`)}/v1`;
}

function tlsOptions(tls: ConsulClient['tls']): Record<string, unknown> {
  const read = (file: string | undefined) => file && readFileSync(file);
  const authorities = tls.caDirectory ? readdirSync(tls.caDirectory).map((name) => join(tls.caDirectory!, name)) : [];
  const ca = [tls.caFile, ...authorities].filter((file) => file !== undefined).map((file) => readFileSync(file));
  return {
    ...(ca.length > 0 && { ca }),
    cert: read(tls.certFile),
    key: read(tls.keyFile),
    servername: tls.serverName,
    rejectUnauthorized: tls.verify,
  };
}
