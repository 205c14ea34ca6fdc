import { fault, type Value } from './value.ts';

const minInt = -0x8000_0000_0000_0000n;
const maxInt = 0x7fff_ffff_ffff_ffffn;

/** A value as 64-bit integer, as pkg/ottl's IntLikeGetter makes it; nil stays nil. */
export function asInt(value: Value): bigint | null | typeof fault {
  if (value === null || typeof value === 'bigint') return value;
  if (typeof value === 'boolean') return value ? 1n : 0n;
  if (typeof value === 'number') return truncated(value);
  if (typeof value !== 'string' || !/^[-+]?\d+$/.test(value) || value.length > 64) return fault;
  const number = BigInt(value.replace(/^\+/, ''));
  return number < minInt || number > maxInt ? fault : number;
}

/** Beyond 64 bits Go leaves it to the machine: the smallest integer on most. */
function truncated(value: number): bigint {
  if (!Number.isFinite(value)) return minInt;
  const number = BigInt(Math.trunc(value));
  return number < minInt || number > maxInt ? minInt : number;
}

const decimal = /^[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?$/;
const special = /^([-+]?)(?:inf|infinity)$|^nan$/i;

/** A value as double, as pkg/ottl's FloatLikeGetter makes it; nil stays nil. */
export function asDouble(value: Value): number | null | typeof fault {
  if (value === null || typeof value === 'number') return value;
  if (typeof value === 'bigint') return Number(value);
  if (typeof value === 'boolean') return value ? 1 : 0;
  if (typeof value !== 'string') return fault;
  if (decimal.test(value)) {
    const number = Number(value);
    return Number.isFinite(number) ? number : fault;
  }
  const named = special.exec(value);
  if (named === null) return fault;
  return named[1] === undefined ? Number.NaN : named[1] === '-' ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
}

const units: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1_000n,
  µs: 1_000n,
  μs: 1_000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
};
const part = /(\d+)(?:\.(\d*))?(ns|us|µs|μs|ms|s|m|h)|\.(\d+)(ns|us|µs|μs|ms|s|m|h)/y;

/** Nanoseconds of a text such as `1h2m3.5s`, as Go's time.ParseDuration reads it; undefined for another text. */
export function parseDuration(text: string): bigint | undefined {
  const [, sign, rest] = /^([-+]?)(.*)$/s.exec(text)!;
  if (rest === '0') return 0n;
  let ns = 0n;
  for (let at = 0; at < rest!.length; at = part.lastIndex) {
    part.lastIndex = at;
    const found = part.exec(rest!);
    if (found === null) return undefined;
    const unit = units[(found[3] ?? found[5])!]!;
    const fraction = (found[2] ?? found[4] ?? '').slice(0, 18);
    ns +=
      BigInt(found[1] ?? 0) * unit + (BigInt(fraction === '' ? 0 : fraction) * unit) / 10n ** BigInt(fraction.length);
    if (ns > maxInt) return undefined;
  }
  if (rest === '') return undefined;
  return sign === '-' ? -ns : ns;
}
