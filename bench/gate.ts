import { alternate, ratio } from './alternate.ts';
import { subjects } from './subjects.ts';

/**
 * `make bench-gate`: fails when the gateway takes less than a share of what a receiver that does nothing on grpc-js
 * takes, in the same minute on the same machine; grpc-js, since a slow receiver of ours would slow its own no-op too.
 * Usual is 0.4 to 0.8; the margin is for noise.
 */
const least = 0.2;
const contenders = ['tailgate', 'no-op on grpc-js'] as const;
const [ours, noop] = await alternate(
  contenders.map((name) => ({ name, kind: subjects[name] })),
  'whole',
  5,
);
const share = ratio(ours, noop);
console.log(`gateway: ${share.toFixed(2)} of a no-op receiver on grpc-js; at least ${least} is expected`);
process.exitCode = share >= least ? 0 : 1;
