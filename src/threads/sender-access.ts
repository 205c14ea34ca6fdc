import type { Credentials } from '../access/credential.ts';
import { systemClock } from '../clock.ts';
import type { Intake } from '../model/intake.ts';
import type { Tenant } from '../model/tenant.ts';
import { type Access, type LetIn, openAccess } from '../receive/access.ts';
import { CheckedAccess } from '../receive/checked-access.ts';
import { PodAccess } from '../receive/pod-access.ts';
import { SubjectAccess } from '../receive/subject-access.ts';
import { intakeFinder, tenantAccess } from '../receive/tenants/intakes.ts';
import { LimitedIntake } from '../receive/tenants/limited-intake.ts';
import type { Protocol, ShardConfig } from './shards.ts';

/** A tenant's way in: its pipeline, or in a fleet what is before it. */
interface TenantIntake {
  readonly tenant: Tenant;
  readonly intake: Intake;
}

/** Where all requests go that are decided by others; undefined: they are decided here. */
type Elsewhere = () => Intake | undefined;

/** Whose requests come in at a shard, and to which tenant's pipeline: client certificate → credentials → tenant. */
export class SenderAccess {
  readonly #receive: ShardConfig['receive'];
  /** Of whoever may send, over both protocols: limits are a tenant's, not a listener's. */
  readonly #everybody: Access;
  readonly #members: Access;
  readonly #memberSubjects: readonly string[] | undefined;
  readonly #checked: Partial<Record<Protocol, CheckedAccess>>;

  /**
   * `shards`: how many there are, which share what a tenant may send. `members`: whoever comes from other gateways.
   * `podAt`: what names the pod of an address, where senders' connections are to say that.
   */
  constructor(
    config: ShardConfig,
    intakes: readonly TenantIntake[],
    shards: number,
    elsewhere: Elsewhere,
    { members, podAt }: { members?: Access | undefined; podAt?: ((ip: string) => Uint8Array | undefined) | undefined },
  ) {
    const { receive, senders = {} } = config;
    this.#receive = receive;
    const everybody = accessOfAll(config, intakes, shards, elsewhere);
    this.#everybody = podAt === undefined ? everybody : new PodAccess(everybody, podAt);
    this.#members = members === undefined ? this.#everybody : membersOr(this.#everybody, members);
    this.#memberSubjects = config.fleet?.clientSubjects;
    const checked = (credentials: Credentials | undefined, next: Access): CheckedAccess | undefined =>
      credentials && new CheckedAccess(credentials, next);
    const [grpc, http] = [checked(senders.grpc, this.#everybody), checked(senders.http, this.#everybody)];
    const cluster = checked(senders.cluster, this.#members);
    this.#checked = { ...(grpc && { grpc }), ...(http && { http }), ...(cluster && { cluster }) };
  }

  of(protocol: Protocol): Access {
    const subjects = this.#subjectsOf(protocol);
    const checked = this.#checked[protocol] ?? (protocol === 'cluster' ? this.#members : this.#everybody);
    return subjects === undefined ? checked : new SubjectAccess(subjects, checked);
  }

  #subjectsOf(protocol: Protocol): readonly string[] | undefined {
    if (protocol === 'cluster') return this.#memberSubjects;
    return (this.#receive[protocol]?.auth ?? this.#receive.auth)?.clientSubjects;
  }

  /** Others may send, from the next request on. */
  renew(protocol: Protocol, credentials: Credentials): void {
    this.#checked[protocol]?.renew(credentials);
  }

  /** By the name of the token or user. */
  get letIn(): Record<Protocol, Readonly<Record<string, LetIn>>> {
    const { grpc, http, cluster } = this.#checked;
    return { grpc: grpc?.letIn ?? {}, http: http?.letIn ?? {}, cluster: cluster?.letIn ?? {} };
  }
}

/** What comes on `cluster.listen` and does not say by whom is a sender's, whose limits are the same as on other ports. */
function membersOr(senders: Access, members: Access): Access {
  return {
    tenantHeader: members.tenantHeader,
    admit: (head, headers = {}) => (headers['tailgate-path'] === undefined ? senders : members).admit(head, headers),
    refuses: (head) => members.refuses(head),
  };
}

/** Says which tenant's pipeline a request goes to; with one, there is nothing to say. */
function accessOfAll(
  { tenants }: ShardConfig,
  all: readonly TenantIntake[],
  shards: number,
  elsewhere: Elsewhere,
): Access {
  const [{ intake }] = all;
  if (tenants === undefined) return { ...openAccess(intake), admit: () => elsewhere() ?? intake };
  const intakes = all.map(({ intake, tenant }): Intake => {
    const { maxBytesPerSecond } = tenants.each[tenant.index];
    return maxBytesPerSecond === 0 ? intake : new LimitedIntake(intake, maxBytesPerSecond / shards, systemClock);
  });
  return tenantAccess(tenants.header, intakeFinder(tenants, intakes));
}
