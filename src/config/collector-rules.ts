import type { Problem, RulesDocument } from '../model/rules.ts';
import { isBlock, show, unknownKey } from '../units.ts';
import { collectorSettings } from './collector-settings.ts';

/** A `tail_sampling` block of the Collector's configuration, found in a text. */
export interface CollectorBlock {
  /** Where it stands. */
  readonly path: readonly string[];
  readonly policies: unknown;
  /** What else stands there, each with what becomes of it. */
  readonly notes: readonly string[];
  readonly problems: readonly Problem[];
}

/** What a pasted list says alone: the operator expects the traces that the Collector keeps, and no others. */
export const knobsOff = {
  baseline_percent: null,
  latency_threshold_ms: null,
  error_status_codes: null,
  routes: null,
} satisfies Partial<RulesDocument>;

/**
 * Finds the block in a whole configuration (`processors: tail_sampling: …`), under its own name, or by itself, known by
 * its settings beside `policies`. Undefined for whatever else: rules of ours.
 */
export function collectorBlock(document: unknown): CollectorBlock | undefined {
  if (!isBlock(document)) return undefined;
  if (isBlock(document.processors)) return among(document.processors, ['processors'], otherSections(document));
  if (namesOf(document).length > 0) return among(document, [], []);
  const settings = Object.keys(document).filter((key) => Object.hasOwn(collectorSettings, key));
  return Object.hasOwn(document, 'policies') && settings.length > 0 ? read(document, [], []) : undefined;
}

/** Processors are called by their type, or by type/name. */
const namesOf = (block: Readonly<Record<string, unknown>>) =>
  Object.keys(block).filter((name) => /^tail_sampling(\/|$)/.test(name));

function among(block: Readonly<Record<string, unknown>>, path: readonly string[], notes: string[]): CollectorBlock {
  const names = namesOf(block);
  const wrong = (message: string) => ({ path, policies: [], notes: [], problems: [{ path, message }] });
  if (names.length === 0) return wrong('expected tail_sampling among them: the rules are its policies');
  if (names.length > 1) return wrong(`${names.length} of tail_sampling: leave the one that is meant`);
  const others = Object.keys(block).filter((name) => name !== names[0]);
  if (others.length > 0) notes.push(`${others.map((name) => keyOf([...path, name])).join(', ')}: ${elsewhere}`);
  return read(block[names[0]!], [...path, names[0]!], notes);
}

const elsewhere = 'not rules: the boot file says what is received, changed and exported';

function otherSections(document: Readonly<Record<string, unknown>>): string[] {
  const others = Object.keys(document).filter((key) => key !== 'processors');
  return others.length > 0 ? [`${others.join(', ')}: ${elsewhere}`] : [];
}

function read(block: unknown, path: readonly string[], notes: string[]): CollectorBlock {
  if (!isBlock(block))
    return { path, policies: [], notes, problems: [{ path, message: 'expected a block with policies' }] };
  const problems: Problem[] = [];
  for (const [key, value] of Object.entries(block)) {
    if (key === 'policies') continue;
    if (Object.hasOwn(collectorSettings, key))
      notes.push(`${keyOf([...path, key])}: ${collectorSettings[key]!(show(value))}`);
    else
      problems.push({
        path: [...path, key],
        message: unknownKey(key, ['policies', ...Object.keys(collectorSettings)]),
      });
  }
  const none = block.policies === undefined || (Array.isArray(block.policies) && block.policies.length === 0);
  if (none) problems.push({ path: [...path, 'policies'], message: 'expected at least one policy' });
  return { path, policies: block.policies ?? [], notes, problems };
}

const keyOf = (path: readonly string[]) => path.join('.');
