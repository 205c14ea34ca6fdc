import { getHeapStatistics } from 'node:v8';
import { caseOf, number, prepare } from './corpus.ts';

/** What every stage of bench/micro.ts is given: sixteen requests of the usual shape. */
export const shape = caseOf('whole');
export const requests = Array.from({ length: 16 }, (_, i) => {
  const prepared = prepare(shape, 0, 1_790_000_000_000);
  number(prepared, i * 64);
  const bytes = new Uint8Array(prepared.bytes.length + 64);
  bytes.set(prepared.bytes);
  return { bytes, length: prepared.bytes.length };
});
export const spansInRequests = requests.length * shape.spansPerRequest;

/** Bytes of the JavaScript heap allocated so far; only differences over many turns mean anything. */
export const allocated = (): number => getHeapStatistics().total_allocated_bytes;

/** Runs a turn, which says how many spans it handled: nanoseconds by each. */
export function timed(turn: () => number): number {
  const start = performance.now();
  const handled = turn();
  return ((performance.now() - start) * 1e6) / handled;
}

/** Runs a turn until its time is steady, then prints its best time: another process can only make a turn slower. */
export function report(name: string, turn: () => number, seconds = 1.5): number {
  for (const until = performance.now() + 400; performance.now() < until; ) turn();
  let best = Number.POSITIVE_INFINITY;
  let handled = 0;
  const before = allocated();
  const counted = (): number => {
    const more = turn();
    handled += more;
    return more;
  };
  for (const until = performance.now() + seconds * 1000; performance.now() < until; ) {
    best = Math.min(best, timed(counted));
  }
  print(name, best, (allocated() - before) / handled);
  return best;
}

export function print(name: string, ns: number, bytes?: number, more = ''): void {
  const heap = bytes === undefined ? '' : `${bytes.toFixed(2).padStart(9)} B allocated`;
  console.log(`${name.padEnd(56)} ${ns.toFixed(1).padStart(8)} ns ${heap}${more}`.trimEnd());
}

export const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1];
