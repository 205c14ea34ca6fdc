import { parentPort, workerData } from 'node:worker_threads';
import { readRules } from '../config/rules-reading.ts';
import { lowerOwnPriority } from '../low-priority.ts';
import { checking } from './checking-rules.ts';
import type { RulesAsked } from './rules-aside.ts';
import { ThreadTime } from './thread-time.ts';

/** What compiling may take of a shard, in milliseconds, without a word. */
const longMs = 200;

/** Reads and checks one word of the rules' sources, behind all that is urgent, and ends. */
lowerOwnPriority();
const { texts, place } = workerData as RulesAsked;
const time = new ThreadTime();
const reading = readRules(texts, checking(place, time.count));
const doubts =
  time.ms < longMs
    ? []
    : [`rules: every shard stands still for the ${Math.round(time.ms)} ms that it takes to compile them`];
parentPort?.postMessage('errors' in reading ? reading : { ...reading, warnings: [...reading.warnings, ...doubts] });
