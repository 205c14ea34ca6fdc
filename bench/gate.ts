import { alternate, ratio } from './alternate.ts';
import { subjects } from './subjects.ts';

/**
 * `make bench-gate`: fails when the gateway takes less than a share of what the no-op on the same HTTP/2 takes, in the same
 * minute on the same machine. Usual is 0.2 to 0.3; the margin is for noise, so that only a blunder trips it.
 */
const least = 0.1;
const contenders = ['tailgate', 'no-op on node:http2'] as const;
const [ours, noop] = await alternate(
  contenders.map((name) => ({ name, kind: subjects[name] })),
  'whole',
  5,
);
const share = ratio(ours, noop);
console.log(`gateway: ${share.toFixed(2)} of a no-op receiver; at least ${least} is expected`);
process.exitCode = share >= least ? 0 : 1;
