import { type Part, parts } from './parts.ts';
import { runs } from './process.ts';
import type { Stack } from './stack.ts';
import type { Started, State } from './state.ts';
import { endOf, logOf } from './up.ts';

interface PartStatus {
  readonly name: string;
  readonly state: 'ready' | 'not ready' | 'ended' | 'not here';
  readonly line: string;
}

/** Each part: what it is, where, and whether it answers now. */
export const statusOf = (stack: Stack, { processes }: State): Promise<PartStatus[]> =>
  Promise.all(
    parts.map((part) =>
      lineOf(
        part,
        stack,
        processes.find(({ name }) => name === part.name),
      ),
    ),
  );

async function lineOf(part: Part, stack: Stack, process: Started | undefined): Promise<PartStatus> {
  const tell = (state: PartStatus['state'], more: string): PartStatus => ({
    name: part.name,
    state,
    line: `  ${part.name.padEnd(11)}${state.padEnd(10)}${more}`,
  });
  if (process === undefined) return part.missing ? tell('not here', part.missing) : tell('ended', 'was not started');
  if (!runs(process)) return tell('ended', `${logOf(stack, part.name)}: ${endOf(logOf(stack, part.name), 1)}`);
  const where = `${part.page?.(stack) ?? ''.padEnd(21)}  ${part.purpose}`;
  try {
    return (await part.ready(stack)) ? tell('ready', where) : tell('not ready', where);
  } catch (error) {
    return tell('not ready', (error as Error).message);
  }
}
