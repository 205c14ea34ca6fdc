import * as v from 'valibot';
import { isBlock, parseDuration, parseSize, show, unknownKey } from './units.ts';

/**
 * The words of every `options.ts`: how a duration, a size, an address and a block are written, and what an operator is
 * told who writes them otherwise. A message says what is wrong and what was expected; where is added by config/load.ts.
 */

type Keys = Readonly<Record<string, v.GenericSchema>>;
type Message = (issue: { readonly input: unknown }) => string;

/** A place to listen at. Port 0 = any that is free. */
export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

/** A message for valibot: what stands there, where that is no secret, and what should. */
export function expected(what: string): Message {
  return ({ input }) => `${show(input)}: expected ${what}`;
}

/**
 * `parse` gives undefined for what is not as `what` says. Blanks round a text, as variables often have them, do not
 * count.
 */
export function scalar<T>(what: string, parse: (input: unknown) => T | undefined) {
  const trimmed = (input: unknown) => parse(typeof input === 'string' ? input.trim() : input);
  return v.pipe(
    v.custom<unknown>((input) => trimmed(input) !== undefined, expected(what)),
    v.transform((input) => trimmed(input)!),
  );
}

/** A number, or text that YAML would take for one: variables are always text. */
export function numberOf(input: unknown): number | undefined {
  if (typeof input === 'number') return input;
  const isNumber =
    typeof input === 'string' && /^([-+]?(\d+(?:\.\d*)?|\.\d+)(e[-+]?\d+)?|0x[\da-f]+|0o[0-7]+)$/i.test(input);
  return isNumber ? Number(input) : undefined;
}

function within(value: number | undefined, low: number, high: number): number | undefined {
  return value !== undefined && value >= low && value <= high ? value : undefined;
}

/** Milliseconds, from a duration of `min` to `max`. */
export function duration(min: string, max: string) {
  const [low, high] = [parseDuration(min)!, parseDuration(max)!];
  const what = `a duration from ${min} to ${max}, such as 500ms, 15s, 2m`;
  return scalar(what, (input) => within(parseDuration(input), low, high));
}

/** Bytes, from a size of `min` to `max`. */
export function size(min: string, max: string) {
  const [low, high] = [parseSize(min)!, parseSize(max)!];
  const what = `a size from ${min} to ${max}, such as 64MiB, 5MB or a number of bytes`;
  return scalar(what, (input) => within(parseSize(input), low, high));
}

export function count(min: number, max: number) {
  return scalar(`a whole number from ${min} to ${max}`, (input) => {
    const number = numberOf(input);
    return Number.isInteger(number) ? within(number, min, max) : undefined;
  });
}

/** Text that matches `pattern`. */
export function text(pattern: RegExp, what: string) {
  return v.pipe(v.string(expected(what)), v.regex(pattern, expected(what)));
}

export function oneOf<const T extends readonly [string, string, ...string[]]>(...words: T) {
  return v.picklist(words, expected(`one of ${words.join(', ')}`));
}

/** true or false, as YAML or as an environment variable has them. */
export function flag() {
  const yes: unknown[] = [true, 1, 'true', 'True', 'TRUE', '1'];
  const no: unknown[] = [false, 0, 'false', 'False', 'FALSE', '0', ''];
  return scalar('true or false', (input) => yes.includes(input) || (no.includes(input) ? false : undefined));
}

/** `host:port`, IPv6 hosts in brackets. */
export function listenEndpoint() {
  const what = 'host:port, such as 127.0.0.1:4317, [::1]:4317 or, for every interface, 0.0.0.0:4317';
  return scalar(what, (input): Endpoint | undefined => {
    const match = typeof input === 'string' ? /^(?:\[([\w:.%]+)\]|([^:[\]\s/]+)):(\d{1,5})$/.exec(input) : null;
    const port = Number(match?.[3]);
    return match && port <= 65_535 ? { host: (match[1] ?? match[2])!, port } : undefined;
  });
}

