import { parseDuration } from '../../../traceql/duration.ts';
import { CommandError, exit } from '../../exit.ts';

export const locks = ['governance', 'compliance'] as const;

/** For how long nobody should delete an archive. */
export interface Hold {
  /** Unix milliseconds. */
  readonly untilMs: number;
  /** How a store of S3's kind enforces it; left out: it is written down, and nothing enforces it. */
  readonly lock?: (typeof locks)[number];
}

const dayMs = 86_400_000;
const longestMs = 100 * 365 * dayMs;

/**
 * `--hold 1y`, `90d`, or a day such as 2027-12-31. A hold ends with its day (UTC): manifests are told apart by that day,
 * so whoever holds longer within it holds no shorter than was asked.
 */
export function holdOf(text: string | undefined, nowMs: number, lock?: Hold['lock']): Hold | undefined {
  if (text === undefined) {
    if (lock === undefined) return undefined;
    throw new CommandError('--lock belongs to --hold: say for how long, e.g. --hold 1y', exit.usage);
  }
  const untilMs = dayEndMs(text) ?? nowMs + (parseDuration(text) ?? Number.NaN) / 1e6;
  if (!(untilMs > nowMs && untilMs - nowMs <= longestMs))
    throw new CommandError(
      `--hold ${text}: expected a time such as 90d or 1y, or a day to come such as 2027-12-31, at most 100 years`,
      exit.usage,
    );
  return { untilMs: Math.floor(untilMs / dayMs) * dayMs + dayMs - 1000, ...(lock && { lock }) };
}

function dayEndMs(text: string): number | undefined {
  if (!/^\d{4}-\d\d-\d\d$/.test(text)) return undefined;
  const startMs = Date.parse(`${text}T00:00:00Z`);
  const isDay = !Number.isNaN(startMs) && new Date(startMs).toISOString().startsWith(text);
  return isDay ? startMs + dayMs - 1000 : Number.NaN;
}
