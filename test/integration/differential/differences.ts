import type { Pair } from './pair.ts';

/** Why an answer of ours is not Tempo’s, and shall not be. */
export type Intended = Readonly<Record<string, string>>;

/** What is asked of both, and how their answers are compared: undefined where they say the same. */
export interface Asked<Q> {
  readonly pairs: readonly Pair[];
  readonly questions: readonly Q[];
  /** Names a question, as `intended` does. */
  name(question: Q): string;
  compare(question: Q, pair: Pair): Promise<object | undefined>;
}

/** Names of the questions that both answer differently somewhere, each with how. */
export async function differences<Q>({ pairs, questions, name, compare }: Asked<Q>): Promise<Map<string, object>> {
  const found = new Map<string, object>();
  for (const question of questions) {
    await Promise.all(
      pairs.map(async (pair) => {
        const difference = await compare(question, pair);
        if (difference !== undefined) found.set(name(question), { in: pair.name, ...difference });
      }),
    );
  }
  return found;
}

/**
 * Differences that nobody intended, and names that are intended to differ and do not: both empty where the table is true.
 */
export function unexpected(
  found: ReadonlyMap<string, object>,
  asked: readonly string[],
  intended: Intended,
): { readonly differs: object; readonly agrees: readonly string[] } {
  const differs = Object.fromEntries([...found].filter(([name]) => !Object.hasOwn(intended, name)));
  return { differs, agrees: asked.filter((name) => Object.hasOwn(intended, name) && !found.has(name)) };
}
