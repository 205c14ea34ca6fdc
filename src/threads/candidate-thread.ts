import { parentPort, workerData } from 'node:worker_threads';
import { lowerOwnPriority } from '../low-priority.ts';
import { type Candidate, type CandidateText, readCandidate } from '../simulate/candidate.ts';
import { ThreadTime } from './thread-time.ts';

/** What compiling may take of a thread, in milliseconds: every shard will have to do the same. */
const mostCompilingMs = 1000;

/** Reads rules that somebody wants to have tried, behind all that is urgent, and ends. */
lowerOwnPriority();
const time = new ThreadTime();
const candidate = readCandidate(workerData as CandidateText, time.count);
parentPort?.postMessage(time.ms > mostCompilingMs ? tooCostly(time.ms) : candidate);

function tooCostly(ms: number): Candidate {
  const message = `rules: they take ${Math.round(ms)} ms to compile, for which every shard would stand still: expected at most ${mostCompilingMs}; try a part of them`;
  return { errors: [message] };
}
