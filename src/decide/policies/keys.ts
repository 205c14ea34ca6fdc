import type { KeyOptions } from '../../model/predicates.ts';
import { bool, oneOf, optional, type Parameter, strings, whole } from './parameters.ts';

/** What traces are told apart by, for kinds that do so. */
export const keyParameters = {
  attributes: optional(
    strings('attributes of spans or resources whose values make the key, such as `http.route`', 0),
    undefined,
  ),
  shape: optional(bool('whether the set of services and span names is part of the key'), undefined),
  from: optional(oneOf('whose values: those of the `root`, or of `all` spans as a set', ['root', 'all']), undefined),
};

export const maxKeys = (byDefault: number): Parameter<number> =>
  optional(whole('keys that are told apart; the others count as one', 1, 100_000), byDefault);

interface KeyValues {
  readonly attributes: readonly string[] | undefined;
  readonly shape: boolean | undefined;
  readonly from: 'root' | 'all' | undefined;
}

/** With what a kind takes where nothing is said. */
export function keyOf({ attributes, shape, from }: KeyValues, byDefault: KeyOptions): KeyOptions {
  const isSaid = attributes !== undefined || shape !== undefined;
  return {
    attributes: attributes ?? (isSaid ? [] : byDefault.attributes),
    shape: shape ?? (isSaid ? false : byDefault.shape),
    from: from ?? byDefault.from,
  };
}
