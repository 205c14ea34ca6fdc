import type { Command } from 'commander';
import type { Explanation } from '../../model/explanation.ts';
import { type ExitCode, exit } from '../exit.ts';
import { readExplanation } from './answers.ts';
import { printable } from './cells.ts';
import { type Paint, paint as paintFor } from './colors.ts';
import type { Run } from './command.ts';
import { localTime } from './local-time.ts';
import { weightText } from './sampling.ts';
import type { Settings } from './settings.ts';
import { table } from './table.ts';
import { jsonText } from './terminal.ts';
import { parseTraceId } from './trace-id.ts';
import { verdictText } from './verdict.ts';

export function registerExplain(parent: Command, run: Run): void {
  parent
    .command('explain <id>')
    .description('why the gateway kept or dropped a trace, policy by policy')
    .action((id: string, _, command: Command) => run(command, (settings) => explain(id, settings)));
}

/** `obsctl explain ID`: why the gateway kept or dropped a trace. */
async function explain(text: string, settings: Settings): Promise<ExitCode> {
  const id = parseTraceId(text);
  const { io, client, gateway, output } = settings;
  const { status, body } = await client.get(gateway, `/api/explain/${id}`, [404]);
  if (status === 404) {
    io.stderr.write(
      `obsctl: ${gateway.base} does not remember ${id}: it never came, or its decision is too long ago, or of before the gateway started\n`,
    );
    return exit.nothing;
  }
  if (output === 'ids') io.stdout.write(`${id}\n`);
  else if (output === 'table')
    io.stdout.write(explanationText(readExplanation(body, gateway), settings.color, io.timeZone));
  else io.stdout.write(`${jsonText(body, output === 'json' ? 2 : 0)}\n`);
  return exit.found;
}

const triggers: Readonly<Record<string, string>> = {
  wait: 'the decision wait was over',
  root: 'the root had come',
  size: 'the trace grew over max_trace_bytes',
  full: 'the buffer was full',
  shutdown: 'the gateway was stopping',
};

/** An explanation as text, one fact a line, then a table of votes. Pure. */
export function explanationText(it: Explanation, color: boolean, timeZone?: string): string {
  const paint = paintFor(color);
  const facts = it.verdict === 'waiting' ? waitingFacts(it) : decidedFacts(it);
  const times = [
    ['first span', localTime(it.firstSpanAt, timeZone, true)],
    ...(it.decidedAt > 0 ? [['decided', localTime(it.decidedAt, timeZone, true)]] : []),
  ];
  const where = it.gateway === undefined ? [] : [['gateway', printable(it.gateway)]];
  const lines = [
    ['trace', paint.bold(it.traceId)],
    ...where,
    ['verdict', verdictText(it, it.verdict === 'drop' ? paint.red : paint.bold)],
    ...facts,
    ...exporterFacts(it),
    ...times,
  ];
  return lines.map(([key, value]) => `${key.padEnd(12)}${value}\n`).join('') + votesText(it, paint);
}

function decidedFacts(it: Explanation): string[][] {
  return [
    ...(it.verdict === 'keep' ? [['weight', `${weightText(it.adjustedCount)} (ot=th:${it.threshold})`]] : []),
    ['trigger', `${it.trigger}: ${triggers[it.trigger] ?? ''}`],
    ['complete', it.complete ? 'yes, with its root' : 'no: decided without a root'],
    ['revision', printable(it.revision)],
    ['spans', `${it.spans} in ${it.bytes} bytes, ${it.lateSpans} late`],
  ];
}

/** Where it went, and where it did not and why. */
function exporterFacts({ exporters = [] }: Explanation): string[][] {
  return exporters.map(({ exporter = '', gets, why }) => [
    gets ? 'sent to' : 'not to',
    `${printable(exporter)}: ${printable(why)}`,
  ]);
}

const waitingFacts = (it: Explanation): string[][] => [
  ['spans', `${it.spans} in ${it.bytes} bytes so far`],
  ['complete', it.complete ? 'its root has come' : 'no root yet'],
];

function votesText(it: Explanation, paint: Paint): string {
  const rows = [
    ...it.votes.map((vote) => ({ ...vote, note: vote.policy === it.policy ? '← decided' : '' })),
    ...it.shadowVotes.map((vote) => ({ ...vote, note: 'shadow: counts for nothing' })),
  ];
  if (rows.length === 0) return '';
  const bold = (text: string, row: { note: string }): string => (row.note.startsWith('←') ? paint.bold(text) : text);
  return `\n${table(
    [
      { title: 'POLICY', text: (row) => row.policy, paint: bold },
      { title: 'VOTE', text: (row) => row.vote, paint: bold },
      { title: '', text: (row) => row.note },
      ...(rows.some(({ why }) => why) ? [{ title: 'WHY', text: (row: { why?: string }) => row.why ?? '' }] : []),
    ],
    rows,
  )}`;
}
