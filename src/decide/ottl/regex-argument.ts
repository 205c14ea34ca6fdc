import { compileRegex, isProblem, type Regex } from '../../regex/regex.ts';
import { argumentsOf, literalText } from './arguments.ts';
import type { CallNode, Node } from './ast.ts';
import { OttlError } from './problem.ts';

/** What IsMatch is asked of, and the pattern; a pattern that a span has cannot be one. Throws OttlError. */
export function regexOf(node: CallNode): { readonly target: Node; readonly regex: Regex } {
  const [target, pattern] = argumentsOf(node, { target: 'any', pattern: 'pattern' }, 2);
  const regex = compileRegex(literalText(node.name, pattern!.value));
  // Behind the quote; escapes before it move the place a little.
  if (isProblem(regex)) throw new OttlError(pattern!.value.at + 1 + regex.at, `regular expression: ${regex.problem}`);
  return { target: target!.value, regex };
}
