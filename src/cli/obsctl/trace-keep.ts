import type { Command } from 'commander';
import { CommandError, type ExitCode, exit } from '../exit.ts';
import { printable } from './cells.ts';
import type { Run } from './command.ts';
import { listOf, objectOf, textOf } from './otlp-json.ts';
import type { Settings } from './settings.ts';
import { table } from './table.ts';
import { jsonText } from './terminal.ts';
import { parseTraceId } from './trace-id.ts';

interface KeepFlags {
  readonly query?: string;
  readonly last?: string;
}

interface Kept {
  readonly traceId: string;
  readonly state: string;
  readonly spans: number;
  /** False where there was no room for more. */
  readonly isWhole?: false;
}

export function registerTraceKeep(parent: Command, run: Run): void {
  parent
    .command('keep [ids...]')
    .description('brings traces that were dropped back out of the window, as long as they are in it')
    .option('-q, --query <TraceQL>', 'all that it finds there, instead of ids')
    .option('--last <time>', 'with --query: how far back, e.g. 5m')
    .action((ids: string[], flags: KeepFlags, command: Command) =>
      run(command, (settings) => traceKeep(requestOf(ids, flags), settings)),
    );
}

const words: Readonly<Record<string, string>> = {
  brought: 'brought back',
  kept: 'kept already',
  waiting: 'waits for its decision: try again then',
  not_found: 'not in the window',
  no_room: 'there is no room for it now, and it stays dropped: try again when less waits',
  busy: 'too many are being brought back: try again in a minute',
};

const part = ', in part: there was no room for more';

function requestOf(ids: readonly string[], { query, last }: KeepFlags): object {
  if (query === undefined && last !== undefined)
    throw new CommandError('--last belongs to --query: ids are found however long ago', exit.usage);
  if ((query === undefined) === (ids.length === 0))
    throw new CommandError('expected trace ids, or --query TraceQL', exit.usage);
  return query === undefined ? { ids: ids.map(parseTraceId) } : { query, ...(last !== undefined && { last }) };
}

/** `obsctl trace keep ID…`: exit code 0 where each is kept now, 4 where some are, 3 where none is. */
async function traceKeep(asked: object, settings: Settings): Promise<ExitCode> {
  const { io, client, gateway, output } = settings;
  const { status, body } = await client.post(gateway, '/api/keep', asked, [404]);
  if (status === 404) throw new CommandError(`${gateway.base} has no window: set window.max_bytes in its boot file`);
  const kept = listOf(objectOf(body).traces).map(keptOf);
  if (output === 'ids') for (const { traceId } of kept.filter(isKept)) io.stdout.write(`${traceId}\n`);
  else if (output === 'jsonl') for (const each of kept) io.stdout.write(`${jsonText(each)}\n`);
  else if (output === 'json') io.stdout.write(`${jsonText(kept, 2)}\n`);
  else
    io.stdout.write(
      table<Kept>(
        [
          { title: 'TRACE', text: ({ traceId }) => traceId },
          { title: 'STATE', text: ({ state, isWhole }) => `${words[state] ?? state}${isWhole === false ? part : ''}` },
          { title: 'SPANS', text: ({ spans }) => String(spans), align: 'right' },
        ],
        kept,
      ),
    );
  const count = kept.filter(isKept).length;
  const unanswered = listOf(objectOf(body).unanswered).map(({ member }) => printable(textOf(member)));
  if (unanswered.length > 0) {
    io.stderr.write(`obsctl: of these gateways it is not known: ${unanswered.join(', ')}\n`);
    return exit.partial;
  }
  if (objectOf(body).isWhole === false) {
    io.stderr.write('obsctl: there is more that the query finds: ask again, or for a shorter time (--last)\n');
    return exit.partial;
  }
  if (kept.length === 0) io.stderr.write('obsctl: the query finds no trace in the window\n');
  if (count === 0) return exit.nothing;
  return count === kept.length && kept.every(({ isWhole }) => isWhole !== false) ? exit.found : exit.partial;
}

const isKept = ({ state }: Kept): boolean => state === 'brought' || state === 'kept';

const keptOf = (it: Record<string, unknown>): Kept => ({
  traceId: textOf(it.traceId),
  state: textOf(it.state),
  spans: Number(it.spans ?? 0),
  ...(it.isWhole === false && { isWhole: false }),
});
