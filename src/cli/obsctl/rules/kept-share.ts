import * as v from 'valibot';
import { CommandError, exit } from '../../exit.ts';
import type { Place } from '../http-json.ts';
import type { Settings } from '../settings.ts';

/** As much of the answer of POST /api/simulate as counts here: traces of the window, and those that would be kept. */
const simulated = v.looseObject({
  traces: v.pipe(v.number(), v.minValue(0)),
  candidate: v.looseObject({ keptTraces: v.pipe(v.number(), v.minValue(0)) }),
});

/** Longer than a gateway looks at its window. */
const answerWithinMs = 45_000;

/**
 * The share of the window's traces that would be kept with these rules as keys over the gateway's rules file, 0 to 1, by
 * its own simulation; undefined where the window holds no trace.
 */
export async function keptShare(
  { client, timeoutMs }: Pick<Settings, 'client' | 'timeoutMs'>,
  gateway: Place,
  rules: string,
): Promise<number | undefined> {
  const within = Math.max(timeoutMs, answerWithinMs);
  const { status, body } = await client.post(gateway, '/api/simulate', { rules, over: 'file' }, without, within);
  if (status !== 200) throw new CommandError(`${gateway.base} ${noWindow}`);
  const answer = v.safeParse(simulated, body);
  if (!answer.success) throw new CommandError(`${gateway.base} answered something that is not a simulation`);
  const { traces, candidate } = answer.output;
  return traces === 0 ? undefined : candidate.keptTraces / traces;
}

/** Answers of a gateway that has none. */
const without = [404, 405, 501];
const noWindow =
  'has no window of past traces to try rules on (window in its boot file): leave --max-kept out, or say --yes to write without';

/** 0 to 1, of `20%` or `20`. */
export function shareOf(text: string): number {
  const [, number] = /^(\d+(?:\.\d+)?) ?%?$/.exec(text.trim()) ?? [];
  const share = Number(number) / 100;
  if (share >= 0 && share <= 1) return share;
  throw new CommandError(`--max-kept ${text}: expected a share such as 20%`, exit.usage);
}
