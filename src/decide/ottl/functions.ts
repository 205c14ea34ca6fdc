import { asDouble, asInt } from './numbers.ts';
import { asText, substring, toLower, toUpper } from './text.ts';
import { Duration, fault, isList, type Value, type ValueOrFault } from './value.ts';

/**
 * What an argument must be. `text`, `int` and `duration` are faults where they are something else or nil; `pattern` and
 * `flag` are written out in the condition; `texts` is a list.
 */
export type ArgumentType = 'any' | 'text' | 'int' | 'duration' | 'texts' | 'pattern' | 'flag' | 'literal';

interface OttlFunction {
  readonly parameters: Readonly<Record<string, ArgumentType>>;
  /** How many of them must be there; all, where it is not said. */
  readonly required?: number;
  /** May stand as a condition: it gives true or false. */
  readonly isCondition?: true;
  call(...args: readonly Value[]): ValueOrFault;
}

const asks = (call: (value: Value) => ValueOrFault): OttlFunction => ({
  parameters: { target: 'any' },
  isCondition: true,
  call,
});
const makes = (call: (value: Value) => ValueOrFault): OttlFunction => ({ parameters: { target: 'any' }, call });
const ofText = (call: (text: string) => string): OttlFunction => ({
  parameters: { target: 'text' },
  call: (text) => call(text as string),
});
const ofDuration = (call: (ns: bigint) => Value): OttlFunction => ({
  parameters: { duration: 'duration' },
  call: (duration) => call((duration as Duration).ns),
});

/** The functions that conditions may have, of pkg/ottl/ottlfuncs. IsMatch, IsRootSpan and those of literals: calls.ts. */
export const functions: Readonly<Record<string, OttlFunction>> = {
  IsString: asks((value) => typeof value === 'string'),
  IsInt: asks((value) => typeof value === 'bigint'),
  IsDouble: asks((value) => typeof value === 'number'),
  IsBool: asks((value) => typeof value === 'boolean'),
  IsMap: asks((value) => value instanceof Map),
  IsList: asks(isList),
  HasPrefix: {
    parameters: { target: 'text', prefix: 'text' },
    isCondition: true,
    call: (text, prefix) => (text as string).startsWith(prefix as string),
  },
  HasSuffix: {
    parameters: { target: 'text', suffix: 'text' },
    isCondition: true,
    call: (text, suffix) => (text as string).endsWith(suffix as string),
  },
  Len: makes(lengthOf),
  Int: makes(asInt),
  Double: makes(asDouble),
  String: makes(asText),
  Concat: {
    parameters: { vals: 'texts', delimiter: 'text' },
    call: (texts, delimiter) =>
      (texts as readonly (string | null)[]).map((text) => text ?? '<nil>').join(delimiter as string),
  },
  ToLowerCase: ofText(toLower),
  ToUpperCase: ofText(toUpper),
  Substring: {
    parameters: { target: 'text', start: 'int', length: 'int', utf8_safe: 'flag' },
    required: 3,
    call: (text, start, length, safe) => substring(text as string, start as bigint, length as bigint, safe === true),
  },
  Hours: ofDuration((ns) => Number(ns) / 3.6e12),
  Minutes: ofDuration((ns) => Number(ns) / 6e10),
  Seconds: ofDuration((ns) => Number(ns) / 1e9),
  Milliseconds: ofDuration((ns) => ns / 1_000_000n),
  Microseconds: ofDuration((ns) => ns / 1_000n),
  Nanoseconds: ofDuration((ns) => ns),
};

function lengthOf(value: Value): ValueOrFault {
  if (typeof value === 'string') return BigInt(Buffer.byteLength(value));
  if (isList(value) || value instanceof Uint8Array) return BigInt(value.length);
  return value instanceof Map ? BigInt(value.size) : fault;
}

/** The argument as its type has it. */
export function converted(value: Value, type: ArgumentType): ValueOrFault {
  if (type === 'text') return typeof value === 'string' ? value : fault;
  if (type === 'int') return typeof value === 'bigint' ? value : fault;
  if (type === 'duration') return value instanceof Duration ? value : fault;
  if (type !== 'texts') return value;
  if (!isList(value)) return fault;
  const texts = value.map(asText);
  return texts.includes(fault) ? fault : (texts as readonly Value[]);
}
