import { parentPort } from 'node:worker_threads';
import { lowerOwnPriority } from '../low-priority.ts';
import { matches } from './hashes.ts';

/** Compares passwords with slow hashes, one after the other, behind all that is urgent. */
lowerOwnPriority();
parentPort?.on('message', ({ password, hash }: { readonly password: string; readonly hash: string }) =>
  parentPort?.postMessage(matches(password, hash)),
);
