import { sentence, told } from '../config/document.ts';
import { mergeLayers, parseRules, type RulesLayer } from '../config/rules.ts';
import { compileRules } from '../decide/compile.ts';
import { tenantProblems } from '../decide/tenant-rules.ts';
import type { Problem, RulesDocument } from '../model/rules.ts';

/** Rules that somebody wants to have tried; plain values, so that another thread can read them. */
export interface CandidateText {
  readonly rules: string;
  /** What the rules file says, over which they are laid. */
  readonly under: RulesLayer['fields'] | undefined;
  readonly environment: string;
  readonly debug: boolean;
  readonly tenants: readonly string[];
  readonly maxBytes: number;
}

export type Candidate = { readonly document: RulesDocument } | { readonly errors: readonly string[] };

/**
 * The candidate by the very code that loads a rules file, or what is wrong with it, line by line. `compiling` is told
 * that it begins and ends to compile.
 */
export function readCandidate(
  { rules, under, environment, debug, tenants, maxBytes }: CandidateText,
  compiling: (begins: boolean) => void = () => {},
): Candidate {
  const parsed = parseRules(rules, 'rules', maxBytes);
  if ('errors' in parsed) return parsed;
  const layers = under === undefined ? [] : [{ fields: under, report: plainly }];
  const { document, report } = mergeLayers([...layers, parsed.layer]);
  compiling(true);
  const compiled = compileRules(document, environment, { debug });
  const problems = [
    ...('problems' in compiled ? compiled.problems : []),
    ...tenantProblems(document, environment, { debug }, tenants),
  ];
  compiling(false);
  return problems.length > 0 ? { errors: report(problems) } : { document };
}

/** Problems where no text is at hand to say the line of. */
export const plainly = (problems: readonly Problem[]): readonly string[] =>
  told(problems.map((problem) => `rules: ${sentence(problem)}`));
