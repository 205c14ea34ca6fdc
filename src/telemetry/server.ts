import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { hostname } from 'node:os';
import fastify, { type FastifyError, type FastifyInstance, type FastifyReply, type onRouteHookHandler } from 'fastify';
import { systemClock } from '../clock.ts';
import { type Refusal, type RefusalReason, refusals, UsageError } from '../errors.ts';
import { STATUS_CODES } from '../node-http.ts';
import { ConnectionLimit } from '../receive/connection-limit.ts';
import { NodeServer } from '../receive/http/node-server.ts';
import { Listener } from '../receive/listener.ts';
import { operators } from '../receive/reading.ts';
import type { ServerCredentials } from '../receive/server-credentials.ts';
import { AdminAccess } from './admin-access.ts';
import { type Log, limitLog } from './log.ts';
import type { AdminConfig } from './options.ts';
import { ownHosts } from './own-host.ts';
import { ProcessProbe } from './process.ts';
import { adminRoutes } from './routes.ts';
import type { AdminSources } from './sources.ts';

type Endpoint = AdminConfig['endpoint'];

interface AdminServer {
  /** Listens; the address that was bound. Throws UsageError in one line when it cannot, and leaves nothing behind. */
  start(): Promise<Endpoint>;
  stop(): Promise<void>;
  /** Other certificates for connections that come from now on. */
  renew(tls: ServerCredentials): void;
}

interface AdminOptions {
  readonly endpoint: Endpoint;
  /** Names that lead here, beside localhost, this host's name and addresses. */
  readonly hosts?: readonly string[];
  /** Who may ask; by default everybody who reaches it. */
  readonly access?: AdminAccess;
  /** Where the port is for TLS. */
  readonly tls?: ServerCredentials;
  readonly sources: AdminSources;
  readonly log: Log;
}

const maxBodyBytes = 1024;
/** A query of 128 KiB (store/search-request.ts), each byte of it percent-encoded, and 16 KiB of other headers. */
const maxHeaderBytes = 3 * 128 * 1024 + 16 * 1024;
const requestTimeoutMs = 10_000;
/** Longer than a question to the store may take (store/queries.ts): nothing is sent or read meanwhile. */
const idleTimeoutMs = 45_000;
const closeTimeoutMs = 2_000;
const maxConnections = 256;
/** How often it is told that connections came to nothing. */
const tellEveryMs = 10_000;
/** An idle connection, as fastify has it by default; how often half-sent requests are looked for. */
const keepAliveMs = 72_000;
const checkMs = 5_000;

/** The operator's side of the gateway: /metrics, probes, /api and the page. */
export function createAdminServer(options: AdminOptions): AdminServer {
  const probe = new ProcessProbe(systemClock.monotonicMs());
  const port = adminPort(options);
  const app = createAdminApp(options, probe, undefined, port.serverFactory);
  const stop = () => {
    port.listener.close();
    return close(app).finally(() => probe.close());
  };
  const start = () =>
    listen(app, options.endpoint).catch(async (error: unknown) => {
      await stop();
      throw error;
    });
  return { start, stop, renew: (tls) => port.listener.renew(tls) };
}

/** The same without a socket, for tests; `onRoute` is told of each route. */
export function createAdminApp(
  {
    sources,
    log,
    hosts = [],
    endpoint,
    access = new AdminAccess(),
  }: Partial<AdminOptions> & Pick<AdminOptions, 'sources' | 'log'>,
  probe: ProcessProbe,
  onRoute?: onRouteHookHandler,
  serverFactory?: ServerFactory,
): FastifyInstance {
  const app = fastify({
    logger: false,
    bodyLimit: maxBodyBytes,
    ...(serverFactory && { serverFactory }),
    routerOptions: { maxParamLength: 4096 },
    frameworkErrors: unreadable as never,
    schemaController: { compilersFactory: { buildValidator: noSchemas, buildSerializer: noSchemas } },
  });
  if (onRoute !== undefined) app.addHook('onRoute', onRoute);
  adminRoutes(app, { sources, probe, log, hosts: ownHosts(hostname(), endpoint?.host ?? '', hosts), access });
  return app;
}

