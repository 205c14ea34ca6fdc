import { collectorBlock, knobsOff } from '../../../../config/collector-rules.ts';
import { sentence } from '../../../../config/document.ts';
import { type Block, type Converted, withOwnNames } from './converted.ts';

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
  const policies = Array.isArray(found.policies) ? withOwnNames(found.policies, 'collector', notes) : [];
  return { fields: { ...knobsOff, policies }, notes };
}
