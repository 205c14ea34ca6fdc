import type { TracePredicate } from '../../model/predicates.ts';
import type { Problem, RulesDocument } from '../../model/rules.ts';
import { lowerRules } from '../compile.ts';
import { rulesOf } from '../tenant-rules.ts';
import { Implication } from './implication.ts';
import { idleRegexes } from './regexes.ts';
import { tightLimits } from './tight-limits.ts';

/** A policy, and where it stands. */
interface Placed {
  readonly name: string;
  readonly when: TracePredicate;
  readonly drops: boolean;
  readonly path: readonly (string | number)[];
  readonly never: boolean;
  readonly always: boolean;
}

/** The fields that are policies. */
export const knobs: Readonly<Record<string, keyof RulesDocument>> = {
  errors: 'error_status_codes',
  slow: 'latency_threshold_ms',
  routes: 'routes',
  baseline: 'baseline_percent',
};

/**
 * What in rules that compile is probably not meant: policies that can never hold, that say what others say, that a drop
 * makes idle, or that make all others idle. Pure; empty for rules that do not compile. Each is true of every trace, by
 * the form of the rules alone.
 */
export function lintRules(document: RulesDocument, environment: string): Problem[] {
  const about = new Implication();
  const common = lintOne(document, environment, about);
  return common === undefined ? [] : [...common, ...tenantDoubts(document, environment, about)];
}

/** Of rules that are somebody's alone: what they have from the document is told there. */
function tenantDoubts(document: RulesDocument, environment: string, about: Implication): Problem[] {
  return Object.entries(document.tenants ?? {}).flatMap(([name, own]): Problem[] => {
    const doubts = lintOne(rulesOf(document, name), environment, about) ?? [];
    const isOwn = ({ path }: Problem): boolean => path.length === 0 || Object.hasOwn(own, String(path[0]));
    return doubts.filter(isOwn).map((doubt) => ({ ...doubt, path: ['tenants', name, ...doubt.path] }));
  });
}

/** Undefined for rules that do not compile. */
function lintOne(document: RulesDocument, environment: string, about: Implication): Problem[] | undefined {
  const { policies: lowered, shadows, problems } = lowerRules(document, environment, false);
  if (problems.length > 0) return undefined;
  const policies = placed(lowered, document, about);
  const shadow = shadowDoubts(shadows, policies, about);
  const within = (list: 'policies' | 'shadow') =>
    document[list].flatMap((policy, at) => [...idleRegexes(policy, [list, at]), ...tightLimits(policy, [list, at])]);
  if (document.debug === true) return [...shadow, ...within('shadow')];
  const keeps = policies.filter(({ drops }) => !drops);
  if (keeps.every(({ never }) => never))
    return [{ path: [], message: 'no policy keeps anything' }, ...shadow, ...within('shadow')];
  const telling = policies.filter(({ never, always }) => !never && !always);
  return [
    ...policies.flatMap((policy) => ofOne(policy, keeps.length > 1)),
    ...telling.flatMap((policy, at) => ofOthers(policy, telling, at, about)),
    ...within('policies'),
    ...shadow,
    ...within('shadow'),
  ];
}

type Lowered = ReturnType<typeof lowerRules>['policies'];

/** Policies that are watched beside those that count. */
function shadowDoubts(shadows: Lowered, policies: readonly Placed[], about: Implication): Problem[] {
  return shadows.flatMap(({ when, drops }, at): Problem[] => {
    const tell = (message: string): Problem[] => [{ path: ['shadow', at], message }];
    const verb = drops ? 'drop' : 'keep';
    if (about.never(when)) return tell(`can never hold, so that it would ${verb} nothing`);
    if (about.always(when)) return tell(`would ${verb} every trace`);
    const same = policies.find((policy) => policy.drops === drops && about.same(policy.when, when));
    return same === undefined ? [] : tell(`says the same as '${same.name}', which counts already`);
  });
}

function placed(policies: Lowered, document: RulesDocument, about: Implication): Placed[] {
  const first = policies.length - document.policies.length;
  return policies.map((policy, at) => ({
    ...policy,
    path: at < first ? [knobs[policy.name] ?? policy.name] : ['policies', at - first],
    never: about.never(policy.when),
    always: about.always(policy.when),
  }));
}

/** A baseline of nothing is a wish. */
function ofOne({ name, when, drops, path, never, always }: Placed, hasOthers: boolean): Problem[] {
  const tell = (message: string): Problem[] => [{ path, message }];
  if (never) return name === 'baseline' ? [] : tell(`can never hold, so that it ${drops ? 'drops' : 'keeps'} nothing`);
  if (always && drops) return tell('drops every trace');
  if (always) return hasOthers ? tell('keeps every trace, so that no other policy keeps any more') : [];
  const healthy = when.op === 'any' && when.span.op === 'status' && when.span.codes.includes('UNSET');
  return healthy ? tell('UNSET is the code of nearly every healthy span') : [];
}

/** What other policies make of this one: the first that says something of it is told. */
function ofOthers(policy: Placed, all: readonly Placed[], at: number, about: Implication): Problem[] {
  const { when, drops, path } = policy;
  for (const [otherAt, other] of all.entries()) {
    if (other === policy || (drops && !other.drops) || !about.implies(when, other.when)) continue;
    const tell = (message: string): Problem[] => [{ path, message }];
    if (other.drops && !drops) return tell(`keeps nothing: '${other.name}' drops all that it would keep`);
    const verb = drops ? 'drop' : 'keep';
    if (!about.implies(other.when, when)) return tell(`${verb}s nothing that '${other.name}' does not ${verb} as well`);
    // Of two that say the same, the first one counts.
    if (otherAt < at) return tell(`says the same as '${other.name}'`);
  }
  return [];
}
