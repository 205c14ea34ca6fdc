import { lowerWhen } from '../decide/destinations.ts';
import type { Problem } from '../model/rules.ts';
import type { BootDocument } from './schema.ts';

/** What is wrong with `export[].when`, taken together with the rest; `placeOf`: where an exporter stands in the boot file. */
export function whenProblems(
  { export: exporters = [], receive }: BootDocument,
  placeOf: (exporter: string) => number,
): Problem[] {
  const allowed = receive.tenants?.allow ?? [];
  return exporters.flatMap(({ name, when }): Problem[] => {
    const path = ['export', placeOf(name), 'when'];
    const unknown = (when?.tenants ?? []).flatMap((tenant, index) =>
      allowed.includes(tenant) ? [] : [{ path: [...path, 'tenants', index], message: unknownTenant(tenant) }],
    );
    const lowered = when?.policies ? lowerWhen(when.policies) : [];
    const wrong = 'op' in lowered ? [] : lowered;
    return [...unknown, ...wrong.map((each) => ({ ...each, path: [...path, ...each.path] }))];
  });
}

const unknownTenant = (name: string): string =>
  `no such tenant as ${JSON.stringify(name.slice(0, 60))}: expected one of receive.tenants.allow`;
