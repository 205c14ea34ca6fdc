import type { ExportRequest } from './export-request.ts';
import type { TenantPart } from './tenant.ts';

/**
 * What of a queue is whose. Each tenant has its part, so that one whose traces pile up before a slow destination loses
 * its own and nobody else's; a request larger than that part comes in when nothing else of its tenant's is there. Where
 * there are no tenants, all of it is everybody's.
 */
export class QueueShares {
  readonly #mostBytes: ReadonlyMap<string, number>;
  readonly #bytes = new Map<string, number>();

  constructor(limitBytes: number, parts: readonly TenantPart[] = []) {
    this.#mostBytes = new Map(parts.map(({ name, share }) => [name, limitBytes * share]));
  }

  fits({ tenant = '', body }: ExportRequest): boolean {
    const mostBytes = this.#mostBytes.get(tenant);
    const bytes = this.#bytes.get(tenant) ?? 0;
    return mostBytes === undefined || bytes === 0 || bytes + body.length <= mostBytes;
  }

  put({ tenant = '', body }: ExportRequest): void {
    if (this.#mostBytes.has(tenant)) this.#bytes.set(tenant, (this.#bytes.get(tenant) ?? 0) + body.length);
  }

  /** It is in the queue no longer. */
  take({ tenant = '', body }: ExportRequest): void {
    if (this.#mostBytes.has(tenant)) this.#bytes.set(tenant, (this.#bytes.get(tenant) ?? 0) - body.length);
  }
}
