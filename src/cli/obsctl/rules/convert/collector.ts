import { collectorBlock, knobsOff } from '../../../../config/collector-rules.ts';
import { sentence } from '../../../../config/document.ts';
import type { Block, Converted } from './converted.ts';

/** Names of policies that are ours. */
const taken = ['debug', 'errors', 'slow', 'routes', 'baseline', 'none', 'overload'];

const adaptive =
  'adaptive_tail_sampling: no equal: its rules are another language; of its samplers, adaptive and per_key_rate come nearest';

/**
 * The policies of a Collector's `tail_sampling` as rules of ours: their syntax is the same, so that the list is taken
 * over, and what else stands there is told. Undefined where there is no such block.
 */
export function fromCollector(document: Block): Converted | undefined {
  const found = collectorBlock(document);
  if (found === undefined) return undefined;
  const notes = [...found.notes, ...found.problems.map(sentence)];
  if (JSON.stringify(document).includes('"adaptive_tail_sampling')) notes.push(adaptive);
  const policies = Array.isArray(found.policies) ? found.policies.map((each: unknown) => named(each, notes)) : [];
  return { fields: { ...knobsOff, policies }, notes };
}

function named(policy: unknown, notes: string[]): unknown {
  if (typeof policy !== 'object' || policy === null || !('name' in policy) || !taken.includes(String(policy.name)))
    return policy;
  const name = `collector-${policy.name}`;
  notes.push(`${policy.name}: is called ${name}, as rules of ours have a policy of that name`);
  return { ...policy, name };
}
