import type { Compile } from '../config/rules-reading.ts';
import { compileRules } from '../decide/compile.ts';
import { lintRules } from '../decide/lint/lint.ts';
import { tenantProblems } from '../decide/tenant-rules.ts';
import type { RulesRevision } from './shards.ts';

/** What rules are compiled for; plain values. */
export interface RulesSetting {
  readonly environment: string;
  readonly debug: boolean;
  readonly tenants: readonly string[];
}

/** Rules that every shard can compile, with the names of their policies; plain values. */
export type CheckedRules = RulesRevision & { readonly names: readonly string[] };

/**
 * Compiles rules for everybody to see whether each can be, and what in them is probably not meant. `compiling` is told that
 * it begins and ends to do what every shard will have to do.
 */
export const checking =
  (
    { environment, debug, tenants }: RulesSetting,
    compiling: (begins: boolean) => void = () => {},
  ): Compile<CheckedRules> =>
  (document, name) => {
    compiling(true);
    const result = compileRules(document, environment, { debug });
    compiling(false);
    const problems = tenantProblems(document, environment, { debug }, tenants);
    if ('problems' in result) return { problems: [...result.problems, ...problems] };
    if (problems.length > 0) return { problems };
    const warnings = lintRules(document, environment);
    return { policies: { document, name, names: result.policies.policies.map((policy) => policy.name) }, warnings };
  };
