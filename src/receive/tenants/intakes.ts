import { Refusal, type RefusalReason } from '../../errors.ts';
import type { Intake } from '../../model/intake.ts';
import { isTenant, type NoTenant, type Tenants, tenantFinder } from '../../model/tenant.ts';
import type { Access } from '../access.ts';

/**
 * Where the spans go of a request whose header says `asked`, and whose credentials are those of `owner`, where they
 * name a tenant: theirs is the word, and a header that says otherwise is refused.
 */
type IntakeOf = (asked: string | undefined, owner?: string) => Intake | Refusal;

const reasons = {
  missing: 'tenant_missing',
  malformed: 'tenant_malformed',
  unknown: 'tenant_unknown',
} as const satisfies Record<NoTenant['why'], RefusalReason>;

/** `intakes`: of the tenants, in their order. None of the refusals is for the sender to try again. */
export function intakeFinder(tenants: Tenants | undefined, intakes: readonly Intake[]): IntakeOf {
  const find = tenantFinder(tenants);
  return (asked, owner) => {
    if (owner !== undefined && asked !== undefined && asked !== owner) return contradiction(owner);
    const found = find(owner ?? asked);
    return isTenant(found) ? intakes[found.index] : new Refusal(reasons[found.why], found.message);
  };
}

/** Whoever reaches us may send, for the tenant that it says. */
export function tenantAccess(header: string, intakeOf: IntakeOf): Access {
  return { tenantHeader: header, admit: ({ tenant, owner }) => intakeOf(tenant, owner), refuses: () => undefined };
}

const contradiction = (owner: string): Refusal =>
  new Refusal('tenant_denied', `these credentials are tenant ${owner}'s: send its name, or none`);
