import { type Destinations, type ExportWhen, everyExporter } from '../model/destinations.ts';
import type { TraceFacts, TracePredicate } from '../model/predicates.ts';
import type { PolicyDocument, Problem } from '../model/rules.ts';
import type { ConditionsBuilder } from './conditions.ts';
import { compilePolicy } from './policies/index.ts';
import { noState } from './state.ts';
import { traceTest } from './trace-test.ts';

/**
 * What `export[].when.policies` asks of a trace, or all that is wrong with it: as in the rules, any policy that drops
 * beats those that keep. Policies that count what came before have no place here: what one exporter gets would hang on
 * what others got.
 */
export function lowerWhen(policies: readonly PolicyDocument[]): TracePredicate | readonly Problem[] {
  const problems: Problem[] = [];
  const keeps: TracePredicate[] = [];
  const drops: TracePredicate[] = [];
  policies.forEach((policy, index) => {
    const tell = (path: Problem['path'], message: string): number =>
      problems.push({ path: ['policies', index, ...path], message });
    const compiled = compilePolicy(policy);
    if (!('when' in compiled)) {
      for (const { path, message } of compiled) tell(path, message);
      return;
    }
    if (policy.rescue !== undefined) tell(['rescue'], 'brings no trace back here: expected in the rules');
    if (remembers(compiled.when)) tell(['type'], `${policy.type} counts what came before: expected in the rules`);
    (compiled.drops ? drops : keeps).push(compiled.when);
  });
  if (problems.length > 0) return problems;
  if (keeps.length === 0) {
    const message = 'nothing would go to this exporter: expected a policy that keeps, such as always_sample';
    return [{ path: ['policies'], message }];
  }
  const kept: TracePredicate = { op: 'or', of: keeps };
  return drops.length === 0 ? kept : { op: 'and', of: [kept, { op: 'not', of: { op: 'or', of: drops } }] };
}

/** Where one tenant's traces go; undefined where all of them go everywhere. `whens`: exporter by exporter. */
export function compileDestinations(
  whens: readonly (ExportWhen | undefined)[],
  tenant: string,
  conditions: ConditionsBuilder,
): Destinations | undefined {
  if (whens.every((when) => when === undefined)) return undefined;
  let always = 0;
  const asked: Destinations['asked'][number][] = [];
  const said: Destinations['said'][number][] = [];
  whens.forEach((when, exporter) => {
    if (when?.tenants?.includes(tenant) === false) {
      said.push('other tenants');
      return;
    }
    if (when?.policies === undefined) {
      always |= 1 << exporter;
      said.push('all');
      return;
    }
    const lowered = lowerWhen(when.policies);
    if (!('op' in lowered)) throw new Error(`export.when that was found good: ${JSON.stringify(lowered)}`);
    said.push(lowered);
    asked.push({ exporter, test: traceTest(lowered, conditions, noState()) });
  });
  return always === 2 ** whens.length - 1 ? undefined : { always, asked, said };
}

/** The exporters that a trace goes to, as a set. */
export function exportersOf(destinations: Destinations | undefined, facts: TraceFacts): number {
  if (destinations === undefined) return everyExporter;
  let exporters = destinations.always;
  for (const { exporter, test } of destinations.asked) if (test.ask(facts)) exporters |= 1 << exporter;
  return exporters;
}

function remembers(predicate: TracePredicate): boolean {
  switch (predicate.op) {
    case 'stateful':
      return true;
    case 'not':
      return remembers(predicate.of);
    case 'and':
    case 'or':
      return predicate.of.some(remembers);
    case 'first':
      return predicate.of.some(({ when, decides }) => remembers(when) || remembers(decides));
    default:
      return false;
  }
}
