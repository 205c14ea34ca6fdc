import type { Problem } from '../model/rules.ts';
import { shareOf, type Tenants } from '../model/tenant.ts';
import type { BootDocument } from './schema.ts';

const noLimits = { share: 1, maxBytesPerSecond: 0 };

/** The tenants that the boot file allows, with what it says of each; undefined where it names none. */
export function tenantsIn({ receive, tenants: limits }: BootDocument): Tenants | undefined {
  if (receive.tenants === undefined) return undefined;
  const { header, allow, defaultName } = receive.tenants;
  const each = allow.map((name) => ({ name, ...(Object.hasOwn(limits, name) ? limits[name] : noLimits) }));
  return { header, ...(defaultName !== undefined && { defaultName }), each };
}

/** What is wrong with them, taken together with the rest of the boot file; `placeOf`: where an exporter stands in it. */
export function tenantProblems(document: BootDocument, placeOf: (exporter: string) => number): Problem[] {
  const { receive, tenants: limits } = document;
  const allowed = receive.tenants?.allow ?? [];
  const unknown = Object.keys(limits).filter((name) => !allowed.includes(name));
  const missing = unknown.map((name) => ({
    path: ['tenants', name],
    message: 'not one of receive.tenants.allow: add the name there, or leave it out here',
  }));
  const tenants = tenantsIn(document);
  if (tenants === undefined || missing.length > 0) return missing;
  return [...smallParts(document, tenants), ...fixedTenants(document, tenants, placeOf)];
}

/** An exporter that always names the same tenant would give it everybody's traces. */
function fixedTenants(document: BootDocument, { header }: Tenants, placeOf: (exporter: string) => number): Problem[] {
  return (document.export ?? []).flatMap((exporter) => {
    if (!('otlp' in exporter)) return [];
    const names = Object.keys(exporter.otlp.headers).filter((name) => name.toLowerCase() === header);
    return names.map((name) => ({
      path: ['export', placeOf(exporter.name), 'otlp', 'headers', name],
      message: 'each request goes out with its own tenant in this header (receive.tenants): leave it out here',
    }));
  });
}

/** Each shard has a buffer for each tenant, and the largest request must fit into it. */
function smallParts({ receive, buffer, shards }: BootDocument, tenants: Tenants): Problem[] {
  const parts = tenants.each.map((_, i) => shareOf(tenants, i));
  const smallest = Math.min(...parts);
  const count = shards === 'auto' ? 1 : shards;
  const partBytes = Math.floor((buffer.maxBytes * smallest) / count);
  if (partBytes >= receive.maxRequestBytes) return [];
  const { name } = tenants.each[parts.indexOf(smallest)];
  const needed = Math.ceil((receive.maxRequestBytes * count) / smallest);
  const perShard = count === 1 ? '' : ` in each of ${count} shards`;
  const message =
    `${buffer.maxBytes}: tenant ${name} has ${partBytes} bytes of it${perShard}, which does not hold ` +
    `receive.max_request_bytes (${receive.maxRequestBytes}): expected buffer.max_bytes of at least ${needed}, ` +
    `receive.max_request_bytes of at most ${partBytes}, or a larger tenants.${name}.share`;
  return [{ path: ['buffer', 'max_bytes'], message }];
}
