import { isMainThread } from 'node:worker_threads';

// Loaded into a gateway by NODE_OPTIONS=--import: for each SIGUSR2 its main thread prints how late timers ran since the
// last one, as a line of JSON. The gateway's own metric looks back for half a minute, which is more than one turn.

/** Milliseconds. */
export interface LoopDelay {
  readonly loopP50: number;
  readonly loopP99: number;
  readonly loopMax: number;
  /**
   * What the thread itself did between two timers beyond their time: the same, but for what other processes and threads
   * took of its core meanwhile.
   */
  readonly ownP99: number;
  readonly ownMax: number;
}

const resolutionMs = 5;

function cpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

if (isMainThread) {
  const delays: number[] = [];
  const own: number[] = [];
  let [at, cpu] = [performance.now(), cpuMs()];
  setInterval(() => {
    const [now, used] = [performance.now(), cpuMs()];
    delays.push(Math.max(0, now - at - resolutionMs));
    own.push(Math.max(0, used - cpu - resolutionMs));
    [at, cpu] = [now, used];
  }, resolutionMs).unref();
  const takeShares = (values: number[], shares: readonly number[]): number[] => {
    const sorted = values.splice(0).sort((a, b) => a - b);
    return shares.map((share) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0);
  };
  process.on('SIGUSR2', () => {
    const [loopP50, loopP99, loopMax] = takeShares(delays, [0.5, 0.99, 1]);
    const [ownP99, ownMax] = takeShares(own, [0.99, 1]);
    const said: LoopDelay = { loopP50, loopP99, loopMax, ownP99, ownMax };
    process.stdout.write(`${JSON.stringify(said)}\n`);
  });
}
