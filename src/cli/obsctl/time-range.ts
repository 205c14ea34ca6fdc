import { parseDuration } from '../../traceql/duration.ts';
import { CommandError, exit } from '../exit.ts';

/** Unix milliseconds. */
export interface TimeRange {
  readonly from: number;
  readonly to: number;
}

export interface TimeFlags {
  readonly last?: string | undefined;
  readonly since?: string | undefined;
  readonly until?: string | undefined;
}

/** Tempo refuses searches over more than this (its `max_duration`, 168 h by default). */
export const longestSearchMs = 168 * 3_600_000;

/** The time that --last, or --since and --until, stand for; the last hour without any. */
export function timeRange(flags: TimeFlags, now: number): TimeRange {
  if (flags.last !== undefined && (flags.since ?? flags.until) !== undefined)
    throw usage('--last already says the time: leave --since and --until out');
  if (flags.since === undefined && flags.until === undefined)
    return { from: Math.max(0, now - lastMs(flags.last ?? '1h')), to: now };
  const to = flags.until === undefined ? now : moment(flags.until, now, '--until');
  const from = flags.since === undefined ? to - 3_600_000 : moment(flags.since, now, '--since');
  if (from >= to) throw usage('--since must lie before --until');
  return { from, to };
}

function lastMs(text: string): number {
  const ns = parseDuration(text);
  if (!ns) throw usage(`--last ${text}: expected a duration such as 30m, 2h or 7d`);
  return ns / 1e6;
}

/** `2026-11-25T16:00:00Z`, a local `2026-11-25 17:00`, `now-1h`, `1h` (ago), or Unix seconds or milliseconds. */
function moment(text: string, now: number, flag: string): number {
  const ago = /^(?:now-?)?(.*)$/.exec(text)![1];
  if (text === 'now') return now;
  const ns = parseDuration(ago);
  if (ns !== undefined && ago !== '0') return Math.max(0, now - ns / 1e6);
  if (/^\d{10}(\d{3})?$/.test(text)) return text.length === 10 ? Number(text) * 1000 : Number(text);
  const parsed = /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(localDay(text)) : Number.NaN;
  if (Number.isNaN(parsed))
    throw usage(`${flag} ${text}: expected a time such as 2026-11-25T16:00:00Z, "2026-11-25 17:00", now-2h or 2h`);
  return parsed;
}

/** A date alone means local midnight, as a date with a time does; Date.parse would take it for UTC. */
const localDay = (text: string): string => (/^\d{4}-\d\d-\d\d$/.test(text) ? `${text}T00:00` : text.replace(' ', 'T'));

const usage = (message: string): CommandError => new CommandError(message, exit.usage);
