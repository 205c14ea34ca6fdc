import type { Simulation, TraceChange } from '../../../simulate/simulation.ts';
import { formatNs } from '../duration.ts';
import type { Settings } from '../settings.ts';
import { sizeText } from '../status.ts';
import { table } from '../table.ts';

const shownChanges = 10;
const count = (number: number): string => number.toLocaleString('en');

/** A simulation as tables: sums, policies, services, and traces that change. Pure. */
export function simulationText(it: Simulation, { io }: Pick<Settings, 'io'>): string {
  const width = io.isTTY ? io.columns : undefined;
  const share = it.sampled < 1 ? `, a sample of ${(it.sampled * 100).toPrecision(2)} % scaled up` : '';
  const head = `${count(it.traces)} traces of ${formatNs(Math.round(it.seconds) * 1e9)}${share}\n\n`;
  return [
    head + sums(it),
    policies(it),
    services(it, width),
    changes('would be won', it.won, width),
    changes('would be lost', it.lost, width),
  ]
    .filter(Boolean)
    .join('\n');
}

function sums({ traces, spans, bytes, today, candidate }: Simulation): string {
  const percent = (part: number, of: number): string => (of === 0 ? '' : ` (${((100 * part) / of).toPrecision(3)} %)`);
  const rows = [
    [
      'traces',
      count(traces),
      count(today.keptTraces) + percent(today.keptTraces, traces),
      count(candidate.keptTraces) + percent(candidate.keptTraces, traces),
    ],
    [
      'spans',
      count(spans),
      count(today.keptSpans) + percent(today.keptSpans, spans),
      count(candidate.keptSpans) + percent(candidate.keptSpans, spans),
    ],
    [
      'bytes',
      sizeText(bytes),
      sizeText(today.keptBytes) + percent(today.keptBytes, bytes),
      sizeText(candidate.keptBytes) + percent(candidate.keptBytes, bytes),
    ],
    ['a day', '', sizeText(today.perDay.bytes), sizeText(candidate.perDay.bytes)],
  ];
  const titles = ['KEPT', 'OF', 'TODAY', 'CANDIDATE'];
  return table(
    titles.map((title, i) => ({ title, text: (row: string[]) => row[i]!, ...(i > 0 && { align: 'right' as const }) })),
    rows,
  );
}

function policies({ today, candidate, warmSeconds, sampled }: Simulation): string {
  const names = [...new Set([...candidate.policies, ...today.policies].map(({ policy }) => policy))];
  const approximate = new Set([...today.approximate, ...candidate.approximate]);
  const of = (outcome: Simulation['today'], name: string) => outcome.policies.find(({ policy }) => policy === name);
  const decides = (outcome: Simulation['today'], name: string): string => {
    const found = of(outcome, name);
    return found === undefined ? '-' : count(found.decides.traces);
  };
  return (
    table<string>(
      [
        { title: 'POLICY', text: (name) => name + (approximate.has(name) ? ' ~' : '') },
        { title: 'DECIDES TODAY', text: (name) => decides(today, name), align: 'right' },
        { title: 'CANDIDATE', text: (name) => decides(candidate, name), align: 'right' },
        { title: 'VOTES', text: (name) => count(of(candidate, name)?.votes ?? 0), align: 'right' },
        { title: 'ALONE', text: (name) => count(of(candidate, name)?.alone.traces ?? 0), align: 'right' },
      ],
      names,
    ) + (approximate.size > 0 ? aboutEstimates(warmSeconds, sampled) : '')
  );
}

/** What policies say that go by what came before depends on how far back the window goes. */
function aboutEstimates(warmSeconds: number, sampled: number): string {
  const since =
    warmSeconds < 1 ? 'with these traces' : `${formatNs(Math.round(warmSeconds) * 1e9)} before these traces`;
  const part = sampled < 1 ? ', and it saw a sample, in as much longer time' : '';
  return `~ an estimate: it goes by what came before, and began ${since} with nothing remembered${part}\n`;
}

const services = ({ services }: Simulation, width: number | undefined): string =>
  table<Simulation['services'][number]>(
    [
      { title: 'SERVICE', text: ({ service }) => service, shrinks: true },
      { title: 'BYTES', text: ({ all }) => sizeText(all.bytes), align: 'right' },
      { title: 'KEPT TODAY', text: ({ today }) => sizeText(today.bytes), align: 'right' },
      { title: 'CANDIDATE', text: ({ candidate }) => sizeText(candidate.bytes), align: 'right' },
    ],
    services,
    width,
  );

function changes(what: string, { traces, examples }: Simulation['won'], width: number | undefined): string {
  if (traces === 0) return '';
  const rows = table<TraceChange>(
    [
      { title: 'TRACE', text: ({ traceId }) => traceId },
      { title: 'SERVICE', text: ({ service }) => service, shrinks: true },
      { title: 'ROOT SPAN', text: ({ name }) => name, shrinks: true },
      { title: 'DURATION', text: ({ durationMs }) => formatNs(durationMs * 1e6), align: 'right' },
      { title: 'TODAY', text: ({ today }) => verdict(today) },
      { title: 'CANDIDATE', text: ({ candidate }) => verdict(candidate) },
    ],
    examples.slice(-shownChanges),
    width,
  );
  return `${count(traces)} traces ${what}\n${rows}`;
}

const verdict = ({ kept, policy }: TraceChange['today']): string =>
  policy === '' ? 'no policy keeps it' : `${kept ? 'kept' : 'dropped'} by ${policy}`;
