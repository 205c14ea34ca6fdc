import { parseDuration } from '../../units.ts';

/** One parameter of a kind of policy: what it says, and how it is read. */
export interface Parameter<T> {
  /** For docs/rules.md. */
  readonly says: string;
  /** What a mistake is told to be instead of. */
  readonly expected: string;
  /** The value, or undefined for what is not as expected. */
  read(value: unknown): T | undefined;
  /** What holds where it is left out; without one it must be there. */
  readonly byDefault?: T;
}

/** The same, with what holds where it is left out. */
export const optional = <T, D>(parameter: Parameter<T>, byDefault: D): Parameter<T | D> => ({
  ...parameter,
  byDefault,
});

/** A number from `min` to `max`. */
export const number = (
  says: string,
  min = Number.NEGATIVE_INFINITY,
  max = Number.POSITIVE_INFINITY,
): Parameter<number> => ({
  says,
  expected: rangeText('a number', min, max),
  read: (given) => {
    const value = numberIn(given);
    return typeof value === 'number' && value >= min && value <= max && Number.isFinite(value) ? value : undefined;
  },
});

export const whole = (says: string, min = 0, max = Number.MAX_SAFE_INTEGER): Parameter<number> => ({
  says,
  expected: rangeText('a whole number', min, max),
  read: (given) => {
    const value = numberIn(given) as number;
    return Number.isSafeInteger(value) && value >= min && value <= max ? value : undefined;
  },
});

/** `100_000` is a number in the YAML that a Collector reads, and a text in YAML 1.2. */
const numberIn = (value: unknown): unknown =>
  typeof value === 'string' && /^[-+]?\d+(_\d+)+$/.test(value) ? Number(value.replaceAll('_', '')) : value;

export const bool = (says: string): Parameter<boolean> => ({
  says,
  expected: 'true or false',
  read: (value) => (typeof value === 'boolean' ? value : undefined),
});

/** A text that is not empty. */
export const string = (says: string, expected = 'a text'): Parameter<string> => ({
  says,
  expected,
  read: (value) => (typeof value === 'string' && value !== '' ? value : undefined),
});

/** A list of at least `min` texts. */
export const strings = (
  says: string,
  min = 1,
  expected = min === 0 ? 'a list of texts' : 'a list of at least one text',
): Parameter<readonly string[]> => ({
  says,
  expected,
  read: (value) =>
    Array.isArray(value) && value.length >= min && value.every((each) => typeof each === 'string') ? value : undefined,
});

/** One or more of `words`. */
export const oneOrMoreOf = <const W extends string>(says: string, words: readonly W[]): Parameter<readonly W[]> => ({
  says,
  expected: `a list of ${words.join(', ')} (upper case, at least one)`,
  read: (value) =>
    Array.isArray(value) && value.length > 0 && value.every((each) => words.includes(each as W)) ? value : undefined,
});

/** One of `words`. */
export const oneOf = <const W extends string>(says: string, words: readonly W[]): Parameter<W> => ({
  says,
  expected: words.join(' or '),
  read: (value) => (words.includes(value as W) ? (value as W) : undefined),
});

/** Milliseconds of a duration as Go writes it, such as `90s`; from `minMs` to `maxMs`. */
export const duration = (says: string, minMs = 0, maxMs = 7 * 24 * 3_600_000): Parameter<number> => ({
  says,
  expected: `a duration such as 30s or 5m, from ${minMs} ms to ${maxMs / 3_600_000} h`,
  read(value) {
    const ms = parseDuration(value);
    return ms !== undefined && ms >= minMs && ms <= maxMs ? ms : undefined;
  },
});

/** Whatever it is: the kind reads it. */
export const anything = (says: string, expected: string): Parameter<unknown> => ({
  says,
  expected,
  read: (value) => value,
});

function rangeText(what: string, min: number, max: number): string {
  if (max !== Number.POSITIVE_INFINITY && max !== Number.MAX_SAFE_INTEGER) return `${what} from ${min} to ${max}`;
  return min === Number.NEGATIVE_INFINITY ? what : `${what} of ${min} or more`;
}
