import type { Command } from 'commander';
import { CommandError, type ExitCode, exit } from '../exit.ts';
import { printable } from './cells.ts';
import { type Paint, paint as paintFor } from './colors.ts';
import { collect, type Run } from './command.ts';
import { formatNs } from './duration.ts';
import { localTime } from './local-time.ts';
import { objectOf, textOf } from './otlp-json.ts';
import type { Settings } from './settings.ts';
import { type Column, table } from './table.ts';
import { type FoundTrace, type SearchResult, TempoClient } from './tempo-client.ts';
import { jsonText } from './terminal.ts';
import { longestSearchMs, type TimeFlags, type TimeRange, timeRange } from './time-range.ts';
import { compileQuery, type QueryFlags } from './traceql-query.ts';
import { verdictWord } from './verdict.ts';

interface FindFlags extends QueryFlags, TimeFlags {
  readonly query?: string;
  readonly limit: string;
  readonly explainQuery?: boolean;
  readonly window?: boolean;
}

type Row = FoundTrace & { readonly policy: string };

export function registerTraceFind(parent: Command, run: Run): void {
  parent
    .command('find')
    .description('lists traces with a span that is all of what the flags say, newest first')
    .option('--service <name>', 'service.name of the span')
    .option('--route <path>', 'its route or path, or /prefix/*')
    .option('--status <status>', 'error, ok or unset')
    .option('--min-duration <time>', 'longer than, e.g. 500ms')
    .option('--max-duration <time>', 'shorter than')
    .option('--attr <key=value>', 'any attribute, e.g. user.id=42 or resource.k8s.pod.name=web-0; repeatable', collect)
    .option('--last <time>', 'how far back, e.g. 30m (default 1h)')
    .option('--since <time>', 'from: 2026-11-25T16:00:00Z, "2026-11-25 17:00" or 2h (ago)')
    .option('--until <time>', 'to; likewise')
    .option('--limit <n>', 'at most this many traces', '20')
    .option('--window', "in all that is in the gateway's window, dropped traces too")
    .option('-q, --query <TraceQL>', 'instead of the conditions above')
    .option('--explain-query', 'prints the TraceQL and does not search')
    .action((flags: FindFlags, command: Command) => run(command, (settings) => traceFind(flags, settings)));
}

/** `obsctl trace find`: searches the store; with --explain-query it only prints the TraceQL. */
async function traceFind(flags: FindFlags, settings: Settings): Promise<ExitCode> {
  const query = queryOf(flags);
  const limit = limitOf(flags.limit);
  if (flags.explainQuery) {
    settings.io.stdout.write(`${query}\n`);
    return exit.found;
  }
  const range = timeRange(flags, settings.io.now());
  if (range.to - range.from > longestSearchMs && !flags.window)
    note(settings, 'Tempo refuses to search more than 168h at once unless told otherwise');
  const place = flags.window ? settings.gateway : settings.tempo;
  const result = await new TempoClient(settings.client, place).search(query, range.from, range.to, limit, flags.window);
  const { traces } = result;
  if (traces.length === 0) {
    nothing(query, range, settings);
    return notWhole(result, settings) ? exit.partial : exit.nothing;
  }
  const rows = flags.window ? traces.map((trace) => ({ policy: '', ...trace })) : await withPolicies(traces, settings);
  settings.io.stdout.write(show(rows, settings));
  if (traces.length >= limit) note(settings, `only the newest ${limit}: --limit shows more`);
  return notWhole(result, settings) ? exit.partial : exit.found;
}

/** Whether more may be there than was looked at; says why. */
function notWhole({ partial, unanswered }: SearchResult, settings: Settings): boolean {
  if (unanswered.length > 0)
    note(settings, `without these gateways, which did not answer: ${unanswered.map(printable).join(', ')}`);
  else if (partial) note(settings, 'the store searched only a part of its data');
  return partial;
}

