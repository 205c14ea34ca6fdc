import { knobsOff } from '../../../../config/collector-rules.ts';
import { isBlock } from '../../../../units.ts';
import { type Block, type Converted, type PolicyBlock, withOwnNames } from './converted.ts';
import { type Condition, convertCondition } from './refinery-conditions.ts';

/** A policy without a name, to stand inside of another. */
type Part = Block & { readonly type: string };

/**
 * One sampler of Refinery's rules file (`Samplers: name: …`) as rules of ours; `__default__` where it has none of that
 * name. Undefined where it is no such file. Source: honeycombio/refinery v3, refinery_rules.md.
 */
export function fromRefinery(document: Block, environment: string): Converted | undefined {
  const samplers = document.Samplers;
  if (!isBlock(samplers)) return undefined;
  const notes: string[] = [];
  const name = Object.hasOwn(samplers, environment) ? environment : '__default__';
  const others = Object.keys(samplers).filter((each) => each !== name);
  if (others.length > 0) notes.push(`Samplers: ${name} is taken; for ${others.join(', ')} convert again with -e`);
  const sampler = samplers[name];
  if (!isBlock(sampler)) return { fields: knobsOff, notes: [...notes, `Samplers.${name}: there is none`] };
  const [kind, options] = only(sampler);
  if (kind === 'RulesBasedSampler')
    return { fields: { ...knobsOff, policies: withOwnNames(rulesOf(options, notes), 'refinery', notes) }, notes };
  if (kind === 'DeterministicSampler')
    return { fields: { ...knobsOff, baseline_percent: percentOf(options.SampleRate) }, notes };
  const part = samplerPart(kind, options, notes);
  return { fields: { ...knobsOff, policies: part ? [{ name: 'refinery', ...part }] : [] }, notes };
}

const only = (block: Block): [string, Block] => {
  const [kind = '', options] = Object.entries(block)[0] ?? [];
  return [kind, isBlock(options) ? options : {}];
};

interface Rule {
  readonly name: string;
  /** All must hold. */
  readonly parts: readonly Part[];
  readonly drops: boolean;
  /** What keeps only some of its traces. */
  readonly share: Part | undefined;
}

/**
 * The first rule that matches counts there; here any policy that keeps, and drop before all. So a rule holds where no
 * rule above it does, as far as that makes a difference: what is kept for certain above is kept anyway.
 */
function rulesOf({ Rules: rules, CheckNestedFields: nested }: Block, notes: string[]): PolicyBlock[] {
  if (nested === true) notes.push('CheckNestedFields: no equal: an attribute is asked by its whole name');
  const read = (Array.isArray(rules) ? rules : []).filter(isBlock).flatMap((rule, at) => ruleOf(rule, at, notes) ?? []);
  const policies = read.map(({ name, parts, drops, share }, at): PolicyBlock => {
    const above = read.slice(0, at).filter((rule) => !rule.drops && (drops || rule.share !== undefined));
    const all = [...parts, ...above.map((rule) => not(conjunction(rule.parts))), ...(share ? [share] : [])];
    return { name, ...(drops ? dropOf(all) : conjunction(all)) };
  });
  if (read.some(({ parts }) => parts.length === 0)) return policies;
  // Refinery keeps what no rule matches.
  const rest = read
    .filter(({ drops, share }) => !drops && share !== undefined)
    .map(({ parts }) => not(conjunction(parts)));
  return [...policies, { name: 'no rule matched', ...conjunction(rest) }];
}

/** Undefined for a rule that would drop more than it does there. */
function ruleOf(rule: Block, at: number, notes: string[]): Rule | undefined {
  const name =
    typeof rule.Name === 'string' && rule.Name.trim() !== '' ? rule.Name.trim().slice(0, 128) : `rule ${at + 1}`;
  const told = (text: string): void => void notes.push(`${name}: ${text}`);
  const conditions = (Array.isArray(rule.Conditions) ? rule.Conditions : []).filter(isBlock).map(convertCondition);
  const unknown = conditions.flatMap((each) => ('none' in each ? [each.none] : []));
  const drops = !isBlock(rule.Sampler) && (rule.Drop === true || rule.SampleRate === 0);
  if (drops && unknown.length > 0)
    return void told(`${unknown.join('; ')}: the rule is left out, as it would drop more`);
  for (const each of unknown) told(`${each}: left out, so that more traces match`);
  const parts = partsOf(conditions, rule.Scope === 'span');
  const rate = typeof rule.SampleRate === 'number' ? rule.SampleRate : 1;
  if (isBlock(rule.Sampler)) {
    const [kind, options] = only(rule.Sampler);
    return { name, parts, drops: false, share: samplerPart(kind, options, notes) };
  }
  if (!drops && rate > 1) told('its share goes by the trace’s own randomness, not by chance anew');
  return { name, parts, drops, share: !drops && rate > 1 ? shareOf(rate) : undefined };
}

