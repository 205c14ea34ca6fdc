import { systemClock } from './clock.ts';
import type { LiveFiles } from './config/live-files.ts';
import type { FanOut } from './fan-out.ts';
import type { ProcessMemory } from './memory-account.ts';
import type { FilesStats, FleetStats, GatewayStats, KubernetesStats, RulesStatus } from './model/stats.ts';
import type { Tenant } from './model/tenant.ts';
import type { TraceRestorer } from './restore-traces.ts';
import type { AdminAccess } from './telemetry/admin-access.ts';
import type { Shards } from './threads/shards.ts';
import { sumStats } from './threads/sum-stats.ts';

/** The heap was compacted (threads/compact-heap.ts), and what that frees has gone. */
const settledMs = 2_000;

type StandingFiles = Pick<LiveFiles<unknown>, 'status' | 'value'>;

interface StatsParts {
  readonly shards: Shards;
  readonly tenants: readonly Tenant[];
  readonly fanOut: FanOut;
  readonly memory: ProcessMemory;
  readonly rules: () => RulesStatus;
  readonly files: readonly StandingFiles[];
  readonly kubernetes: KubernetesStats | undefined;
  readonly admin: Pick<AdminAccess, 'letIn' | 'refused'>;
  readonly fleet: FleetStats | undefined;
  readonly restorer: TraceRestorer | undefined;
}

/** Gathers what every part counts; nothing is counted here. */
export async function gatherStats({
  shards,
  tenants,
  fanOut,
  memory,
  rules,
  files,
  kubernetes,
  admin,
  fleet,
  restorer,
}: StatsParts): Promise<GatewayStats> {
  const each = await shards.stats();
  // What follows is read in one go, so that it belongs together.
  const offeredSpans = fanOut.offeredSpans - (restorer?.spans ?? 0);
  const own = sumStats(each, offeredSpans, systemClock.monotonicMs(), tenants);
  const sums = restorer?.inBooks(own) ?? own;
  const exporters = fanOut.stats();
  return {
    ...sums,
    letIn: { ...sums.letIn, admin: admin.letIn },
    adminRefused: admin.refused,
    memory: memory.read(sums.memory, exporters),
    exporters,
    rules: rules(),
    files: files.map(filesStats),
    ...(kubernetes && { kubernetes }),
    ...(fleet && { fleet }),
  };
}

/** The process is ready: what it takes from now on is for traffic, and what its start left is seen to in a moment. */
export async function watchMemory({ shards, memory }: Pick<StatsParts, 'shards' | 'memory'>): Promise<void> {
  const read = async () => sumStats(await shards.stats(), 0, systemClock.monotonicMs());
  const settle = async (): Promise<void> => {
    const { received, memory: held } = await read();
    const isUntouched = Object.values(received).every(({ requests }) => requests === 0);
    memory.markSettled(held, isUntouched);
  };
  memory.markIdle((await read()).memory);
  // A shard that does not answer, or a gateway that stops: then the first mark is good enough.
  setTimeout(() => void settle().catch(() => {}), settledMs).unref();
}

function filesStats({ status: { block, failingSince, loads }, value }: StandingFiles): FilesStats {
  const { expiresAt } = value as { readonly expiresAt?: number };
  return {
    files: block,
    failingSeconds: failingSince === undefined ? 0 : (systemClock.monotonicMs() - failingSince) / 1000,
    loads,
    ...(expiresAt !== undefined && { expiresAt }),
  };
}
