import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { Limits, Tally } from './hunt.ts';
import type { Task } from './thread.ts';

/** An input may take so long, by the clock on the wall, before its thread is given up: it may be the machine. */
const giveUpMs = 30_000;
/** Room for the longest input. */
const sharedBytes = 8 + 4 * 2 ** 20;
const heapMb = 1024;

type Message = { readonly type: 'progress' | 'done'; readonly tally: Tally };

/** Where an input is on disk while it runs; it stays there when the process dies of it. */
export const currentPath = (target: string): string => join(tmpdir(), `tailgate-fuzz-${target}-${process.pid}`);

/**
 * Hunts in a thread of its own, so that an input that never ends, or takes all memory, is a finding like others.
 */
export async function hunt(
  target: string,
  limits: Limits,
  onProgress: (tally: Tally) => void = () => {},
): Promise<Tally> {
  const shared = new SharedArrayBuffer(sharedBytes);
  const head = new Int32Array(shared, 0, 2);
  const workerData: Task = { target, limits, shared, current: currentPath(target) };
  const worker = new Worker(new URL('thread.ts', import.meta.url), {
    workerData,
    resourceLimits: { maxOldGenerationSizeMb: heapMb },
  });
  let last: Tally | undefined;
  const ended = new Promise<string>((resolve) => {
    let count = -1;
    const watch = setInterval(() => {
      if (count === head[0]) resolve(`no end after ${giveUpMs / 1000} s`);
      count = head[0];
    }, giveUpMs);
    const end = (why: string): void => {
      clearInterval(watch);
      resolve(why);
    };
    worker.on('message', ({ type, tally }: Message) => {
      last = tally;
      if (type === 'done') end('');
      else onProgress(tally);
    });
    worker.on('error', (error) => end(`uncaught: ${(error as Error).stack ?? error}`));
    worker.on('exit', (code) => end(`the thread ended with ${code}`));
  });
  const why = await ended;
  await worker.terminate();
  if (why === '' && last !== undefined) return last;
  const input = Buffer.from(new Uint8Array(shared, 8, head[1]));
  const tally = last ?? { target, inputs: head[0], bytes: 0, outcomes: new Map(), worst: { found: [] }, findings: [] };
  return { ...tally, findings: [...tally.findings, { input, what: why }] } as Tally;
}
