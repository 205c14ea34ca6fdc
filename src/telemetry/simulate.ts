import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { isTenant, type NoTenant, type Tenant } from '../model/tenant.ts';
import { parseDuration } from '../units.ts';
import { type AdminSources, askedOf, type SimulateRequest } from './sources.ts';

/** A rules document of the usual size, in JSON. */
const maxBodyBytes = 1024 * 1024;

interface Answering {
  readonly tenantOf: (request: FastifyRequest) => Tenant | NoTenant;
  readonly refuse: (reply: FastifyReply, status: number, error: string) => FastifyReply;
  /** Aborted when the asker has the answer, or is gone. */
  readonly overOf: (reply: FastifyReply) => AbortSignal;
}

/** `POST /api/simulate`: rules are tried on the window. It changes nothing. */
export function simulateRoute(
  app: FastifyInstance,
  sources: AdminSources,
  { tenantOf, refuse, overOf }: Answering,
): void {
  const options = { bodyLimit: maxBodyBytes, config: { need: 'read', ofTenant: true } };
  app.post('/api/simulate', options, async (request, reply) => {
    const { simulate } = askedOf(sources, request.headers);
    if (simulate === undefined)
      return refuse(reply, 404, 'there is no window to try rules on: set window.max_bytes in the boot file');
    const tenant = tenantOf(request);
    if (!isTenant(tenant)) return refuse(reply, tenant.why === 'unknown' ? 403 : 400, tenant.message);
    const asked = simulateRequest(request.body);
    if (typeof asked === 'string') return refuse(reply, 400, asked);
    const { status, body } = await simulate(asked, tenant, overOf(reply));
    if (status === 429) reply.header('retry-after', '5');
    return reply.code(status).send(body);
  });
}

/** What is to be tried, or why that is nothing. */
function simulateRequest(body: unknown): SimulateRequest | string {
  const { rules, over, last, ...rest } = (typeof body === 'object' && body !== null ? body : {}) as Record<
    string,
    unknown
  >;
  const [unknown] = Object.keys(rest);
  if (unknown !== undefined) return `${unknown.slice(0, 60)}: unknown; expected rules, over and last`;
  if (over !== undefined && over !== 'file') return 'over: expected file, or nothing';
  const lastMs = last === undefined ? undefined : parseDuration(last);
  if (last !== undefined && lastMs === undefined) return 'last: expected a duration such as 10m';
  if (rules === undefined) return { rules, overFile: false, lastMs };
  const isDocument = typeof rules === 'object' && rules !== null && !Array.isArray(rules);
  if (typeof rules !== 'string' && !isDocument)
    return 'expected {"rules": …, "last": "10m"}: the text of a rules file, or the document as JSON';
  return { rules: typeof rules === 'string' ? rules : JSON.stringify(rules), overFile: over === 'file', lastMs };
}
