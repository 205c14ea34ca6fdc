import { Refusal } from '../errors.ts';
import type { Intake } from '../model/intake.ts';
import { isTenant, type Tenants, tenantFinder } from '../model/tenant.ts';
import type { Access, RequestHead } from '../receive/access.ts';
import type { Headers } from '../receive/http2/header-decoder.ts';
import { mostVisits, type Visited } from '../route/fleet-path.ts';
import { FleetIntake } from './fleet-intake.ts';
import type { FleetTenant } from './fleet-tenant.ts';

/**
 * Where what members and agents bring goes. They say by whom it came (`tailgate-path`) and whose it is
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
    const visited = visitedIn(headers['tailgate-path']);
    if (visited === undefined) return new Refusal('malformed', 'tailgate-path: not as members send it');
    const tenant = this.#find(headers['tailgate-tenant'] ?? owner ?? asked);
    if (!isTenant(tenant)) return new Refusal(`tenant_${tenant.why}`, tenant.message);
    return new FleetIntake(this.#of[tenant.index], visited);
  }

  refuses(): undefined {
    return undefined;
  }
}

/** By whom a request came; undefined where it says nonsense. */
function visitedIn(path = ''): Visited | undefined {
  const names = path.split(',');
  if (path === '' || names.length > mostVisits) return undefined;
  try {
    return names.map(decodeURIComponent);
  } catch {
    return undefined;
  }
}
