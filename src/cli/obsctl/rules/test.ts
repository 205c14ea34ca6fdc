import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { decodeText, placed } from '../../../config/decode-text.ts';
import { unreadable } from '../../../config/read-text.ts';
import { mergeLayers } from '../../../config/rules.ts';
import { parseRulesTest, type ToldTrace } from '../../../config/rules-test-file.ts';
import { compileRules } from '../../../decide/compile.ts';
import type { Explanation } from '../../../model/explanation.ts';
import type { PolicySet } from '../../../model/verdict.ts';
import { CommandError, type ExitCode, exit } from '../../exit.ts';
import { printable } from '../cells.ts';
import { paint } from '../colors.ts';
import { weightText } from '../sampling.ts';
import type { Settings } from '../settings.ts';
import { jsonText } from '../terminal.ts';
import { judgeTraces } from './try-traces.ts';
import { parseFile } from './validate.ts';

/** A trace with what was expected of it and what came. */
interface Result {
  readonly place: string;
  readonly trace: ToldTrace;
  readonly explanation: Explanation;
  readonly passed: boolean;
}

/** `obsctl sampling test FILE…`: 0 where every trace has the verdict that is expected of it, else 1; 2 for a wrong file. */
export async function test(
  files: readonly string[],
  flags: { readonly environment?: string },
  settings: Settings,
): Promise<ExitCode> {
  const { io, output } = settings;
  const results = files.flatMap((file) => testFile(file, flags.environment ?? io.env.DEPLOYMENT_ENVIRONMENT));
  const failed = results.filter(({ passed }) => !passed);
  if (output === 'json') io.stdout.write(`${jsonText(results.map(asJson), 2)}\n`);
  else if (output === 'jsonl') io.stdout.write(results.map((each) => `${jsonText(asJson(each))}\n`).join(''));
  else {
    const { red } = paint(settings.color);
    for (const each of failed) io.stdout.write(failureText(each, red));
    io.stdout.write(`${results.length - failed.length} passed, ${failed.length} failed\n`);
  }
  return failed.length === 0 ? exit.found : exit.failed;
}

function testFile(file: string, environment: string | undefined): Result[] {
  const parsed = parseRulesTest(read(file), file);
  if ('errors' in parsed) throw usage(parsed.errors);
  const { test, place } = parsed;
  const compile = compiler(resolve(dirname(file), test.rules), test.environment ?? environment ?? 'home');
  const explanations = test.together
    ? judgeTraces(compile(), test.traces)
    : test.traces.map((trace) => judgeTraces(compile(), [trace])[0]!);
  return test.traces.map((trace, at) => {
    const explanation = explanations[at]!;
    return { place: place(at), trace, explanation, passed: fits(trace, explanation) };
  });
}

/** Compiled anew each time: with policies that remember nothing. */
function compiler(rulesFile: string, environment: string): () => PolicySet {
  const parsed = parseFile(rulesFile);
  if ('errors' in parsed) throw usage(parsed.errors);
  const { document, report } = mergeLayers([parsed.layer]);
  return () => {
    const compiled = compileRules(document, environment, { debug: false });
    if ('problems' in compiled) throw usage(report(compiled.problems));
    return compiled.policies;
  };
}

const fits = ({ expect, policy, weight }: ToldTrace, it: Explanation): boolean =>
  it.verdict === expect &&
  (policy === undefined || it.policy === policy) &&
  (weight === undefined || Math.abs(it.adjustedCount - weight) <= weight / 1000);

function failureText({ place, trace, explanation }: Result, red: (text: string) => string): string {
  const expected = outcome(trace.expect, trace.policy, trace.weight);
  const { verdict, policy, adjustedCount, votes } = explanation;
  const got = outcome(verdict, policy, trace.weight === undefined ? undefined : adjustedCount);
  const told = votes.map((each) => `${each.policy} ${each.vote}`).join(', ') || 'there is no policy';
  return `${red('✗')} ${place}: ${printable(trace.name)}\n    expected ${printable(expected)}; got ${printable(got)}\n    votes: ${printable(told)}\n`;
}

const outcome = (verdict: string, policy: string | undefined, weight: number | undefined): string =>
  `${verdict}${policy && policy !== 'none' ? ` by ${policy}` : ''}${weight === undefined ? '' : ` with weight ${weightText(weight)}`}`;

const asJson = ({ place, trace, explanation, passed }: Result) => ({
  name: trace.name,
  place,
  passed,
  expected: { verdict: trace.expect, policy: trace.policy, weight: trace.weight },
  got: { verdict: explanation.verdict, policy: explanation.policy, weight: explanation.adjustedCount },
  votes: explanation.votes,
});

function read(file: string): string {
  try {
    const text = decodeText(readFileSync(file));
    if (typeof text === 'string') return text;
    throw usage([placed(file, text)]);
  } catch (error) {
    if (error instanceof CommandError) throw error;
    throw usage([`${file}: ${unreadable(error, 'there is no such file')}`]);
  }
}

const usage = (lines: readonly string[]): CommandError => new CommandError(lines.join('\n'), exit.usage);

/** The form of a test file, for --help. */
export const testForm = `
The form of a test file (FILE-rules-test.yaml):
  rules: rules.yaml              # the rules, relative to this file
  environment: production        # whose baseline; default: --environment, DEPLOYMENT_ENVIRONMENT, home
  together: false                # true: one gateway judges all traces in order, for policies that remember
  traces:
    - name: a failed payment is kept
      expect: keep               # or drop
      policy: errors             # by which; may be left out, as may all that follows
      weight: 1                  # how many traces of its kind it stands for
      randomness: 0              # 0 to 1; a share of 5 % keeps from 0.95 on
      at: 0s                     # when it comes
      spans:                     # the first one is the root
        - { name: POST /pay, service: shop, kind: server, duration: 120ms }
        - name: charge
          parent: POST /pay      # a span's name, or missing; default: the root
          service: bank          # default: its parent's
          start: 5ms             # after the trace's start
          duration: 80ms
          status: error          # ok, unset
          message: card refused
          attributes: { http.route: /charge, retries: 2 }
          resource: { k8s.namespace.name: pay }
          scope: my.library
          tracestate: vendor=x
          events: [{ name: exception, attributes: { exception.type: Refused } }]
`;
