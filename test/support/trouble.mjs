// Loaded before everything else by NODE_OPTIONS, in every thread: the thread of shard 1 dies, or stands still for some seconds, when the file that
// TROUBLE names says so.
import { readFileSync } from 'node:fs';
import { isMainThread, workerData } from 'node:worker_threads';

let done = false;
if (!isMainThread && workerData?.self === 1) {
  setInterval(() => {
    const order = read();
    if (order === '' || done) return;
    done = true;
    if (order === 'die') throw new Error('a defect that nobody knew of');
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, Number(order));
  }, 20).unref();
}

function read() {
  try {
    return readFileSync(process.env.TROUBLE, 'utf8');
  } catch {
    return '';
  }
}
