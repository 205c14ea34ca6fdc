import { writeFileSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { readCorpus } from './corpus.ts';
import { Hunt, type Limits } from './hunt.ts';
import { targetOf } from './targets/index.ts';

/** What the thread is started with. `shared`: 8 bytes (a count, a length), then the input that is run now. */
export interface Task {
  readonly target: string;
  readonly limits: Limits;
  readonly shared: SharedArrayBuffer;
  /** Where inputs are on disk while they run, for targets that may take the process along. */
  readonly current: string;
}

const { target: name, limits, shared, current } = workerData as Task;
const target = targetOf(name);
const head = new Int32Array(shared, 0, 2);
const place = new Uint8Array(shared, 8);

function before(input: Buffer): void {
  place.set(input);
  head[1] = input.length;
  if (target.isNative) writeFileSync(current, input);
  Atomics.add(head, 0, 1);
}

const hunt = new Hunt(target, readCorpus(name), before);
const progress = setInterval(() => parentPort?.postMessage({ type: 'progress', tally: hunt.tally }), 5_000);
const tally = await hunt.run(limits);
clearInterval(progress);
parentPort?.postMessage({ type: 'done', tally });
