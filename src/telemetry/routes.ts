import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { systemClock } from '../clock.ts';
import { Unavailable } from '../errors.ts';
import { isTenant, type NoTenant, onlyTenant, type Tenant, type Tenants, tenantFinder } from '../model/tenant.ts';
import type { AdminAccess, RouteNeeds } from './admin-access.ts';
import { oneAtATime } from './at-once.ts';
import { EpochOffset } from './epoch-offset.ts';
import { keepRoute } from './keep.ts';
import type { Log } from './log.ts';
import { isOwnHost } from './own-host.ts';
import { page, pageHeaders } from './page.ts';
import type { ProcessProbe } from './process.ts';
import { prefersOpenMetrics, renderMetrics } from './render.ts';
import { restoreRoute } from './restore.ts';
import { simulateRoute } from './simulate.ts';
import { type AdminSources, askedOf, type ClusterStatus } from './sources.ts';
import { statusOf } from './status.ts';

/** A question to the store, and the reading of its answer. */
const longestAnswerMs = 90_000;

interface Context {
  readonly sources: AdminSources;
  readonly probe: ProcessProbe;
  readonly log: Log;
  /** See own-host.ts. */
  readonly hosts: ReadonlySet<string>;
  readonly access: AdminAccess;
}

/** Every path of the admin port; HEAD comes with GET. Errors are `{ "error": "…" }`. */
export function adminRoutes(app: FastifyInstance, context: Context): void {
  const { sources, log, hosts, access } = context;
  app.addHook('onRequest', async (request, reply) => {
    reply.headers(everyAnswer);
    if (!isOwnHost(request.headers.host, hosts) && !probes.has(request.url)) return misdirected(request, reply);
    // A route that says nothing of it is for those who may do everything; so are paths that there are not.
    const { need = request.is404 ? 'read' : 'change', ofTenant } = (request.routeOptions.config ??
      {}) as Partial<RouteNeeds>;
    const found = await access.judge(request.raw, { need, ...(ofTenant && { ofTenant }) });
    if (found === undefined) return;
    if ('status' in found) return refuse(reply.headers(found.headers ?? {}), found.status, found.error);
    if (found.tenant !== undefined) return askFor(found.tenant, request, reply, sources.tenants);
  });
  app.setNotFoundHandler(notFound);
  app.setErrorHandler((error: FastifyError, request, reply) => failed(error, request, reply, log));

  app.get('/', readsTenant, (_request, reply) => reply.headers(pageHeaders).send(page));
  app.get('/livez', open, (_request, reply) => answerProbe(reply, sources.notLive()));
  // Tempo's is /ready.
  for (const path of ['/readyz', '/ready'])
    app.get(path, open, (_request, reply) => answerProbe(reply, sources.notReady()));
  const text = oneAtATime(() => rendered(context, 'text/plain'));
  const openMetrics = oneAtATime(() => rendered(context, 'application/openmetrics-text'));
  app.get('/metrics', metrics, async ({ headers: { accept } }, reply) => {
    const { contentType, body } = await (prefersOpenMetrics(accept) ? openMetrics : text)();
    return reply.header('content-type', contentType).send(body);
  });
  const status = oneAtATime(async () => statusOf(sources.identity, await sources.stats(), sources.uptimeMs()));
  app.get('/api/status', reads, () => status());
  app.get('/api/cluster', reads, () => sources.cluster?.() ?? aloneInCluster);
  const tenantOf = askedTenant(sources.tenants);
  app.get<{ Params: { id: string } }>('/api/explain/:id', readsTenant, (request, reply) => {
    const tenant = tenantOf(request);
    if (!isTenant(tenant)) return refuseTenant(reply, tenant);
    return answerExplain(askedOf(sources, request.headers), request.params.id, tenant, reply);
  });
  keepRoute(app, sources, { tenantOf, overOf, refuse });
  simulateRoute(app, sources, { tenantOf, overOf, refuse });
  restoreRoute(app, sources, { tenantOf, refuse });
  app.get('/api/*', readsTenant, (request, reply) => {
    const tenant = tenantOf(request);
    if (!isTenant(tenant) && !ofNobody.has(request.url)) return refuseTenant(reply, tenant);
    return answerTempo(askedOf(sources, request.headers), request, isTenant(tenant) ? tenant : onlyTenant, reply);
  });
}

/** A gateway without others has all traces. */
const aloneInCluster: ClusterStatus = { self: '', epoch: '', members: [], owned: 1 };

/** What they say is not of any trace: Grafana asks them before it knows more. */
const ofNobody = new Set(['/api/echo', '/api/status/buildinfo']);

/** Whose traces a question is about, by the header that Grafana's data source and obsctl send. */
function askedTenant(tenants: Tenants | undefined): (request: FastifyRequest) => Tenant | NoTenant {
  const find = tenantFinder(tenants);
  return ({ headers }) => find(tenants && headers[tenants.header]?.toString());
}

function refuseTenant(reply: FastifyReply, { why, message }: NoTenant): FastifyReply {
  return refuse(reply, why === 'unknown' ? 403 : 400, message);
}

/** The tenant of the asker's credentials takes the place of the header, which may say no other. */
async function askFor(
  owner: string,
  request: FastifyRequest,
  reply: FastifyReply,
  tenants: Tenants | undefined,
): Promise<FastifyReply | undefined> {
  if (tenants === undefined) return undefined;
  const asked = request.raw.headers[tenants.header];
  if (asked !== undefined && asked !== owner)
    return refuse(reply, 403, `these credentials are tenant ${owner}'s: send its name in ${tenants.header}, or none`);
  request.raw.headers[tenants.header] = owner;
  return undefined;
}

