import { hexOf } from '../model/trace-id.ts';
import type { Verdict } from '../model/verdict.ts';
import type { Pace } from '../shard/window-reader.ts';
import type { JoinedTraces } from './join.ts';
import type { TriedRules } from './joint-rules.ts';
import { judge } from './judge.ts';
import { type Amount, addAmount, addServices, noAmount, type PolicyTally, sizeAt, Tally } from './tally.ts';
import { Column } from './trace-table.ts';

/** What rules would keep, of the window and in a day like it. */
export interface RulesOutcome {
  readonly keptTraces: number;
  readonly keptSpans: number;
  readonly keptBytes: number;
  readonly perDay: Amount;
  readonly policies: readonly PolicyTally[];
  /** Policies whose numbers are an estimate: they go by what came before, and begin with nothing remembered. */
  readonly approximate: readonly string[];
}

/** How it went with a trace under some rules; the policy is '' where none had a say. */
interface ShortVerdict {
  readonly kept: boolean;
  readonly policy: string;
}

/** A trace that the rules would treat otherwise than today's do. */
export interface TraceChange {
  readonly traceId: string;
  /** Of its root span; '' where that is not known. */
  readonly service: string;
  readonly name: string;
  readonly durationMs: number;
  readonly spans: number;
  readonly bytes: number;
  readonly today: ShortVerdict;
  readonly candidate: ShortVerdict;
}

interface Changes extends Amount {
  /** The newest of them. */
  readonly examples: readonly TraceChange[];
}

export interface ServiceOutcome {
  readonly service: string;
  readonly all: Amount;
  readonly today: Amount;
  readonly candidate: Amount;
}

/** The answer of POST /api/simulate. Bytes are those of spans as they came; numbers of a sample are scaled up. */
export interface Simulation {
  /** The text of today's rules, where they were asked for. */
  readonly rules?: string;
  readonly seconds: number;
  /** For so long before, what came counted for what policies remember, and for nothing else. */
  readonly warmSeconds: number;
  readonly traces: number;
  readonly spans: number;
  readonly bytes: number;
  /** The share of the traces that was looked at: 1, or a fair part where there are more than are looked at. */
  readonly sampled: number;
  readonly complete: boolean;
  readonly today: RulesOutcome;
  readonly candidate: RulesOutcome;
  /** Those with the most bytes kept by either; the others together. */
  readonly services: readonly ServiceOutcome[];
  readonly won: Changes;
  readonly lost: Changes;
  /** Of a fleet: whose windows it is of, and who did not answer. */
  readonly gateways?: readonly string[];
  readonly unanswered?: readonly { readonly member: string; readonly why: string }[];
}

const mostExamples = 100;
const mostServices = 50;
const secondsADay = 86_400;

/** What `today` and `candidate` would keep of the traces. */
export async function simulate(
  today: TriedRules,
  candidate: TriedRules,
  traces: JoinedTraces,
  pace: Pace,
): Promise<Simulation> {
  const { table } = traces;
  const tallies = [today, candidate].map((rules) => new Tally(rules, table));
  const all = noAmount();
  const services: Amount[] = [];
  const won = { ...noAmount(), examples: [] as TraceChange[] };
  const lost = { ...noAmount(), examples: [] as TraceChange[] };
  await judge([today, candidate], { ...traces, pace }, (at, verdicts) => {
    for (const [i, verdict] of verdicts.entries()) tallies[i].add(at, verdict);
    addAmount(all, sizeAt(table, at));
    addServices(services, table, at);
    if (verdicts[0].keep === verdicts[1].keep) return;
    const changes = verdicts[1].keep ? won : lost;
    addAmount(changes, sizeAt(table, at));
    changes.examples.push(changeAt(at, traces, verdicts, [today, candidate]));
    if (changes.examples.length > mostExamples) changes.examples.shift();
  });
  const seconds = Math.max(0, (traces.toMs - traces.fromMs) / 1000) || 0;
  const scale = 2 ** table.level;
  const [first, second] = tallies.map((tally, i) => outcomeOf(tally, [today, candidate][i], { seconds, scale }));
  return {
    seconds,
    warmSeconds: Math.max(0, (traces.fromMs - traces.firstMs) / 1000) || 0,
    ...scaled(all, scale),
    sampled: 1 / scale,
    complete: traces.isWhole,
    today: first,
    candidate: second,
    services: servicesOf(services, tallies, traces.names.services.texts, scale),
    won: { ...won, ...scaled(won, scale) },
    lost: { ...lost, ...scaled(lost, scale) },
  };
}