/** A file; where it is no absolute path, `config` reads it against the boot file's folder. */
function fileName() {
  return text(/./, 'a file name');
}

/** `tls` of a port: files in PEM. */
export function serverTls() {
  return v.pipe(
    block({
      cert_file: v.pipe(fileName(), v.description('certificate in PEM, and those that lead to its authority')),
      key_file: v.pipe(fileName(), v.description('its private key, without a passphrase')),
      client_ca_file: v.pipe(
        v.optional(fileName()),
        v.description('clients must show a certificate of an authority in it; left out, they need none'),
      ),
      reload_interval: v.pipe(
        v.optional(duration('1s', '24h'), '1m'),
        v.description('how often the files are looked at, beside SIGHUP'),
      ),
    }),
    v.transform((raw) => ({
      files: {
        cert_file: raw.cert_file,
        key_file: raw.key_file,
        ...(raw.client_ca_file !== undefined && { client_ca_file: raw.client_ca_file }),
      },
      reloadIntervalMs: raw.reload_interval,
    })),
  );
}

const empty = 'empty: expected a block of keys; write {} for its defaults, or leave the key out';

/** A block of exactly these keys: any other is an error, with the key that was probably meant. */
export function block<K extends Keys>(keys: K) {
  const known = Object.keys(keys);
  const notBlock = expected(`a block of keys (${known.join(', ')})`);
  const whole: Message = (issue) => (issue.input === null ? empty : notBlock(issue));
  return fields(keys, (key) => v.never(unknownKey(key, known)), whole);
}

/**
 * A block of these keys, with others as `other` says. Its schema is made of what stands there: valibot's own objects
 * take a list for a block, tell the first unknown key only, and pass over names such as `constructor` in silence.
 */
export function fields<K extends Keys>(keys: K, other: (key: string) => v.GenericSchema, whole: Message) {
  const missing = ({ path }: v.BaseIssue<unknown>) =>
    v.safeParse(keys[String(path?.[0].key)]!, undefined).issues![0].message;
  const schema = v.lazy((input) => {
    if (!isBlock(input)) return v.never(whole);
    const others = Object.keys(input).filter((key) => !Object.hasOwn(keys, key));
    const entries = others.map((key) => [key, key === '__proto__' ? v.never('not possible as a name') : other(key)]);
    return v.object<K, typeof missing>({ ...Object.fromEntries(entries), ...keys }, missing);
  });
  return v.pipe(schema, v.metadata({ keys }));
}

/** A key of the format that this version does not act on yet: refused, never ignored. */
export function notYet() {
  return v.optional(v.never('not supported in this version: leave the key out'));
}

/** A list, of anything that `item` takes. */
export function list<S extends v.GenericSchema>(item: S) {
  return v.array(item, expected('a list'));
}

/** The same, of one item or more. */
export function someOf<S extends v.GenericSchema>(item: S) {
  return v.pipe(list(item), v.minLength(1, '[]: expected at least one'));
}

/** No two items of a list have the same name; `taken` says so of the later one. */
export function ownNames<T extends { readonly name: string }>(taken: string) {
  return v.rawCheck<T[]>(({ dataset, addIssue }) => {
    if (!dataset.typed) return;
    const input = dataset.value;
    const names = new Set<string>();
    input.forEach((value, at) => {
      const { name } = value;
      const first = names.size < names.add(name).size;
      if (first) return;
      const step = { type: 'unknown', origin: 'value', input, value } as const;
      const path = [
        { ...step, key: at },
        { ...step, key: 'name' },
      ] as [v.IssuePathItem, v.IssuePathItem];
      addIssue({ message: `"${name}" ${taken}: expected a name of its own`, path });
    });
  });
}

/** Names to plain values: attributes and headers. */
export function mapOf<T>(each: v.GenericSchema<unknown, T>): v.GenericSchema<unknown, Record<string, T>> {
  return fields({}, () => each, expected('a block of names and values')) as v.GenericSchema<unknown, Record<string, T>>;
}
