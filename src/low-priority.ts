import { readdirSync, readFileSync } from 'node:fs';
import { setPriority } from 'node:os';
import { platform } from 'node:process';

/**
 * A tenth of a core for each thread that can wait, when the path wants all of it, and all that the path leaves. The
 * scheduler's weights are 110 and 1024 (sched(7), the nice value). More of it (5: a quarter) doubles what an
 * acknowledgement waits for beside a batch; less (19: a hundredth) and the embedded store stands still where everything
 * is kept and senders want the whole core: docs/performance.md.
 */
const niceness = 10;

/**
 * Puts the calling thread behind the path's. On Linux alone, where a priority is a thread's; elsewhere it would be the
 * process's.
 */
export function lowerOwnPriority(): void {
  if (platform === 'linux') lower(0);
}

/**
 * The same for the threads of libuv's pool, on which zlib compresses; they are there once something has been done on
 * them.
 */
export function lowerPoolPriority(): void {
  if (platform !== 'linux') return;
  for (const thread of poolThreads()) lower(thread);
}

function poolThreads(): number[] {
  try {
    const tasks = readdirSync('/proc/self/task');
    return tasks.filter((task) => readFileSync(`/proc/self/task/${task}/comm`, 'utf8').trim() === poolName).map(Number);
  } catch {
    return []; // A thread that ended meanwhile, or no /proc: then they stay as they are.
  }
}

/** As libuv calls them since 1.50 (Node 24). */
const poolName = 'libuv-worker';

function lower(thread: number): void {
  try {
    setPriority(thread, niceness);
  } catch {
    // A sandbox may forbid it; nothing depends on it but latencies.
  }
}
