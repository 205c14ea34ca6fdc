import { z } from 'zod';
import { closest, parseDuration, parseSize } from './units.ts';

/**
 * The words of every `options.ts`: how a duration, a size, an address and a block are written, and what an operator is
 * told who writes them otherwise. A message says what is wrong and what was expected; where is added by config/load.ts.
 */

/** A place to listen at. Port 0 = any that is free. */
export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

/** `parse` gives undefined for what is not as `expected`. */
function scalar<T>(expected: string, parse: (value: unknown) => T | undefined) {
  return z.unknown().transform((input, context): T => {
    const value = parse(input);
    if (value !== undefined) return value;
    context.issues.push({ code: 'custom', message: `${show(input)}: expected ${expected}`, input });
    return z.NEVER;
  });
}

/** A value as the operator wrote it, cut to a readable length. */
export function show(value: unknown): string {
  if (value === undefined) return 'missing';
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

function within(value: number | undefined, low: number, high: number): number | undefined {
  return value !== undefined && value >= low && value <= high ? value : undefined;
}

/** Milliseconds, from a duration of `min` to `max`. */
export function duration(min: string, max: string) {
  const [low, high] = [parseDuration(min)!, parseDuration(max)!];
  const expected = `a duration from ${min} to ${max}, such as 500ms, 15s, 2m`;
  return scalar(expected, (value) => within(parseDuration(value), low, high));
}

/** Bytes, from a size of `min` to `max`. */
export function size(min: string, max: string) {
  const [low, high] = [parseSize(min)!, parseSize(max)!];
  const expected = `a size from ${min} to ${max}, such as 64MiB, 5MB or a number of bytes`;
  return scalar(expected, (value) => within(parseSize(value), low, high));
}

export function count(min: number, max: number) {
  return scalar(`a whole number from ${min} to ${max}`, (value) =>
    Number.isInteger(value) ? within(value as number, min, max) : undefined,
  );
}

/** Text that matches `pattern`. */
export function text(pattern: RegExp, expected: string) {
  return scalar(expected, (value) => (typeof value === 'string' && pattern.test(value) ? value : undefined));
}

export function oneOf<const T extends string>(...words: T[]) {
  const expected = words.length > 1 ? `one of ${words.join(', ')}` : `${words[0]}`;
  return scalar(expected, (value) => words.find((word) => word === value));
}

/** true or false, as YAML or as an environment variable has them. */
export function flag() {
  const words = new Map<unknown, boolean>([
    [true, true],
    [1, true],
    ['true', true],
    ['1', true],
  ]);
  for (const word of [false, 0, 'false', '0', '']) words.set(word, false);
  return scalar('true or false', (value) => words.get(value));
}

/** `host:port`, IPv6 hosts in brackets. */
export function listenEndpoint() {
  const expected = 'host:port, such as 127.0.0.1:4317, [::1]:4317 or, for every interface, 0.0.0.0:4317';
  return scalar(expected, (value): Endpoint | undefined => {
    const match = typeof value === 'string' ? /^(?:\[([\w:.%]+)\]|([^:[\]\s/]+)):(\d{1,5})$/.exec(value) : null;
    const port = Number(match?.[3]);
    return match && port <= 65_535 ? { host: (match[1] ?? match[2])!, port } : undefined;
  });
}

/** A block of exactly these keys: any other is an error, with the key that was probably meant. */
export function block<S extends z.core.$ZodShape>(shape: S) {
  const keys = Object.keys(shape);
  return z.strictObject(shape, {
    error: (issue) => {
      if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => unknownKey(key, keys)).join('\n');
      if (issue.input === null)
        return 'empty: expected a block of keys; write {} for its defaults, or leave the key out';
      return `${show(issue.input)}: expected a block of keys (${keys.join(', ')})`;
    },
  });
}

/** One line per unknown key, in order: config/load.ts takes them apart again. */
export function unknownKey(key: string, known: readonly string[]): string {
  const meant = closest(key, known);
  return meant ? `unknown key, did you mean ${meant}?` : `unknown key, expected one of ${known.join(', ')}`;
}

/** A key of the format that this version does not act on yet: refused, never ignored. */
export function notYet() {
  return z.never({ error: 'not supported in this version: leave the key out' }).optional();
}

/** A list, of anything that `item` takes. */
export function list<T extends z.ZodType>(item: T) {
  return z.array(item, { error: (issue) => `${show(issue.input)}: expected a list` });
}

/** Names to plain values: attributes and headers. */
export function mapOf<T extends z.ZodType>(value: T) {
  return z.record(z.string(), value, {
    error: (issue) => `${show(issue.input)}: expected a block of names and values`,
  });
}
