import type { ExportRequest } from './export-request.ts';
import type { TenantPart } from './tenant.ts';

/**
 * What of a queue is whose. As long as there is room, all of it is everybody's. Where there is none, whoever has less
 * than its part comes in, and whoever has taken most beyond its own gives up its newest for it: so a tenant whose
 * traces pile up before a slow destination loses its own and nobody else's. Without tenants the newest of all gives way.
 */
export class QueueShares {
  readonly #parts: ReadonlyMap<string, number>;
  readonly #bytes = new Map<string, number>();

  constructor(limitBytes: number, parts: readonly TenantPart[] = []) {
    this.#parts = new Map(parts.map(({ name, share }) => [name, limitBytes * share]));
  }

  /** How much of its part a tenant has taken; above 1 where it has some of the others'. Infinity where there are no parts. */
  partTaken(tenant: string): number {
    const part = this.#parts.get(tenant);
    return part === undefined ? Number.POSITIVE_INFINITY : this.#of(tenant) / part;
  }

  /**
   * Which of those that wait, oldest first, are to be given up for a request where `freeBytes` are left; undefined where
   * it must give way itself.
   */
  givingWay<T extends { readonly request: ExportRequest }>(
    { tenant = '', body }: ExportRequest,
    waiting: readonly T[],
    freeBytes: number,
  ): readonly T[] | undefined {
    let missingBytes = body.length - freeBytes;
    if (missingBytes <= 0) return [];
    const ownBytes = this.#of(tenant);
    if (ownBytes > 0 && ownBytes + body.length > (this.#parts.get(tenant) ?? 0)) return undefined;
    const beyond = new Map([...this.#parts].map(([name, part]) => [name, this.#of(name) - part]));
    const givingWay: T[] = [];
    const left = waiting.filter((it) => it.request.tenant !== tenant);
    while (missingBytes > 0) {
      const furthest = furthestOf(beyond, left);
      if (furthest === undefined) return undefined;
      const [given] = left.splice(furthest, 1);
      const { length } = given.request.body;
      const whose = given.request.tenant as string;
      beyond.set(whose, (beyond.get(whose) as number) - length);
      missingBytes -= length;
      givingWay.push(given);
    }
    return givingWay;
  }

  put({ tenant = '', body }: ExportRequest): void {
    if (this.#parts.has(tenant)) this.#bytes.set(tenant, this.#of(tenant) + body.length);
  }

  /** It is in the queue no longer. */
  take({ tenant = '', body }: ExportRequest): void {
    if (this.#parts.has(tenant)) this.#bytes.set(tenant, this.#of(tenant) - body.length);
  }

  #of(tenant: string): number {
    return this.#bytes.get(tenant) ?? 0;
  }
}

/** Where the newest request is of the tenant that is furthest beyond its part, of those that have one there. */
function furthestOf(
  beyond: ReadonlyMap<string, number>,
  waiting: readonly { readonly request: ExportRequest }[],
): number | undefined {
  let [furthest, mostBytes]: [number | undefined, number] = [undefined, 0];
  for (let i = waiting.length - 1; i >= 0; i--) {
    const bytes = beyond.get(waiting[i].request.tenant ?? '') ?? 0;
    if (bytes > mostBytes) [furthest, mostBytes] = [i, bytes];
  }
  return furthest;
}
