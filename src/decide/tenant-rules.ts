import type { Problem, RulesDocument } from '../model/rules.ts';
import { compileRules } from './compile.ts';

/** The rules of one tenant: the document's, with the fields that it has for that tenant laid over. */
export function rulesOf({ tenants, ...common }: RulesDocument, tenant: string): RulesDocument {
  return tenants !== undefined && Object.hasOwn(tenants, tenant) ? { ...common, ...tenants[tenant] } : common;
}

/**
 * What is wrong with the rules of single tenants, beside what is wrong with those of all. `names`: the tenants there
 * are; left out where nobody knows.
 */
export function tenantProblems(
  document: RulesDocument,
  environment: string,
  options: { readonly debug: boolean },
  names?: readonly string[],
): Problem[] {
  return Object.entries(document.tenants ?? {}).flatMap(([name, own]): Problem[] => {
    const path = ['tenants', name];
    if (names?.includes(name) === false) return [{ path, message: unknownTenant }];
    const result = compileRules(rulesOf(document, name), environment, options);
    const problems = 'problems' in result ? result.problems : [];
    // What a tenant has from the document is told there.
    const isOwn = (problem: Problem): boolean => Object.hasOwn(own, String(problem.path[0]));
    return problems.filter(isOwn).map((problem) => ({ ...problem, path: [...path, ...problem.path] }));
  });
}

const unknownTenant = 'no such tenant: expected one of receive.tenants.allow in the boot file';
