import type { Problem } from '../../model/rules.ts';

type Path = readonly (string | number)[];

/** Found anywhere in a text, they are found in every one. */
const matchesAll = /^\^?(\.\*\??|\(\.\*\)|)\$?$/;

/** Regular expressions of a policy, inside of others too, that say nothing. */
export function idleRegexes(policy: unknown, path: Path): Problem[] {
  if (typeof policy !== 'object' || policy === null) return [];
  if (Array.isArray(policy)) return policy.flatMap((each, at) => idleRegexes(each, [...path, at]));
  const { enabled_regex_matching: isRegex, values } = policy as { enabled_regex_matching?: unknown; values?: unknown };
  const own = isRegex === true && Array.isArray(values) ? values : [];
  return [
    ...own.flatMap((value, at): Problem[] => {
      const message = `${JSON.stringify(value)} matches every text: the attribute need only be there`;
      return typeof value === 'string' && matchesAll.test(value) ? [{ path: [...path, 'values', at], message }] : [];
    }),
    ...Object.entries(policy).flatMap(([key, value]) => idleRegexes(value, [...path, key])),
  ];
}
