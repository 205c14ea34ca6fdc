import { randomInt } from 'node:crypto';
import type { Clock } from './clock.ts';
import { mergeLayers, parseRules, type RulesLayer } from './config/rules.ts';
import { rulesText } from './config/rules-text.ts';
import type { BootConfig } from './config/schema.ts';
import { compileRules } from './decide/compile.ts';
import { rulesOf, tenantProblems } from './decide/tenant-rules.ts';
import type { RulesDocument } from './model/rules.ts';
import type { Tenant } from './model/tenant.ts';
import { join } from './simulate/join.ts';
import { compileJointly, RulesProblems } from './simulate/joint-rules.ts';
import { simulate } from './simulate/simulation.ts';
import { Pace, Turns } from './store/pace.ts';
import type { AdminSources, SimulateAnswer, SimulateRequest } from './telemetry/sources.ts';
import type { Shards } from './threads/shards.ts';

/** Of all shards together; each trace takes some 150 bytes in each shard that has a part of it. */
const maxTraces = 131_072;
/** What came so long before what is asked for counts for what policies remember, where some do. */
const warmMs = 10 * 60_000;
/** How long a question holds this thread at a time. */
const stepMs = 2;
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
  readonly fileLayer: () => RulesLayer | undefined;
}

/** What rules would keep of the window of one tenant, beside today's: POST /api/simulate. */
export function simulator(parts: Simulating): NonNullable<AdminSources['simulate']> {
  let line: Promise<unknown> = Promise.resolve();
  let waiting = 0;
  const turns = new Turns();
  return async (asked, tenant, over) => {
    const { rules = rulesText(rulesOf(parts.today(), tenant.name)) } = asked;
    const candidate = documentOf(rules, asked.overFile ? parts.fileLayer() : undefined, parts.config);
    if ('errors' in candidate) return refused(candidate.errors);
    if (waiting > mostWaiting) return { status: 429, body: { error: 'too many simulations at a time: try again' } };
    waiting++;
    const pace = Pace.until(over, turns, stepMs);
    const mine = line.then(() => run(candidate, { ...asked, tenant, over }, parts, pace));
    line = mine.catch(() => {});
    const answer = await mine.finally(() => waiting--);
    return asked.rules === undefined && answer.status === 200 ? { ...answer, body: { rules, ...answer.body } } : answer;
  };
}

type Valid = {
  readonly document: RulesDocument;
  report(index: number, problems: RulesProblems['problems']): readonly string[];
};

/** The candidate by the very code that loads a rules file, or what is wrong with it, line by line. */
function documentOf(
  rules: string,
  under: RulesLayer | undefined,
  { environment, traceDebug: debug, tenants, rules: { maxBytes } }: Simulating['config'],
): Valid | { readonly errors: readonly string[] } {
  const parsed = parseRules(rules, 'rules', maxBytes);
  if ('errors' in parsed) return parsed;
  const { document, report } = mergeLayers(under === undefined ? [parsed.layer] : [under, parsed.layer]);
  const compiled = compileRules(document, environment, { debug });
  const names = tenants?.each.map(({ name }) => name) ?? [];
  const problems = [
    ...('problems' in compiled ? compiled.problems : []),
    ...tenantProblems(document, environment, { debug }, names),
  ];
  if (problems.length > 0) return { errors: report(problems) };
  return { document, report: (_, found) => report(found) };
}

interface Running extends Pick<SimulateRequest, 'lastMs'> {
  readonly tenant: Tenant;
  readonly over: AbortSignal;
}

async function run(
  { document, report }: Valid,
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
    if (error instanceof RulesProblems) return refused(report(error.index, error.problems));
    throw error;
  }
}

const refused = (errors: readonly string[]): SimulateAnswer => ({
  status: 400,
  body: { error: errors.join('\n'), errors },
});