function partsOf(conditions: readonly Condition[], sameSpan: boolean): Part[] {
  const ofSpans = conditions.flatMap((each) => ('span' in each ? [each.span] : []));
  const ofTrace = conditions.flatMap((each) => ('trace' in each ? [each.trace as Part] : []));
  const asked = sameSpan && ofSpans.length > 0 ? [ofSpans.join(' and ')] : ofSpans;
  const ottl = asked.map(
    (span): Part => ({ type: 'ottl_condition', ottl_condition: { error_mode: 'ignore', span: [span] } }),
  );
  return [...ottl, ...ofTrace];
}

const unnamed = (parts: readonly Part[]): PolicyBlock[] =>
  parts.map((part, at) => ({ name: `part ${at + 1}`, ...part }));

function conjunction(parts: readonly Part[]): Part {
  if (parts.length === 0) return { type: 'always_sample' };
  return parts.length === 1 ? parts[0]! : { type: 'and', and: { and_sub_policy: unnamed(parts) } };
}

const dropOf = (parts: readonly Part[]): Part => ({
  type: 'drop',
  drop: { drop_sub_policy: unnamed(parts.length > 0 ? parts : [{ type: 'always_sample' }]) },
});

const not = (part: Part): Part => ({ type: 'not', not: { not_sub_policy: { name: 'rule above', ...part } } });

const percentOf = (rate: unknown): number => (typeof rate === 'number' && rate > 1 ? rounded(100 / rate) : 100);
const rounded = (value: number): number => Number(value.toPrecision(12));
const shareOf = (rate: unknown): Part => ({
  type: 'probabilistic',
  probabilistic: { sampling_percentage: percentOf(rate) },
});

/** Those that go by how often a key comes, to a rate or to a throughput. */
const goals: Readonly<Record<string, (options: Block) => Block>> = {
  DynamicSampler: ({ SampleRate }) => ({ percentage: percentOf(SampleRate) }),
  EMADynamicSampler: ({ GoalSampleRate }) => ({ percentage: percentOf(GoalSampleRate) }),
  EMAThroughputSampler: ({ GoalThroughputPerSec }) => ({ spans_per_second: GoalThroughputPerSec }),
  WindowedThroughputSampler: ({ GoalThroughputPerSec }) => ({ spans_per_second: GoalThroughputPerSec }),
  TotalThroughputSampler: ({ GoalThroughputPerSec }) => ({ spans_per_second: GoalThroughputPerSec }),
};

const equals: Readonly<Record<string, string>> = {
  AdjustmentInterval: 'adjustment_interval',
  ClearFrequency: 'adjustment_interval',
  Weight: 'weight',
  MaxKeys: 'max_keys',
};

function samplerPart(kind: string, options: Block, notes: string[]): Part | undefined {
  if (kind === 'DeterministicSampler')
    return percentOf(options.SampleRate) < 100 ? shareOf(options.SampleRate) : undefined;
  if (!Object.hasOwn(goals, kind)) {
    notes.push(`${kind || 'Sampler'}: no equal: left out, so that all of its traces are kept`);
    return undefined;
  }
  const { FieldList: fields, ...rest } = options;
  const list = Array.isArray(fields) ? fields.map(String) : [];
  const taken = Object.entries(rest).flatMap(([key, value]) =>
    Object.hasOwn(equals, key) ? [[equals[key]!, value]] : [],
  );
  for (const key of Object.keys(rest))
    if (!Object.hasOwn(equals, key) && !/^(Goal|SampleRate$)/.test(key))
      notes.push(`${kind}.${key}: no equal, left out`);
  const ofRoot = list.filter((field) => field.startsWith('root.'));
  if (ofRoot.length > 0 && ofRoot.length < list.length)
    notes.push(`${kind}.FieldList: of all spans, though ${ofRoot.join(', ')} are of the root there`);
  return {
    type: 'adaptive',
    adaptive: {
      ...goals[kind]!(options),
      ...(list.length > 0 && {
        attributes: list.map((field) => field.replace(/^root\./, '')),
        from: ofRoot.length === list.length ? 'root' : 'all',
      }),
      ...Object.fromEntries(taken),
    },
  };
}
