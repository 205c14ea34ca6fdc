import { Refusal } from '../errors.ts';
import type { Intake } from '../model/intake.ts';
import { isTenant, type Tenants, tenantFinder } from '../model/tenant.ts';
import type { Access, RequestHead } from '../receive/access.ts';
import type { Headers } from '../receive/http2/header-decoder.ts';
import { FleetIntake } from './fleet-intake.ts';
import type { FleetTenant } from './fleet-tenant.ts';
import { wayIn } from './way-metadata.ts';

/**
 * Where what members and agents bring goes. They say how it came (`tailgate-path`, `tailgate-at`) and whose it is
 * (`tailgate-tenant`).
 */
export class MemberAccess implements Access {
  readonly tenantHeader: string | undefined;
  readonly #of: readonly FleetTenant[];
  readonly #find: ReturnType<typeof tenantFinder>;

  constructor(of: readonly FleetTenant[], tenants: Tenants | undefined) {
    this.#of = of;
    this.#find = tenantFinder(tenants);
    this.tenantHeader = tenants?.header;
  }

  admit({ tenant: asked, owner }: RequestHead, headers: Headers = {}): Intake | Refusal {
    const way = wayIn(headers);
    if (way === undefined) return new Refusal('malformed', 'tailgate-path, tailgate-at: not as members send them');
    const tenant = this.#find(headers['tailgate-tenant'] ?? owner ?? asked);
    if (!isTenant(tenant)) return new Refusal(`tenant_${tenant.why}`, tenant.message);
    return new FleetIntake(this.#of[tenant.index], way);
  }

  refuses(): undefined {
    return undefined;
  }
}