function queryOf(flags: FindFlags): string {
  const { query, service, route, status, minDuration, maxDuration, attr } = flags;
  if (query === undefined) return compileQuery(flags);
  if ([service, route, status, minDuration, maxDuration].some((flag) => flag !== undefined) || attr?.length)
    throw new CommandError('-q is a whole query: leave the other conditions out, or put them into it', exit.usage);
  return query;
}

function limitOf(text: string): number {
  const limit = Number(text);
  if (!Number.isSafeInteger(limit) || limit < 1)
    throw new CommandError(`--limit ${text}: expected a whole number from 1`, exit.usage);
  return limit;
}

function nothing(query: string, { from, to }: TimeRange, settings: Settings): void {
  const { timeZone } = settings.io;
  note(settings, `nothing found from ${localTime(from, timeZone)} to ${localTime(to, timeZone)} for ${query}`);
  if (to - from < 30_000) note(settings, 'Tempo may leave the last 30s out of searches: try a longer --last');
  if (settings.output === 'json') settings.io.stdout.write('[]\n');
}

const note = (settings: Settings, text: string): unknown => settings.io.stderr.write(`obsctl: ${text}\n`);

/** A look into the gateway's memory of decisions is worth a second, not more, and not for long lists. */
const memoryMs = 1000;
const maxAsked = 100;

/** Adds the policy that kept each trace, where the gateway still remembers. Silence there is no failure here. */
async function withPolicies(traces: readonly FoundTrace[], settings: Settings): Promise<Row[]> {
  const policies = new Map<string, string>();
  const ask = async ({ traceId }: FoundTrace): Promise<void> => {
    const { status, body } = await settings.client.get(settings.gateway, `/api/explain/${traceId}`, [404], memoryMs);
    if (status === 200) policies.set(traceId, textOf(objectOf(body).policy));
  };
  if (settings.output !== 'ids')
    await Promise.all(traces.slice(0, maxAsked).map((trace) => ask(trace).catch(() => {})));
  return traces.map((trace) => ({ ...trace, policy: policies.get(trace.traceId) ?? '' }));
}

function show(rows: readonly Row[], settings: Settings): string {
  if (settings.output === 'ids') return rows.map((row) => `${row.traceId}\n`).join('');
  if (settings.output === 'jsonl') return rows.map((row) => `${jsonText(record(row))}\n`).join('');
  if (settings.output === 'json') return `${jsonText(rows.map(record), 2)}\n`;
  const columns = columnsOf(settings, paintFor(settings.color)).filter(
    ({ title }) =>
      (title !== 'POLICY' || rows.some((row) => row.policy)) &&
      (title !== 'VERDICT' || rows.some((row) => row.verdict)),
  );
  return table(columns, rows, settings.io.isTTY ? settings.io.columns : undefined);
}

const columnsOf = ({ io }: Settings, paint: Paint): Column<Row>[] => [
  { title: 'START', text: (row) => localTime(row.startMs, io.timeZone) },
  { title: 'TRACE', text: (row) => row.traceId },
  {
    title: 'SERVICE',
    text: (row) => row.rootService,
    shrinks: true,
    paint: (text, row) => paint.service(text, row.rootService),
  },
  { title: 'ROOT', text: (row) => row.rootName, shrinks: true },
  { title: 'DURATION', text: (row) => (row.durationMs < 1 ? '<1ms' : formatNs(row.durationMs * 1e6)), align: 'right' },
  { title: 'SPANS', text: spansOf, align: 'right' },
  {
    title: 'ERRORS',
    text: (row) => String(row.errors ?? '-'),
    align: 'right',
    paint: (text, row) => (row.errors ? paint.red(text) : text),
  },
  { title: 'VERDICT', text: (row) => verdictWord(row.verdict) },
  { title: 'POLICY', text: (row) => row.policy },
];

/** Of those in the window, where some are missing, of how many. */
const spansOf = ({ spans, missingSpans = 0 }: Row): string =>
  missingSpans > 0 ? `${spans ?? '?'} of ${(spans ?? 0) + missingSpans}` : String(spans ?? '-');

const record = ({ startMs, ...row }: Row) => ({ ...row, start: new Date(startMs).toISOString() });
