import { systemClock } from '../clock.ts';
import type { Refusal } from '../errors.ts';
import { FleetIntake } from '../forward/fleet-intake.ts';
import { FleetShard, type FleetWays, type Relayed } from '../forward/fleet-shard.ts';
import type { FleetTenant } from '../forward/fleet-tenant.ts';
import { MemberAccess } from '../forward/member-access.ts';
import { Repeats } from '../forward/repeats.ts';
import type { FleetView } from '../model/fleet.ts';
import type { Receipt } from '../model/intake.ts';
import type { Tenants } from '../model/tenant.ts';
import { messageOf } from '../receive/message.ts';
import { connectTo } from './connect-to.ts';
import type { FleetLink, FleetShardConfig, ShardEvents } from './shards.ts';
import type { TenantPipeline } from './tenant-pipeline.ts';

interface Place {
  readonly self: number;
  readonly shards: number;
  /** Has another shard judge where a part of a request belongs. */
  readonly relay: FleetWays['relay'];
  /** What resources become here, where that is something and this is an agent; a gateway adds it when a trace is kept. */
  readonly added: FleetTenant['added'];
  /** Where there are other shards, see Repeats.memories. */
  readonly repeats: readonly SharedArrayBuffer[];
}

/** A shard's part of a fleet, and the ways in that are before its pipelines; loaded where there is one. */
export class FleetPart {
  readonly shard: FleetShard;
  /** For what senders bring, by tenant. */
  readonly intakes: readonly FleetIntake[];
  /** For what other gateways and agents bring. */
  readonly members: MemberAccess;
  readonly #of: readonly FleetTenant[];
  #link: FleetLink;

  constructor(
    config: FleetShardConfig,
    pipelines: readonly TenantPipeline[],
    tenants: Tenants | undefined,
    { self, shards, relay, added, repeats }: Place,
    events: Pick<ShardEvents, 'unreachable' | 'fault'>,
  ) {
    this.#link = config.link;
    const { maxForwardBytes: maxBytes, forwardTimeoutMs: timeoutMs, waitMs } = config;
    const options = { isAgent: config.listen === undefined, self, shards, maxBytes, timeoutMs, waitMs };
    const ways: FleetWays = {
      connect: (address) => connectTo(address, () => this.#link, timeoutMs),
      relay,
      unreachable: (name) => events.unreachable(name),
      fault: (error) => events.fault(error),
    };
    const fleet = new FleetShard(options, config.view, ways, systemClock.monotonicMs);
    this.shard = fleet;
    const ofAgent = options.isAgent ? added : undefined;
    const memories = repeats.length > 0 ? repeats : Repeats.memories(pipelines.length);
    this.#of = pipelines.map(({ tenant, pipeline }) => {
      const scan = pipeline.shard.scan.another();
      const remembered = new Repeats(memories[tenant.index % memories.length], tenant.index);
      return { fleet, tenant, pipeline, scan, repeats: remembered, added: ofAgent };
    });
    this.intakes = this.#of.map((of) => new FleetIntake(of));
    this.members = new MemberAccess(this.#of, tenants);
  }

  get stats(): FleetShard['stats'] {
    return this.shard.stats;
  }

  renew(view: FleetView): void {
    this.shard.renew(view);
  }

  renewLink(link: FleetLink): void {
    this.#link = link;
    this.shard.reconnect();
  }

  /** Of another shard's request a part whose traces are this shard's. */
  async relayed({ part, tenant, way, source }: Relayed): Promise<Receipt | Refusal> {
    return new FleetIntake(this.#of[tenant], way).accept(messageOf([part.body]), source);
  }
}
