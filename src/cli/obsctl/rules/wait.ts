import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '../../../clock.ts';
import type { Status } from '../../../telemetry/status.ts';
import { parseDuration } from '../../../traceql/duration.ts';
import { CommandError, exit } from '../../exit.ts';
import { readStatus } from '../answers.ts';
import { printable } from '../cells.ts';
import type { Place } from '../http-json.ts';
import type { Settings } from '../settings.ts';

/** Between two questions. */
const pauseMs = 100;

/** What is waited for: the change of this index in this folder. */
export interface Awaited {
  readonly folder: string;
  readonly index: number;
}

/**
 * Waits until every gateway has the change in force, by the monotonic clock at most `forMs`. CommandError names each
 * that has not, and why: it refused it, it reads another folder, it does not answer.
 */
export async function waitFor(settings: Settings, awaited: Awaited, forMs: number): Promise<void> {
  const until = systemClock.monotonicMs() + forMs;
  const results = await Promise.all(
    settings.gateways.map((gateway) => untilInForce(settings, gateway, awaited, until)),
  );
  const late = results.filter((why) => why !== '');
  if (late.length === 0) return;
  throw new CommandError(
    `written to Consul, but not in force everywhere within ${forMs / 1000}s:\n${late.map((why) => `  ${why}`).join('\n')}`,
  );
}

async function untilInForce(settings: Settings, gateway: Place, awaited: Awaited, until: number): Promise<string> {
  for (;;) {
    const { settled, why } = await standingOf(
      settings,
      gateway,
      awaited,
      Math.max(1, Math.ceil(until - systemClock.monotonicMs())),
    );
    if (settled) return why && `${gateway.base}: ${why}`;
    if (systemClock.monotonicMs() + pauseMs > until || settings.io.signal?.aborted) return `${gateway.base}: ${why}`;
    await sleep(pauseMs);
  }
}

/** How it stands with one gateway; `why` is empty where the change is in force. */
async function standingOf({ client }: Settings, gateway: Place, awaited: Awaited, withinMs: number) {
  try {
    const { body } = await client.get(gateway, '/api/status', [], Math.min(5_000, withinMs));
    return judge(readStatus(body, gateway).rules, awaited);
  } catch (error) {
    if (error instanceof CommandError) return { settled: error.exitCode === exit.notAllowed, why: error.message };
    throw error;
  }
}

/** By what a gateway says of its rules. Pure. */
export function judge(rules: Status['rules'], { folder, index }: Awaited): { settled: boolean; why: string } {
  const inForce = `in force is ${printable(rules.revision)} from ${printable(rules.source)}`;
  // A gateway of before this said neither of these.
  const { follows = rules.source, sourceIndex = rules.modifyIndex, sourceRefusal = '', sourceError } = rules;
  if (follows !== `consul:${folder}` && follows !== `last-good:consul:${folder}`)
    return { settled: true, why: `it follows ${printable(follows)}, not consul:${folder}` };
  if (sourceIndex < index) {
    const why = sourceError ? `Consul does not answer it: ${printable(sourceError)}` : 'it has not seen the change yet';
    return { settled: false, why: `${why}; ${inForce}` };
  }
  if (sourceRefusal !== '')
    return { settled: true, why: `it refuses the rules: ${printable(sourceRefusal)}; ${inForce}` };
  return rules.source === `consul:${folder}` ? { settled: true, why: '' } : { settled: false, why: inForce };
}

/** Of `--wait` without a time, and with one. */
export function waitMsOf(wait: string | true): number {
  const ns = wait === true ? 30e9 : parseDuration(wait);
  if (ns) return ns / 1e6;
  throw new CommandError(`--wait ${wait}: expected a time such as 30s`, exit.usage);
}
