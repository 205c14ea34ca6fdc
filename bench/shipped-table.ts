import type { ShippedPlan, ShippedRun } from './shipped-run.ts';
import type { ShippedName } from './shipped-subjects.ts';
import { median } from './table.ts';

/** One call of `make bench-shipped`, as it stands in bench/results. */
export interface ShippedResults {
  readonly at: string;
  readonly machine: string;
  readonly versions: string;
  readonly plan: ShippedPlan;
  readonly rounds: number;
  readonly runs: readonly ShippedRun[];
}

const head = [
  'started as',
  'k spans per CPU-second',
  '× without store and gzip',
  '× the Collector',
  '3 % kept against 1 %',
  'ack p99 at half load',
  'lost',
];

/** Markdown: a row a subject, medians with the spread in parentheses; ratios are of the rounds, one by one. */
export function shippedTable({ at, machine, versions, plan, rounds, runs }: ShippedResults): string {
  const names = [...new Set(runs.map(({ subject }) => subject))];
  const rows = names.map((name) => rowOf(name, runs));
  const how = `${rounds} alternating rounds of ${plan.seconds} s, ${plan.waitSeconds} s wait, 3 % kept, one core`;
  const stolen = known(runs.map((run) => run.stolen));
  const others =
    stolen.length === 0 ? '' : ` Others had ${(100 * median(stolen)).toFixed(1)} % of the processors' time.`;
  return [
    `${at.slice(0, 10)}, ${machine}; ${versions}; grpc-go's client and sink; ${how}.${others}`,
    '',
    ...[head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`),
  ].join('\n');
}

function rowOf(name: ShippedName, runs: readonly ShippedRun[]): string[] {
  const mine = of(name, runs);
  const lost = known(mine.map((run) => run.lost));
  return [
    name,
    spread(
      mine.map(({ rate }) => rate / 1e3),
      0,
    ),
    ratioTo('without store and gzip', name, runs, 2),
    ratioTo('Collector, tail_sampling', name, runs, 1),
    spread(known(mine.map((run) => run.ofOnePercent)), 2),
    spread(known(mine.map((run) => run.ackP99Ms)), 1, ' ms'),
    lost.length === 0 ? '' : String(lost.reduce((sum, n) => sum + n, 0)),
  ];
}

function ratioTo(other: ShippedName, name: ShippedName, runs: readonly ShippedRun[], digits: number): string {
  const [mine, theirs] = [of(name, runs), of(other, runs)];
  if (name === other || mine.length !== theirs.length) return '';
  return spread(
    mine.map(({ rate }, round) => rate / theirs[round].rate),
    digits,
  );
}

const of = (name: ShippedName, runs: readonly ShippedRun[]): ShippedRun[] => runs.filter((run) => run.subject === name);
const known = (all: readonly (number | undefined)[]): number[] => all.filter((value) => value !== undefined);

function spread(all: readonly number[], digits: number, unit = ''): string {
  if (all.length === 0) return '';
  const text = (value: number): string => value.toFixed(digits);
  const range = all.length > 1 ? ` (${text(Math.min(...all))}–${text(Math.max(...all))})` : '';
  return `${text(median(all))}${range}${unit}`;
}
