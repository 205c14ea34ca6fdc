import type { Target } from '../target.ts';
import { jsonTarget } from './json.ts';
import { scanTarget } from './scan.ts';

/** Everything that reads what strangers send. */
export const targets: readonly Target[] = [scanTarget, jsonTarget];

export function targetOf(name: string): Target {
  const target = targets.find((each) => each.name === name);
  if (target === undefined)
    throw new Error(`no target ${name}: there are ${targets.map((each) => each.name).join(', ')}`);
  return target;
}
