import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { KeepRequest } from '../model/brought-back.ts';
import { isTenant, type NoTenant, type Tenant } from '../model/tenant.ts';
import { BadRequest } from '../store/bad-request.ts';
import { parseDuration } from '../units.ts';
import { type AdminSources, askedOf } from './sources.ts';

/** Of one request: what a page of search results has, many times over. */
const mostIds = 1000;
const maxBodyBytes = 64 * 1024;

/** What the routes share. */
interface Answering {
  readonly tenantOf: (request: FastifyRequest) => Tenant | NoTenant;
  /** Aborted when the asker is gone. */
  readonly overOf: (reply: FastifyReply) => AbortSignal;
  readonly refuse: (reply: FastifyReply, status: number, error: string) => FastifyReply;
}

/** `POST /api/keep`: traces that were dropped come back out of the window. */
export function keepRoute(app: FastifyInstance, sources: AdminSources, { tenantOf, overOf, refuse }: Answering): void {
  const options = { bodyLimit: maxBodyBytes, config: { need: 'change', ofTenant: true } };
  app.post('/api/keep', options, async (request, reply) => {
    const { keep } = askedOf(sources, request.headers);
    if (keep === undefined)
      return refuse(reply, 404, 'there is no window to bring traces back from: set window.max_bytes in the boot file');
    const tenant = tenantOf(request);
    if (!isTenant(tenant)) return refuse(reply, tenant.why === 'unknown' ? 403 : 400, tenant.message);
    const asked = keepRequest(request.body);
    if (typeof asked === 'string') return refuse(reply, 400, asked);
    try {
      return await keep(asked, tenant, overOf(reply));
    } catch (error) {
      if (error instanceof BadRequest) return refuse(reply, 400, error.message);
      throw error;
    }
  });
}

/** What is asked for, or why that is nothing. */
function keepRequest(body: unknown): KeepRequest | string {
  const { ids, query, last, ...rest } = (typeof body === 'object' && body !== null ? body : {}) as Record<
    string,
    unknown
  >;
  const [unknown] = Object.keys(rest);
  if (unknown !== undefined) return `${unknown}: unknown; expected ids, or query and last`;
  if (query !== undefined) return byQuery(ids, query, last);
  if (!Array.isArray(ids) || ids.length === 0)
    return 'expected {"ids": [...]}, trace ids of 32 hex digits, or {"query": "{ … }", "last": "5m"}';
  if (ids.length > mostIds) return `${ids.length} ids: expected ${mostIds} at most`;
  const wrong = ids.find((id) => typeof id !== 'string' || !/^[0-9a-f]{16,32}$/i.test(id));
  if (wrong !== undefined) return `${JSON.stringify(wrong).slice(0, 64)} is not a trace id: it is 32 hex digits`;
  return { ids: ids.map((id) => String(id).toLowerCase().padStart(32, '0')) };
}

function byQuery(ids: unknown, query: unknown, last: unknown): KeepRequest | string {
  if (ids !== undefined) return 'ids or query, not both';
  if (typeof query !== 'string' || query.trim() === '') return 'query: expected TraceQL, such as { status = error }';
  const lastMs = last === undefined ? undefined : parseDuration(last);
  if (last !== undefined && lastMs === undefined) return 'last: expected a duration such as 5m';
  return { query, lastMs };
}
