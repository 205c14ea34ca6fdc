import { plainOf } from './corpus.ts';
import type { Plan, Run } from './run.ts';
import type { SubjectName } from './subjects.ts';

/** One call of `make bench`, as it stands in bench/results. */
export interface Results {
  readonly at: string;
  readonly machine: string;
  readonly versions: string;
  readonly plan: Plan;
  readonly rounds: number;
  readonly runs: readonly Run[];
}

const head = [
  ['case', 'subject', 'k spans per CPU-second', '× Tailgate', 'B resident a waiting span (× wire)'],
  ['ack p99 at 70 % (no-op: at Tailgate’s rate)', 'decision late p99', 'loop delay p99', 'lost'],
].flat();

/** Markdown: for each case the subjects in the order they were measured, medians with the spread in parentheses. */
export function tableOf({ at, machine, versions, plan, rounds, runs }: Results): string {
  const { seconds, waitSeconds, shards } = plan;
  const rows = [...new Set(runs.map((run) => run.case))].flatMap((shape) => rowsOf(runs, shape));
  const how = `${rounds} alternating run${rounds > 1 ? 's' : ''} of ${seconds} s, ${waitSeconds} s wait, ${shards === 1 ? 'one core' : `${shards} shards`}`;
  return [
    `${at.slice(0, 10)}, ${machine}; ${versions}; ${how}. Only figures of one run compare.${quiet(runs)}`,
    '',
    line(head),
    line(head.map(() => '---')),
    ...rows.map(line),
    ...compressed(runs),
  ].join('\n');
}

/** What compressed requests reach of what the same do uncompressed. */
function compressed(runs: readonly Run[]): string[] {
  const rate = (shape: string): number =>
    median(runs.filter((run) => run.subject === 'tailgate' && run.case === shape).map((run) => run.spansPerCpuSecond));
  const ratios = Object.entries(plainOf).map(([packed, plain]) => [packed, plain, rate(packed) / rate(plain)] as const);
  const told = ratios.filter(([, , ratio]) => ratio > 0);
  if (told.length === 0) return [];
  return ['', told.map(([packed, plain, ratio]) => `${packed}: ${ratio.toFixed(2)} of ${plain}`).join('; ')];
}

const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;

function rowsOf(runs: readonly Run[], shape: string): string[][] {
  const here = runs.filter((run) => run.case === shape);
  const names = [...new Set(here.map((run) => run.subject))];
  const of = (name: SubjectName): Run[] => here.filter((run) => run.subject === name);
  const ours = median(of('tailgate').map((run) => run.spansPerCpuSecond));
  return names.map((name) => row(shape, name, of(name), ours));
}

/** As many came as were sent, and they were not the same. */
const isExchanged = (runs: readonly Run[]): boolean =>
  runs.some(({ marked }) => marked !== undefined && marked.sent === marked.arrived && !marked.same);

function row(shape: string, name: string, runs: readonly Run[], ours: number): string[] {
  const rates = runs.map((run) => run.spansPerCpuSecond);
  const resident = values(runs.map((run) => run.residentPerSpan));
  const late = values(runs.map((run) => run.steady?.latenessP99Ms));
  const loop = values(runs.map((run) => run.steady?.loopDelayP99Ms));
  const ack = values(runs.map((run) => run.steady?.p99Ms));
  const lost = values(runs.map((run) => run.marked && run.marked.sent - run.marked.arrived));
  const bytes = median(resident);
  return [
    shape,
    name,
    `${thousands(median(rates))} (${thousands(Math.min(...rates))}–${thousands(Math.max(...rates))})`,
    Number.isNaN(ours) ? '' : (median(rates) / ours).toFixed(2),
    resident.length === 0 ? '' : `${bytes.toFixed(0)} (${(bytes / runs[0].wireBytesPerSpan).toFixed(2)})`,
    ms(ack, ''),
    ms(late, '≤ '),
    ms(loop, ''),
    lost.length === 0 ? '' : `${lost.reduce((sum, n) => sum + n, 0)}${isExchanged(runs) ? ' (others than came)' : ''}`,
  ];
}

const values = (all: readonly (number | undefined)[]): number[] => all.filter((value) => value !== undefined);
const thousands = (rate: number): string => (rate / 1e3).toFixed(0);
const round = (ms: number): string => ms.toFixed(ms < 10 ? 1 : 0);

function ms(all: readonly number[], sign: string): string {
  if (all.length === 0) return '';
  const spread = all.length > 1 ? ` (${round(Math.min(...all))}–${round(Math.max(...all))})` : '';
  return `${sign}${round(median(all))}${spread} ms`;
}

/**
 * Says how quiet the machine was while latencies were measured: what other machines take shows in them, whoever is
 * measured.
 */
function quiet(runs: readonly Run[]): string {
  const stolen = values(runs.map((run) => run.steady?.stolen));
  if (stolen.length === 0) return '';
  const percent = (share: number): string => (100 * share).toFixed(1);
  return ` Meanwhile other machines had ${percent(median(stolen))} % of the processors' time (${percent(Math.min(...stolen))}–${percent(Math.max(...stolen))}).`;
}

export function median(all: readonly number[]): number {
  return all.toSorted((a, b) => a - b)[Math.floor(all.length / 2)] ?? Number.NaN;
}
