import type { PolicyDocument, Problem, RulesDocument } from '../model/rules.ts';
import { maxPolicies, type Policy, type PolicySet } from '../model/verdict.ts';
import { ConditionsBuilder } from './conditions.ts';
import { always, kinds, strayKeys, whereBit, whyUnknown } from './policies/index.ts';
import { probabilistic } from './policies/probabilistic.ts';
import { compileRoutes, routeKeys } from './policies/route.ts';
import { voteTable } from './vote-table.ts';

/**
 * Rules document → policy set, or everything that is wrong with it. Pure: the same document always compiles to the same
 * set. `environment` picks the baseline; `debug` (TRACE_DEBUG) keeps every trace whatever the document says.
 */
export function compileRules(
  document: RulesDocument,
  environment: string,
  options: { readonly debug: boolean },
): { readonly policies: PolicySet } | { readonly problems: readonly Problem[] } {
  const problems: Problem[] = [];
  const conditions = new ConditionsBuilder();
  const debug = options.debug || document.debug === true;
  const policies = [
    ...(debug ? [always('debug')] : []),
    ...knobs(document, environment, conditions, problems),
    ...listed(document.policies, conditions, problems),
  ];
  if (policies.length > maxPolicies) {
    problems.push({
      path: ['policies'],
      message: `${policies.length} policies with the knobs; expected at most ${maxPolicies}`,
    });
  }
  if (problems.length > 0) return { problems };
  return { policies: { policies, votes: voteTable(policies), conditions: conditions.build(), debug } };
}

/** The policies with fixed names, in the order in which they win a tie. */
function knobs(
  document: RulesDocument,
  environment: string,
  conditions: ConditionsBuilder,
  problems: Problem[],
): Policy[] {
  const policies: Policy[] = [];
  const { error_status_codes: codes, latency_threshold_ms: slowMs, routes } = document;
  if (codes !== null) policies.push(whereBit('errors', conditions.status(codes)));
  if (slowMs !== null) policies.push(whereBit('slow', conditions.slowerThan(slowMs)));
  if (routes !== null && routes.length > 0) {
    policies.push(
      whereBit('routes', conditions.attribute(`routes ${routes.join(' ')}`, routeKeys, compileRoutes(routes))),
    );
  }
  const percent = baseline(document, environment, problems);
  if (percent !== null) policies.push(probabilistic('baseline', percent));
  return policies;
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

function listed(documents: readonly PolicyDocument[], conditions: ConditionsBuilder, problems: Problem[]): Policy[] {
  const policies: Policy[] = [];
  documents.forEach((document, index) => {
    const kind = kinds.get(document.type);
    const found = kind ? strayKeys(document, kind) : [{ path: ['type'], message: whyUnknown(document.type) }];
    const compiled = kind?.compile(document, conditions);
    if (compiled && 'name' in compiled) policies.push(compiled);
    else if (compiled) found.push(...compiled);
    for (const problem of found) problems.push({ ...problem, path: ['policies', index, ...problem.path] });
  });
  return policies;
}
