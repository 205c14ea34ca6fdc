import { parentPort, workerData } from 'node:worker_threads';
import { TokenBucket } from '../../../src/decide/rates/token-bucket.ts';

/** A thread that asks a shared bucket for one token, many times, and tells how many it got. */
const { memory, rate, capacity, asks, now } = workerData;
const bucket = new TokenBucket(new Int32Array(memory), rate, capacity);
let got = 0;
for (let i = 0; i < asks; i++) if (bucket.take(0, 1, now)) got++;
parentPort!.postMessage(got);
