import type { Credentials } from '../access/credential.ts';
import { systemClock } from '../clock.ts';
import type { Intake } from '../model/intake.ts';
import { type Access, type LetIn, openAccess } from '../receive/access.ts';
import { CheckedAccess } from '../receive/checked-access.ts';
import { SubjectAccess } from '../receive/subject-access.ts';
import { intakeFinder, tenantAccess } from '../receive/tenants/intakes.ts';
import { LimitedIntake } from '../receive/tenants/limited-intake.ts';
import type { Protocol, ShardConfig } from './shards.ts';
import type { TenantPipeline } from './tenant-pipeline.ts';

/** Where all requests go that are decided by others; undefined: they are decided here. */
type Elsewhere = () => Intake | undefined;

/** Whose requests come in at a shard, and to which tenant's pipeline: client certificate → credentials → tenant. */
export class SenderAccess {
  readonly #receive: ShardConfig['receive'];
  /** Of whoever may send, over both protocols: limits are a tenant's, not a listener's. */
  readonly #everybody: Access;
  readonly #checked: Partial<Record<Protocol, CheckedAccess>>;

  /** `shards`: how many there are, which share what a tenant may send. */
  constructor(config: ShardConfig, pipelines: readonly TenantPipeline[], shards: number, elsewhere: Elsewhere) {
    const { receive, senders = {} } = config;
    this.#receive = receive;
    this.#everybody = accessOfAll(config, pipelines, shards, elsewhere);
    const checked = (credentials: Credentials | undefined): CheckedAccess | undefined =>
      credentials && new CheckedAccess(credentials, this.#everybody);
    const [grpc, http] = [checked(senders.grpc), checked(senders.http)];
    this.#checked = { ...(grpc && { grpc }), ...(http && { http }) };
  }

  of(protocol: Protocol): Access {
    const { clientSubjects } = this.#receive[protocol]?.auth ?? this.#receive.auth ?? {};
    const checked = this.#checked[protocol] ?? this.#everybody;
    return clientSubjects === undefined ? checked : new SubjectAccess(clientSubjects, checked);
  }

  /** Others may send, from the next request on. */
  renew(protocol: Protocol, credentials: Credentials): void {
    this.#checked[protocol]?.renew(credentials);
  }

  /** By the name of the token or user. */
  get letIn(): Record<Protocol, Readonly<Record<string, LetIn>>> {
    return { grpc: this.#checked.grpc?.letIn ?? {}, http: this.#checked.http?.letIn ?? {} };
  }
}

/** Says which tenant's pipeline a request goes to; with one, there is nothing to say. */
function accessOfAll(
  { tenants }: ShardConfig,
  pipelines: readonly TenantPipeline[],
  shards: number,
  elsewhere: Elsewhere,
): Access {
  const [{ pipeline }] = pipelines;
  if (tenants === undefined) return { ...openAccess(pipeline), admit: () => elsewhere() ?? pipeline };
  const intakes = pipelines.map(({ pipeline, tenant }): Intake => {
    const { maxBytesPerSecond } = tenants.each[tenant.index];
    return maxBytesPerSecond === 0 ? pipeline : new LimitedIntake(pipeline, maxBytesPerSecond / shards, systemClock);
  });
  return tenantAccess(tenants.header, intakeFinder(tenants, intakes));
}
