import { randomInt } from 'node:crypto';
import type { Clock } from './clock.ts';
import type { RulesLayer } from './config/rules.ts';
import { rulesText } from './config/rules-text.ts';
import type { BootConfig } from './config/schema.ts';
import { rulesOf } from './decide/tenant-rules.ts';
import type { RulesDocument } from './model/rules.ts';
import type { Tenant } from './model/tenant.ts';
import { type CandidateText, plainly } from './simulate/candidate.ts';
import { join } from './simulate/join.ts';
import { compileJointly, RulesProblems } from './simulate/joint-rules.ts';
import { simulate } from './simulate/simulation.ts';
import { besidePathMs, Pace, Turns } from './store/pace.ts';
import type { AdminSources, SimulateAnswer, SimulateRequest } from './telemetry/sources.ts';
import { readAside } from './threads/candidates.ts';
import type { Shards } from './threads/shards.ts';

/** Of all shards together; each trace takes some 150 bytes in each shard that has a part of it. */
const maxTraces = 131_072;
/** What came so long before what is asked for counts for what policies remember, where some do. */
const warmMs = 10 * 60_000;
/** Simulations that wait for their turn: one runs at a time. */
const mostWaiting = 8;

interface Simulating {
  readonly config: Pick<BootConfig, 'environment' | 'traceDebug' | 'buffer' | 'tenants' | 'rules'>;
  readonly shards: Pick<Shards, 'gather'>;
  readonly clock: Clock;
  /** Those in force. */
  readonly today: () => RulesDocument;
  /** How many gateways share the fleet's targets. */
  readonly members?: () => number;
  /** What the rules file says. */
  readonly fileFields: () => RulesLayer['fields'] | undefined;
}

/** What rules would keep of the window of one tenant, beside today's: POST /api/simulate. */
export function simulator(parts: Simulating): NonNullable<AdminSources['simulate']> {
  let line: Promise<unknown> = Promise.resolve();
  let waiting = 0;
  const turns = new Turns();
  return async (asked, tenant, over) => {
    const { rules = rulesText(rulesOf(parts.today(), tenant.name)) } = asked;
    if (waiting > mostWaiting) return { status: 429, body: { error: 'too many simulations at a time: try again' } };
    waiting++;
    const under = asked.overFile ? parts.fileFields() : undefined;
    const pace = Pace.until(over, turns, besidePathMs);
    const mine = line.then(async () => {
      const candidate = await readAside(textOf(rules, under, parts.config), over);
      if ('errors' in candidate) return refused(candidate.errors);
      return run(candidate.document, { ...asked, tenant, over }, parts, pace);
    });
    line = mine.catch(() => {});
    const answer = await mine.finally(() => waiting--);
    return asked.rules === undefined && answer.status === 200 ? { ...answer, body: { rules, ...answer.body } } : answer;
  };
}

const textOf = (
  rules: string,
  under: CandidateText['under'],
  { environment, traceDebug: debug, tenants, rules: { maxBytes } }: Simulating['config'],
): CandidateText => ({
  rules,
  under,
  environment,
  debug,
  tenants: tenants?.each.map(({ name }) => name) ?? [],
  maxBytes,
});

interface Running extends Pick<SimulateRequest, 'lastMs'> {
  readonly tenant: Tenant;
  readonly over: AbortSignal;
}

async function run(
  document: RulesDocument,
  { lastMs, tenant, over }: Running,
  { config, shards, clock, today, members = () => 1 }: Simulating,
  pace: Pace,
): Promise<SimulateAnswer> {
  over.throwIfAborted();
  const originMs = Math.floor(clock.monotonicMs());
  const { decisionWaitMs: waitMs, decisionWaitAfterRootMs: afterRootMs, maxTraceBytes } = config.buffer;
  const fromMs = lastMs === undefined ? undefined : originMs - lastMs;
  const documents = [today(), document];
  const place = { environment: config.environment, debug: config.traceDebug, tenant: tenant.name, members: members() };
  try {
    const { conditions, keys, tried } = compileJointly(documents, place);
    const seed = randomInt(2 ** 31);
    const waits = { waitMs, afterRootMs, maxTraceBytes };
    // What began before is seen, too, so that it is not taken for what begins then.
    const beforeMs = tried.some(({ stateful }) => stateful.length > 0) ? Math.max(warmMs, waitMs) : waitMs;
    const asked = {
      documents,
      seed,
      maxTraces,
      waits,
      originMs,
      fromMs: fromMs === undefined ? null : fromMs - beforeMs,
    };
    const gathered = await shards.gather(asked, tenant.index, over);
    const traces = await join(gathered, { conditions, keys, seed, maxTraces, waits }, { originMs, fromMs, pace });
    return { status: 200, body: await simulate(tried[0], tried[1], traces, pace) };
  } catch (error) {
    if (error instanceof RulesProblems) return refused(plainly(error.problems));
    throw error;
  }
}

const refused = (errors: readonly string[]): SimulateAnswer => ({
  status: 400,
  body: { error: errors.join('\n'), errors },
});