/** What a route needs; a POST that changes something says `change`. */
const needs = (config: RouteNeeds) => ({ config });
const [open, metrics, reads] = [needs({ need: 'nothing' }), needs({ need: 'metrics' }), needs({ need: 'read' })];
const readsTenant = needs({ need: 'read', ofTenant: true });

/** Of every answer: nothing of it is kept, guessed at, or shown within a page of somebody else. */
const everyAnswer = {
  'x-content-type-options': 'nosniff',
  'cache-control': 'no-store',
  'cross-origin-resource-policy': 'same-origin',
  'x-frame-options': 'DENY',
};

/** They say nothing that anybody would want to read, and a load balancer asks them by whatever name it has. */
const probes = new Set(['/livez', '/readyz', '/ready']);

function misdirected(request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const asked = JSON.stringify(String(request.headers.host).slice(0, 100));
  return refuse(reply, 421, `${asked} is not a name of this gateway: use its address, or add the name to admin.hosts`);
}

function answerProbe(reply: FastifyReply, reason: string): FastifyReply {
  return reply
    .code(reason === '' ? 200 : 503)
    .type('text/plain; charset=utf-8')
    .send(`${reason.replaceAll(/\s+/g, ' ') || 'ok'}\n`);
}

const epochOffset = new EpochOffset();

async function rendered({ sources, probe, log }: Context, accept: string) {
  const sample = {
    identity: sources.identity,
    gateway: await sources.stats(),
    process: probe.read(systemClock.monotonicMs()),
    logLinesLost: log.lostLines(),
    epochOffsetMs: epochOffset.read(systemClock),
  };
  return renderMetrics(sample, accept);
}

async function answerExplain(
  sources: AdminSources,
  id: string,
  tenant: Tenant,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const traceId = traceIdOf(id);
  if (traceId === undefined) {
    return refuse(
      reply,
      400,
      `"${id.slice(0, 64)}" is not a trace id: it is 32 hex digits, such as 4bf92f3577b34da6a3ce929d0e0e4736`,
    );
  }
  const explanation = await sources.explain(traceId, tenant, overOf(reply));
  return explanation === undefined ? refuse(reply, 404, await forgotten(traceId, sources)) : reply.send(explanation);
}

async function forgotten(traceId: string, sources: AdminSources): Promise<string> {
  const { limit } = (await sources.stats()).remembered;
  return `trace ${traceId} is not remembered: it never came here, or it was decided before the last ${limit} decisions`;
}

/**
 * 32 lower-case hex digits; 64-bit ids and those that Tempo prints without leading zeros are padded. Undefined for all
 * else.
 */
function traceIdOf(text: string): string | undefined {
  if (!/^[0-9a-f]{16,32}$/i.test(text) || /^0+$/.test(text)) return undefined;
  return text.toLowerCase().padStart(32, '0');
}

async function answerTempo(
  sources: AdminSources,
  request: FastifyRequest,
  tenant: Tenant,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const url = new URL(request.raw.url ?? '/', 'http://admin');
  if (sources.keep === undefined && url.searchParams.get('window') === 'true')
    return refuse(reply, 404, 'there is no window to search: set window.max_bytes in the boot file');
  if (sources.tempo === undefined) return refuse(reply, 404, await noStore(sources));
  const answer = await sources.tempo('GET', url, request.headers.accept ?? '', overOf(reply), tenant);
  if (answer === undefined)
    return sources.hasStore === false ? refuse(reply, 404, await noStore(sources)) : notFound(request, reply);
  return reply.code(answer.status).headers(answer.headers).send(answer.body);
}

/**
 * Aborted when the answer is sent, or the asker is gone; whoever reads it too slowly is sent away, for the answer waits
 * for him in memory.
 */
function overOf({ raw }: FastifyReply): AbortSignal {
  const over = new AbortController();
  const tooSlow = setTimeout(() => raw.destroy(), longestAnswerMs).unref();
  raw.once('close', () => {
    clearTimeout(tooSlow);
    over.abort();
  });
  return over.signal;
}

async function noStore(sources: AdminSources): Promise<string> {
  const names = (await sources.stats()).exporters.map(({ name }) => name);
  const where = names.length === 0 ? 'there is no exporter either' : `traces go to ${names.join(', ')}: ask there`;
  return `this gateway keeps no traces itself (no exporter with a store block); ${where}`;
}

function notFound(request: FastifyRequest, reply: FastifyReply): FastifyReply {
  if (request.method === 'GET' || request.method === 'HEAD') {
    return refuse(
      reply,
      404,
      `no such path; there are /, /metrics, /livez, /readyz, /api/status, /api/cluster, /api/explain/{traceId} and Tempo's /api/search and /api/traces/{id}`,
    );
  }
  return refuse(
    reply.header('allow', 'GET, HEAD'),
    405,
    'this port only answers GET and HEAD, and POST at /api/keep, /api/simulate and /api/restore',
  );
}

function failed(error: FastifyError, request: FastifyRequest, reply: FastifyReply, log: Log): FastifyReply {
  const status = error.statusCode ?? 500;
  if (error instanceof Unavailable) return refuse(reply, 503, error.message);
  if (status < 500) return refuse(reply, status, error.message);
  log.error('admin_failed', { path: request.raw.url, err: error }, 'an admin request failed');
  return refuse(reply, status, 'something went wrong inside the gateway; its log has the event "admin_failed"');
}

function refuse(reply: FastifyReply, status: number, error: string): FastifyReply {
  return reply.code(status).send({ error });
}