const scaled = ({ traces, spans, bytes }: Amount, by: number): Amount => ({
  traces: traces * by,
  spans: spans * by,
  bytes: bytes * by,
});

/** In a day like these seconds; nothing can be said of less than one. */
const perDay = (amount: Amount, seconds: number): Amount => {
  const { traces, spans, bytes } = scaled(amount, seconds < 1 ? 0 : secondsADay / seconds);
  return { traces: Math.round(traces), spans: Math.round(spans), bytes: Math.round(bytes) };
};

function outcomeOf(
  { kept, policies }: Tally,
  { stateful }: TriedRules,
  { seconds, scale }: { readonly seconds: number; readonly scale: number },
): RulesOutcome {
  const { traces, spans, bytes } = scaled(kept, scale);
  return {
    keptTraces: traces,
    keptSpans: spans,
    keptBytes: bytes,
    perDay: perDay({ traces, spans, bytes }, seconds),
    policies: policies.map((each) => ({
      ...each,
      votes: each.votes * scale,
      overrules: each.overrules * scale,
      decides: scaled(each.decides, scale),
      alone: scaled(each.alone, scale),
    })),
    approximate: stateful,
  };
}

function servicesOf(
  all: readonly Amount[],
  tallies: readonly Tally[],
  names: readonly string[],
  scale: number,
): ServiceOutcome[] {
  const of = (amounts: readonly (Amount | undefined)[], number: number): Amount =>
    scaled(amounts[number] ?? noAmount(), scale);
  const rows = Object.keys(all).map((key): ServiceOutcome => {
    const number = Number(key);
    const [today, candidate] = tallies.map(({ services }) => of(services, number));
    return { service: names[number], all: of(all, number), today, candidate };
  });
  const weight = ({ all, today, candidate }: ServiceOutcome): number =>
    Math.max(today.bytes, candidate.bytes) + all.bytes / 2 ** 20;
  rows.sort((a, b) => weight(b) - weight(a));
  return rows.length <= mostServices
    ? rows
    : [...rows.slice(0, mostServices - 1), together(rows.slice(mostServices - 1))];
}

function together(rows: readonly ServiceOutcome[]): ServiceOutcome {
  const sum = { service: `(${rows.length} others)`, all: noAmount(), today: noAmount(), candidate: noAmount() };
  for (const row of rows) {
    addAmount(sum.all, row.all);
    addAmount(sum.today, row.today);
    addAmount(sum.candidate, row.candidate);
  }
  return sum;
}

function changeAt(
  at: number,
  { table, names }: JoinedTraces,
  verdicts: readonly Verdict[],
  rules: readonly TriedRules[],
): TraceChange {
  const { rows } = table;
  const { spans, bytes } = sizeAt(table, at);
  const short = (i: number): ShortVerdict => ({
    kept: verdicts[i].keep,
    policy: rules[i].set.policies[verdicts[i].policy]?.name ?? '',
  });
  return {
    traceId: hexOf(rows.subarray(at, at + 4)),
    service: names.services.texts[rows[at + Column.service]],
    name: names.roots.texts[rows[at + Column.rootName]],
    durationMs: table.durationNs(at) / 1e6,
    spans,
    bytes,
    today: short(0),
    candidate: short(1),
  };
}
