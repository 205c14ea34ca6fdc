import type { Problem } from '../../model/rules.ts';

type Path = readonly (string | number)[];
type Block = Readonly<Record<string, unknown>>;

/** An ordinary trace has more of them. */
const ordinarySpans = 10;
const ordinaryBytes = 2000;
/** Of a span with ids and a name, and nothing else. */
const leastBytes = 40;

/** Limits of a policy, and of those inside of it, whose buckets are too small for ordinary traces, or for any. */
export function tightLimits(policy: unknown, path: Path): Problem[] {
  if (typeof policy !== 'object' || policy === null) return [];
  if (Array.isArray(policy)) return policy.flatMap((each, at) => tightLimits(each, [...path, at]));
  const { type } = policy as Block;
  const block = typeof type === 'string' ? (policy as Block)[type] : undefined;
  const own = isBlock(block) ? ofBlock(type as string, block, [...path, type as string]) : [];
  return [...own, ...Object.entries(policy).flatMap(([key, value]) => tightLimits(value, [...path, key]))];
}

function ofBlock(type: string, block: Block, path: Path): Problem[] {
  const { spans_per_second: spans, bytes_per_second: bytes, burst_capacity: burst } = block;
  if (type === 'rate_limiting' && isNumber(spans))
    return ofBucket(isNumber(burst) ? burst : 2 * spans, spanWords, [...path, 'spans_per_second'], isNumber(burst));
  if (type === 'bytes_limiting' && isNumber(bytes))
    return ofBucket(isNumber(burst) ? burst : 2 * bytes, byteWords, [...path, 'bytes_per_second'], isNumber(burst));
  if (type === 'per_key_rate' && isNumber(spans)) {
    const capacity = isNumber(burst) ? burst : Math.max(1, 2 * spans);
    return ofBucket(capacity, spanWords, [...path, 'spans_per_second'], isNumber(burst));
  }
  return type === 'composite' ? ofComposite(block, path) : [];
}

/** A sub-policy's bucket holds what comes in a second. */
function ofComposite({ max_total_spans_per_second: total, composite_sub_policy: subs, ...block }: Block, path: Path) {
  if (!isNumber(total) || !Array.isArray(subs)) return [];
  const parts = Array.isArray(block.rate_allocation) ? (block.rate_allocation as Block[]) : [];
  return subs.flatMap((sub: Block, at): Problem[] => {
    const part = parts.find(({ policy }) => policy === sub.name)?.percent;
    const rate = (total * (isNumber(part) && part > 0 ? part : 100 / subs.length)) / 100;
    const wish = `a larger part in rate_allocation, or of max_total_spans_per_second`;
    return tell(rate, spanWords, [...path, 'composite_sub_policy', at], wish, 'its part of a second');
  });
}

interface Words {
  readonly things: string;
  readonly least: number;
  readonly ordinary: number;
}
const spanWords: Words = { things: 'spans', least: 1, ordinary: ordinarySpans };
const byteWords: Words = { things: 'bytes', least: leastBytes, ordinary: ordinaryBytes };

function ofBucket(capacity: number, words: Words, path: Path, isGiven: boolean): Problem[] {
  const wish = `a burst_capacity of as many ${words.things} as the largest trace has that should be kept`;
  return tell(capacity, words, path, wish, isGiven ? 'burst_capacity' : 'twice the rate, without burst_capacity');
}

function tell(capacity: number, { things, least, ordinary }: Words, path: Path, wish: string, why: string): Problem[] {
  if (capacity >= ordinary) return [];
  const figure = Number(capacity.toPrecision(3));
  const holds = `its bucket holds ${figure} ${things} (${why})`;
  const message =
    capacity < least
      ? `never keeps anything: ${holds}, less than any trace has: expected ${wish}`
      : `keeps no trace of more than ${Math.floor(capacity)} ${things}: ${holds}: expected ${wish}`;
  return [{ path, message }];
}

const isNumber = (value: unknown): value is number => typeof value === 'number';
const isBlock = (value: unknown): value is Block =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
