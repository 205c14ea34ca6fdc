import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { isTenant, type NoTenant, type Tenant } from '../model/tenant.ts';
import { BadRequest } from '../store/bad-request.ts';
import type { AdminSources } from './sources.ts';

/** Of one request: a destination takes no more at once. */
const maxBodyBytes = 4 * 1024 * 1024;
const protobuf = 'application/x-protobuf';

interface Answering {
  readonly tenantOf: (request: FastifyRequest) => Tenant | NoTenant;
  readonly refuse: (reply: FastifyReply, status: number, error: string) => FastifyReply;
}

/** `POST /api/restore`: traces out of an archive leave for the destinations, past the rules. */
export function restoreRoute(app: FastifyInstance, sources: AdminSources, { tenantOf, refuse }: Answering): void {
  app.addContentTypeParser(protobuf, { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
  const options = { bodyLimit: maxBodyBytes, config: { need: 'change', ofTenant: true } };
  app.post('/api/restore', options, async (request, reply) => {
    if (sources.restore === undefined)
      return refuse(reply, 404, 'this gateway has no destination to restore traces to');
    const tenant = tenantOf(request);
    if (!isTenant(tenant)) return refuse(reply, tenant.why === 'unknown' ? 403 : 400, tenant.message);
    if (!Buffer.isBuffer(request.body))
      return refuse(reply, 415, `expected an ExportTraceServiceRequest in protobuf, as ${protobuf}`);
    try {
      return await sources.restore(request.body, tenant);
    } catch (error) {
      if (error instanceof BadRequest) return refuse(reply, 400, error.message);
      throw error;
    }
  });
}
