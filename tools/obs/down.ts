import { parts } from './parts.ts';
import { stop } from './process.ts';
import type { Started } from './state.ts';

/** Ends them, the senders first, so that the gateway delivers all it was sent. Returns a line for each that ran. */
export async function stopProcesses(processes: readonly Started[]): Promise<string[]> {
  const told: string[] = [];
  for (const { name, stopWithinMs, outlastsSigterm } of parts.toReversed()) {
    for (const process of processes.filter((each) => each.name === name)) {
      const how = await stop(process, stopWithinMs);
      if (how === 'killed' && outlastsSigterm !== undefined) told.push(`${name}: ended (${outlastsSigterm})`);
      else if (how !== undefined) told.push(`${name}: ${how}`);
    }
  }
  return told;
}
