import { mergeLayers, parseRules } from '../../../config/rules.ts';
import { knobs } from '../../../decide/lint/lint.ts';
import type { Problem } from '../../../model/rules.ts';
import { asWarning } from '../../check.ts';
import type { Settings } from '../settings.ts';
import { simulateText } from './simulate.ts';
import { readFile } from './validate.ts';

/**
 * Tells of policies that no trace of the gateways' windows would meet, where they stand in the file; how many there
 * are. Of a file that is no rules, none.
 */
export async function tellUnmet(file: string, settings: Settings): Promise<number> {
  const { stderr } = settings.io;
  const text = readFile(file);
  const parsed = parseRules(text, file);
  if ('errors' in parsed) return 0;
  const { document, report } = mergeLayers([parsed.layer]);
  const { traces, complete, candidate } = await simulateText(text, file, undefined, settings);
  if (traces === 0) {
    stderr.write(`obsctl: ${file}: there is no trace in the window to try it on\n`);
    return 0;
  }
  const of = complete ? `${traces} traces` : `${traces} traces, as far as there was time for`;
  const message = `no trace of the window meets it (${of})`;
  const problems = candidate.policies
    .filter(({ votes }) => votes === 0)
    .map(({ policy }): Problem => {
      const index = document.policies.findIndex(({ name }) => name === policy);
      return index < 0
        ? { path: [knobs[policy] ?? policy], message }
        : { path: ['policies', index], message: `'${policy}': ${message}` };
    });
  for (const line of report(problems)) stderr.write(`${asWarning(line)}\n`);
  return problems.length;
}
