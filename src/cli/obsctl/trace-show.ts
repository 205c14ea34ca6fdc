import type { Command } from 'commander';
import { CommandError, type ExitCode, exit } from '../exit.ts';
import type { Run } from './command.ts';
import type { OtlpTrace } from './otlp-json.ts';
import type { Settings } from './settings.ts';
import { spansOf } from './span-view.ts';
import { TempoClient } from './tempo-client.ts';
import { jsonText } from './terminal.ts';
import { parseTraceId } from './trace-id.ts';
import { renderTrace } from './trace-view.ts';
import { pastText } from './verdict.ts';

interface ShowFlags {
  readonly attrs?: boolean;
  readonly events?: boolean;
  readonly errorsOnly?: boolean;
  readonly depth?: string;
  readonly width?: string;
}

/** Where stdout is no terminal. */
const defaultWidth = 120;

export function registerTraceShow(parent: Command, run: Run): void {
  parent
    .command('show <id>')
    .description('one trace as a tree with bars on one time axis; takes an id, a traceparent or a Grafana address')
    .option('--attrs', 'with the attributes of each span')
    .option('--events', 'with its events')
    .option('--errors-only', 'only spans with errors and those above them')
    .option('--depth <n>', 'only so many levels')
    .option('--width <columns>', 'instead of the width of the terminal')
    .action((id: string, flags: ShowFlags, command: Command) =>
      run(command, (settings) => traceShow(id, flags, settings)),
    );
}

/** `obsctl trace show ID`: one trace as a tree with bars, or as OTLP JSON. */
async function traceShow(text: string, flags: ShowFlags, settings: Settings): Promise<ExitCode> {
  const id = parseTraceId(text);
  const options = {
    ...flags,
    depth: wholeNumber(flags.depth, '--depth'),
    width: wholeNumber(flags.width, '--width') ?? settings.io.columns ?? defaultWidth,
    color: settings.color,
    timeZone: settings.io.timeZone,
  };
  const fetched = await new TempoClient(settings.client, settings.tempo).trace(id);
  const spans = fetched === undefined ? [] : spansOf(fetched.trace);
  if (fetched === undefined || spans.length === 0) return nothing(id, settings);
  settings.io.stdout.write(
    settings.output === 'table'
      ? renderTrace(spans, { ...options, became: fetched.past })
      : asData(id, fetched.trace, settings),
  );
  if (fetched.past !== undefined) settings.io.stderr.write(`obsctl: ${pastText(fetched.past)}\n`);
  if (!fetched.partial) return exit.found;
  settings.io.stderr.write(`obsctl: the trace is not whole: ${fetched.partial}\n`);
  return exit.partial;
}

/** `json` for people and tools, `jsonl` as `--traces FILE` reads it: one request a line. */
function asData(id: string, trace: OtlpTrace, { output }: Settings): string {
  if (output === 'ids') return `${id}\n`;
  return `${jsonText(trace, output === 'json' ? 2 : 0)}\n`;
}

function nothing(id: string, { io, tempo }: Settings): ExitCode {
  io.stderr.write(
    `obsctl: no trace ${id} in ${tempo.base}. It may be waiting for its decision still, or have been dropped: obsctl explain ${id}\n`,
  );
  return exit.nothing;
}

function wholeNumber(text: string | undefined, flag: string): number | undefined {
  if (text === undefined) return undefined;
  if (!/^[1-9]\d{0,5}$/.test(text))
    throw new CommandError(`${flag} ${text}: expected a whole number from 1`, exit.usage);
  return Number(text);
}
