import { maxWords } from '../model/conditions.ts';
import type { ExportWhen } from '../model/destinations.ts';
import type { PolicyState, SpanPredicate, TracePredicate } from '../model/predicates.ts';
import type { PolicyDocument, Problem, RulesDocument } from '../model/rules.ts';
import { type Ballot, maxPolicies, type PolicySet, type WatchedCondition } from '../model/verdict.ts';
import { compileTogether } from '../regex/regex.ts';
import { ConditionsBuilder } from './conditions.ts';
import { compileDestinations } from './destinations.ts';
import { faultsOf } from './failing.ts';
import { maskOf } from './mask.ts';
import { type CompiledPolicy, compilePolicy } from './policies/index.ts';
import { routePredicate } from './policies/route.ts';
import { policyOf } from './policy.ts';
import { apart, MeasuredState, maxPolicyBytes, noState } from './state.ts';
import { voteTable } from './vote-table.ts';
import { witnessTest } from './witness.ts';

/**
 * Rules document → policy set, or everything that is wrong with it. Pure: the same document always compiles to the same
 * set. `environment` picks the baseline; `debug` (TRACE_DEBUG) keeps every trace whatever the document says.
 */
export function compileRules(
  document: RulesDocument,
  environment: string,
  options: {
    readonly debug: boolean;
    readonly state?: PolicyState;
    /** `export[].when` of each exporter, for the traces of this tenant. */
    readonly destinations?: { readonly whens: readonly (ExportWhen | undefined)[]; readonly tenant: string };
    /** Where several sets are asked of the same spans: what they ask together is `conditions.build()` in the end. */
    readonly conditions?: ConditionsBuilder;
  },
): { readonly policies: PolicySet } | { readonly problems: readonly Problem[] } {
  const debug = options.debug || document.debug === true;
  const { policies: named, shadows, problems } = lowerRules(document, environment, debug);
  if (named.length > maxPolicies) {
    const message = `${named.length} policies with the knobs; expected at most ${maxPolicies}`;
    problems.push({ path: ['policies'], message });
  }
  if (problems.length > 0) return { problems };
  const conditions = options.conditions ?? new ConditionsBuilder();
  const state = new MeasuredState(options.state ?? noState());
  const ballot = (all: readonly NamedPolicy[], own: PolicyState): Ballot => {
    const policies = all.map(({ name, ...policy }) => policyOf(name, policy, conditions, own));
    const witnesses = all.map(({ when, drops }) => (drops ? undefined : witnessTest(when, conditions)));
    return { policies, votes: voteTable(policies), said: all, witnesses };
  };
  // What a shadow policy takes from a limiter, another of the same words must not miss.
  const [counting, shadow] = [ballot(named, state), ballot(shadows, apart(state, 'shadow'))];
  if (state.bytes > maxPolicyBytes) {
    const [taken, most] = [state.bytes, maxPolicyBytes].map((bytes) => `${Math.ceil(bytes / 2 ** 20)} MiB`);
    const message = `what policies remember takes ${taken}, expected at most ${most}: lower some max_keys`;
    return { problems: [{ path: ['policies'], message }] };
  }
  const to = options.destinations;
  const destinations = to && compileDestinations(to.whens, to.tenant, conditions);
  if (conditions.isFull) {
    const message = `more than ${maxWords * 32} different questions about spans: expected fewer`;
    return { problems: [{ path: ['policies'], message }] };
  }
  const rescues = { errors: document.late.rescue, bits: rescuingBits(counting) };
  const watched = [...named, ...shadows].flatMap(({ name: policy, when }) =>
    faultsOf(when).map((test): WatchedCondition => ({ policy, test })),
  );
  const policies = { ...counting, shadow, rescues, watched, ...(destinations && { destinations }), debug };
  return { policies: { ...policies, conditions: conditions.build() } };
}

/** The policies in the words of model/predicates.ts: knobs first, then those that are listed, as far as they have no problem. */
export function lowerRules(
  document: RulesDocument,
  environment: string,
  debug: boolean,
): {
  readonly policies: readonly NamedPolicy[];
  readonly shadows: readonly NamedPolicy[];
  readonly problems: Problem[];
} {
  const problems: Problem[] = [];
  const known = [...(debug ? [keep('debug', { op: 'always' })] : []), ...knobs(document, environment, problems)];
  return compileTogether(() => {
    const policies = [...known, ...listed(document, 'policies', problems, known)];
    return { policies, shadows: listed(document, 'shadow', problems), problems };
  });
}

/** The bits of policies that rescue, which say all that these do. */
function rescuingBits({ policies, said }: Ballot): Int32Array {
  const bits = policies.flatMap((policy, at) => (said[at].rescues && 'bits' in policy ? policy.bits : []));
  const { low, wide } = maskOf(bits);
  return bits.length === 0 ? new Int32Array(0) : Int32Array.of(low, ...(wide ?? []));
}

type NamedPolicy = CompiledPolicy & { readonly name: string };

const keep = (name: string, when: TracePredicate): NamedPolicy => ({ name, when, drops: false });
const any = (name: string, span: SpanPredicate): NamedPolicy => keep(name, { op: 'any', span });

/** The policies with fixed names, in the order in which they win a tie. */
function knobs(document: RulesDocument, environment: string, problems: Problem[]): NamedPolicy[] {
  const { error_status_codes: codes, latency_threshold_ms: slowMs, routes } = document;
  const percent = baseline(document, environment, problems);
  return [
    ...(codes === null ? [] : [any('errors', { op: 'status', codes: [...new Set(codes)].sort() })]),
    ...(slowMs === null ? [] : [any('slow', { op: 'duration', ns: { min: slowMs * 1e6, minExclusive: true } })]),
    ...(routes === null || routes.length === 0 ? [] : [any('routes', routePredicate(routes))]),
    ...(percent === null ? [] : [keep('baseline', { op: 'share', share: percent / 100 })]),
  ];
}

function baseline(document: RulesDocument, environment: string, problems: Problem[]): number | null {
  const share = document.baseline_percent;
  if (share === null || typeof share === 'number') return share;
  if (Object.hasOwn(share, environment)) return share[environment]!;
  const known = Object.keys(share).join(', ');
  const message = `no share for the environment '${environment}'; expected one beside ${known}`;
  problems.push({ path: ['baseline_percent'], message });
  return null;
}

/** Policies that a Collector called `errors` meet a knob of that name where Consul has put it on again. */
function listed(
  document: RulesDocument,
  list: 'policies' | 'shadow',
  problems: Problem[],
  knobs: readonly NamedPolicy[] = [],
): NamedPolicy[] {
  const { length } = document[list];
  if (length > maxPolicies) {
    problems.push({ path: [list], message: `${length} policies: expected at most ${maxPolicies}` });
    return [];
  }
  const taken = new Set(knobs.map(({ name }) => name));
  return document[list].flatMap((policy: PolicyDocument, index) => {
    if (taken.has(policy.name)) {
      const message = `"${policy.name}" is the name of a field that is on`;
      problems.push({ path: [list, index, 'name'], message });
    }
    if (list === 'shadow' && policy.rescue === true) {
      const message = 'a shadow policy changes nothing: it cannot bring a trace back';
      problems.push({ path: [list, index, 'rescue'], message });
    }
    const compiled = compilePolicy(policy);
    if ('when' in compiled) return [{ name: policy.name, ...compiled }];
    for (const problem of compiled) problems.push({ ...problem, path: [list, index, ...problem.path] });
    return [];
  });
}
