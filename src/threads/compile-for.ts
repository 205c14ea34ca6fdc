import { compileRules } from '../decide/compile.ts';
import type { PolicyMemory, SharedNumbers } from '../decide/state.ts';
import { rulesOf } from '../decide/tenant-rules.ts';
import type { Tenant } from '../model/tenant.ts';
import type { PolicySet } from '../model/verdict.ts';
import type { RulesRevision, ShardConfig } from './shards.ts';

/**
 * One tenant's policies of rules that were found good, going on with what `memory` remembers. `given`: see
 * PolicyMemory.renew.
 */
export function compileFor(
  {
    environment,
    traceDebug: debug,
    destinations: whens,
  }: Pick<ShardConfig, 'environment' | 'traceDebug' | 'destinations'>,
  { document }: RulesRevision,
  { name }: Tenant,
  memory: PolicyMemory,
  given?: SharedNumbers,
): PolicySet {
  return memory.renew((state) => {
    const destinations = whens && { whens, tenant: name };
    const result = compileRules(rulesOf(document, name), environment, {
      debug,
      state,
      ...(destinations && { destinations }),
    });
    if ('problems' in result)
      throw new Error(`rules that were found good do not compile: ${JSON.stringify(result.problems)}`);
    return result.policies;
  }, given);
}