type ServerFactory = (serve: (request: IncomingMessage, response: ServerResponse) => void) => Server;

/** A server as fastify makes its own, but that connections come through a listener, and are read by us. */
function adminPort({ tls, log }: AdminOptions): { serverFactory: ServerFactory; listener: Listener } {
  const connections = new ConnectionLimit(maxConnections);
  const limited = limitLog(log, tellEveryMs, systemClock.monotonicMs);
  let node: NodeServer;
  const refused = (reason: RefusalReason, why: string, address: string): void =>
    limited.warn('connection_turned_away', { port: 'admin', reason, address }, why);
  const listener = new Listener(
    {
      protocol: 'http/1.1',
      connections,
      secured: (socket) => node.take(socket, connections, { lane: operators, flooded: refused }),
      refused,
      farewell: answerOf,
    },
    tls,
  );
  const options = {
    maxHeaderSize: maxHeaderBytes,
    requestTimeout: requestTimeoutMs,
    keepAliveTimeout: keepAliveMs,
    connectionsCheckingInterval: checkMs,
  };
  const serverFactory: ServerFactory = (serve) => {
    node = new NodeServer(options, serve, refuse, (accepted) => listener.accept(accepted));
    return node.server.setTimeout(idleTimeoutMs);
  };
  return { serverFactory, listener };
}

/** What a client hears that does not get in. */
function answerOf({ reason, message, retryAfterMs }: Refusal): Uint8Array {
  const body = JSON.stringify({ error: message });
  const retry = retryAfterMs > 0 ? `Retry-After: ${retryAfterMs / 1000}\r\n` : '';
  const { http } = refusals[reason];
  return Buffer.from(
    `HTTP/1.1 ${http} ${STATUS_CODES[http]}\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n${retry}Connection: close\r\n\r\n${body}`,
  );
}

function refuse(_request: IncomingMessage, response: ServerResponse): void {
  const error = 'too many requests of this connection wait for their answer: read some first';
  response.writeHead(429, { 'content-type': 'application/json' }).end(JSON.stringify({ error }));
}

/** No route has a schema; fastify's own compilers for them are 110 files. */
function noSchemas(): never {
  throw new Error('no route has a schema');
}

/**
 * A path that cannot be decoded; fastify answers these before any handler of ours, and types them by type parameters we
 * do not have.
 */
function unreadable(error: FastifyError, _request: unknown, reply: FastifyReply): void {
  reply.code(error.statusCode ?? 400).send({ error: error.message });
}

async function listen(app: FastifyInstance, { host, port }: Endpoint): Promise<Endpoint> {
  try {
    await app.listen({ host, port });
  } catch (error) {
    throw new UsageError(`admin: cannot listen on ${host}:${port}: ${whyNot(error as NodeJS.ErrnoException)}`);
  }
  const { address, port: bound } = app.server.address() as AddressInfo;
  return { host: address, port: bound };
}

function whyNot({ code, message }: NodeJS.ErrnoException): string {
  if (code === 'EADDRINUSE')
    return 'the port is in use; stop what listens there or set admin.endpoint (TAILGATE_ADMIN)';
  if (code === 'EACCES') return 'not allowed; choose a port of 1024 or above in admin.endpoint (TAILGATE_ADMIN)';
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND' || code === 'EAI_AGAIN') {
    return 'this machine has no such address; set admin.endpoint (TAILGATE_ADMIN)';
  }
  return message;
}

/** Answers under way are finished, but nobody holds up the end of the process. */
async function close(app: FastifyInstance): Promise<void> {
  const timer = setTimeout(() => app.server.closeAllConnections(), closeTimeoutMs);
  await app.close();
  clearTimeout(timer);
}
