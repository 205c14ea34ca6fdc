/**
 * Whose spans they are: the place among the tenants that the boot file allows, and the name that senders and
 * destinations know. Where it allows none there is one, without a name.
 */
export interface Tenant {
  readonly index: number;
  /** Empty where there is one. */
  readonly name: string;
}

/** What the boot file says of the tenants it allows, in their order. */
export interface Tenants {
  /** The header, in lower case, that names the tenant: of a request, of a question to the admin port, of an export. */
  readonly header: string;
  /** Whose a request is that has no such header; absent: it is refused. */
  readonly defaultName?: string;
  readonly each: readonly TenantLimits[];
}

interface TenantLimits {
  readonly name: string;
  /** Of what tenants divide: in proportion to the others' shares. */
  readonly share: number;
  /** Of messages, uncompressed; 0 = no limit. */
  readonly maxBytesPerSecond: number;
}

/** Where none are configured. */
export const onlyTenant: Tenant = { index: 0, name: '' };

/** Every tenant there is: as configured, or the one without a name. */
export function tenantsOf(tenants: Tenants | undefined): readonly Tenant[] {
  return tenants?.each.map(({ name }, index) => ({ index, name })) ?? [onlyTenant];
}

/** Of what is divided among tenants, the part of the one at `index`: 0 to 1. */
export function shareOf(tenants: Tenants | undefined, index: number): number {
  if (tenants === undefined) return 1;
  return tenants.each[index].share / tenants.each.reduce((sum, { share }) => sum + share, 0);
}

/** A tenant's part of what is divided among all: 0 to 1. */
export interface TenantPart {
  readonly name: string;
  readonly share: number;
}

export const partsOf = (tenants: Tenants): readonly TenantPart[] =>
  tenants.each.map(({ name }, i) => ({ name, share: shareOf(tenants, i) }));

const longestName = 150;

/**
 * A name that Tempo takes as an org id, too: dskit, tenant/tenant.go (ValidTenantID). A bar divides names there, so it
 * is in none; `.` and `..` would be folders.
 */
export function isTenantName(name: string): boolean {
  return name.length <= longestName && /^[A-Za-z0-9!_.*'()-]+$/.test(name) && name !== '.' && name !== '..';
}

/** Why a value names no tenant. */
export interface NoTenant {
  readonly why: 'missing' | 'malformed' | 'unknown';
  /** A sentence for whoever sent it, with what to do. */
  readonly message: string;
}

/**
 * Whose a request or a question is, by its header's value; undefined: there was none. A header that came twice has both
 * values with a comma between, as HTTP and gRPC join them, and no name has one.
 */
export function tenantFinder(tenants: Tenants | undefined): (value: string | undefined) => Tenant | NoTenant {
  if (tenants === undefined) return () => onlyTenant;
  const { header, defaultName } = tenants;
  const byName = new Map(tenantsOf(tenants).map((tenant) => [tenant.name, tenant]));
  return (value = defaultName) => {
    if (value === undefined) return { why: 'missing', message: `no ${header}: send the tenant's name in that header` };
    const tenant = byName.get(value);
    if (tenant !== undefined) return tenant;
    if (value.includes(',')) return { why: 'malformed', message: `${header} twice: send it once, with one name` };
    if (!isTenantName(value)) return { why: 'malformed', message: `${header} is not the name of a tenant` };
    return { why: 'unknown', message: `${header} ${value}: not a tenant of this gateway (receive.tenants.allow)` };
  };
}

export const isTenant = (found: Tenant | NoTenant): found is Tenant => 'index' in found;
