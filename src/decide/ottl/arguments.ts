import type { CallNode, Node } from './ast.ts';
import type { ArgumentType } from './functions.ts';
import { OttlError } from './problem.ts';

/** An argument and what it must be. */
interface Given {
  readonly value: Node;
  readonly type: ArgumentType;
}

/** A call's arguments in the order of its parameters, those with names put where they belong. Throws OttlError. */
export function argumentsOf(
  { name, args, end }: CallNode,
  parameters: Readonly<Record<string, ArgumentType>>,
  required: number,
): readonly Given[] {
  const names = Object.keys(parameters);
  const given: (Given | undefined)[] = names.map(() => undefined);
  let named = false;
  args.forEach((argument, i) => {
    if (argument.name === undefined && named) throw new OttlError(argument.at, 'arguments without a name come first');
    named ||= argument.name !== undefined;
    const place = argument.name === undefined ? i : names.indexOf(argument.name);
    if (place < 0 || place >= names.length)
      throw new OttlError(
        argument.at,
        `${name} has ${names.length === 0 ? 'no arguments' : `the arguments ${names.join(', ')}`}`,
      );
    if (given[place] !== undefined) throw new OttlError(argument.at, `${names[place]} a second time`);
    given[place] = { value: argument.value, type: parameters[names[place]!]! };
  });
  const missing = names.findIndex((_, i) => i < required && given[i] === undefined);
  if (missing >= 0) throw new OttlError(end - 1, `${name} wants ${names[missing]} too`);
  return given.filter((each) => each !== undefined);
}

/** The text that an argument must be, written out in the condition. */
export function literalText(name: string, node: Node): string {
  if (node.is === 'literal' && typeof node.value === 'string') return node.value;
  throw new OttlError(node.at, `${name} wants a text in double quotes here`);
}
