import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { hostname } from 'node:os';
import fastify, { type FastifyError, type FastifyInstance, type FastifyReply, type onRouteHookHandler } from 'fastify';
import { systemClock } from '../clock.ts';
import { UsageError } from '../errors.ts';
import { ConnectionLimit } from '../receive/connection-limit.ts';
import { NodeServer } from '../receive/http/node-server.ts';
import { AdminAccess } from './admin-access.ts';
import type { Log } from './log.ts';
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
}

interface AdminOptions {
  readonly endpoint: Endpoint;
  /** Names that lead here, beside localhost, this host's name and addresses. */
  readonly hosts?: readonly string[];
  /** Who may ask; by default everybody who reaches it. */
  readonly access?: AdminAccess;
  readonly sources: AdminSources;
  readonly log: Log;
}

const maxBodyBytes = 1024;
const requestTimeoutMs = 10_000;
/** Longer than a question to the store may take (store/queries.ts): nothing is sent or read meanwhile. */
const idleTimeoutMs = 45_000;
const closeTimeoutMs = 2_000;
const maxConnections = 256;
/** An idle connection, as fastify has it by default; how often half-sent requests are looked for. */
const keepAliveMs = 72_000;
const checkMs = 5_000;

/** The operator's side of the gateway: /metrics, probes, /api and the page. */
export function createAdminServer(options: AdminOptions): AdminServer {
  const probe = new ProcessProbe(systemClock.monotonicMs());
  const app = createAdminApp(options, probe);
  const stop = () => close(app).finally(() => probe.close());
  const start = () =>
    listen(app, options.endpoint).catch(async (error: unknown) => {
      await stop();
      throw error;
    });
  return { start, stop };
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
): FastifyInstance {
  const app = fastify({
    logger: false,
    bodyLimit: maxBodyBytes,
    serverFactory: (serve) => adminHttp(serve),
    routerOptions: { maxParamLength: 4096 },
    frameworkErrors: unreadable as never,
    schemaController: { compilersFactory: { buildValidator: noSchemas, buildSerializer: noSchemas } },
  });
  if (onRoute !== undefined) app.addHook('onRoute', onRoute);
  adminRoutes(app, { sources, probe, log, hosts: ownHosts(hostname(), endpoint?.host ?? '', hosts), access });
  return app;
}

/** As fastify makes its own, but that we read the connections. */
function adminHttp(serve: (request: IncomingMessage, response: ServerResponse) => void): Server {
  const options = {
    connections: new ConnectionLimit(maxConnections),
    requestTimeout: requestTimeoutMs,
    keepAliveTimeout: keepAliveMs,
    connectionsCheckingInterval: checkMs,
  };
  const { server } = new NodeServer(options, serve, refuse);
  return server.setTimeout(idleTimeoutMs);
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
