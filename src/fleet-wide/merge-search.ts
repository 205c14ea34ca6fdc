import type { TempoAnswer } from '../telemetry/sources.ts';
import type { Unanswered } from './in-turn.ts';

/** Of a search's answer, what is looked at here. */
interface Found {
  readonly traceID: string;
  readonly startTimeUnixNano?: string;
}
interface SearchAnswer {
  readonly traces?: readonly Found[];
  readonly metrics?: Readonly<Record<string, unknown>>;
  readonly status?: string;
}

/** Tempo's limit where none is asked for. */
const usualLimit = 20;

/**
 * The answers of several gateways to one search as one: each trace once, the newest first. One that lacks somebody's is
 * PARTIAL, as Tempo calls it. Where nobody could answer, the first refusal.
 */
export function mergeSearches(
  answers: readonly TempoAnswer[],
  unanswered: readonly Unanswered[],
  limit: number = usualLimit,
): TempoAnswer {
  const good = answers.filter(({ status }) => status === 200);
  if (good.length === 0) return answers[0] ?? { status: 503, headers: {}, body: 'no gateway of the fleet answers' };
  const each = good.map(({ body }) => JSON.parse(String(body)) as SearchAnswer);
  const byId = new Map<string, Found>();
  for (const trace of each.flatMap(({ traces = [] }) => traces))
    if (!byId.has(trace.traceID)) byId.set(trace.traceID, trace);
  const traces = [...byId.values()].sort((a, b) => compare(startOf(b), startOf(a))).slice(0, limit);
  // A gateway without a store or a window has nothing to find: that is an answer.
  const isWhole = unanswered.length === 0 && each.every(({ status }) => status !== 'PARTIAL');
  const body = {
    traces,
    metrics: sumOf(each.map(({ metrics = {} }) => metrics)),
    ...(!isWhole && { status: 'PARTIAL' }),
  };
  return {
    status: 200,
    headers: { 'content-type': 'application/json', ...unansweredHeader(unanswered) },
    body: JSON.stringify(body),
  };
}

const unansweredHeader = (unanswered: readonly Unanswered[]): Record<string, string> =>
  unanswered.length === 0
    ? {}
    : { 'x-tailgate-unanswered': unanswered.map(({ member }) => encodeURIComponent(member)).join(',') };

const startOf = ({ startTimeUnixNano = '0' }: Found): bigint =>
  /^\d{1,20}$/.test(startTimeUnixNano) ? BigInt(startTimeUnixNano) : 0n;
const compare = (a: bigint, b: bigint): number => (a < b ? -1 : Number(a > b));

/** Numbers, also those that are written as texts as jsonpb has them, added up. */
function sumOf(all: readonly Readonly<Record<string, unknown>>[]): Record<string, unknown> {
  const sum: Record<string, unknown> = {};
  for (const [key, value] of all.flatMap((each) => Object.entries(each))) {
    const total = Number(sum[key] ?? 0) + Number(value ?? 0);
    sum[key] = typeof value === 'string' ? String(total) : total;
  }
  return sum;
}
