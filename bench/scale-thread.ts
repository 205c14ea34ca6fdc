import { parentPort, workerData } from 'node:worker_threads';
import type { SlabNotice } from '../src/buffer/lending.ts';
import { systemClock } from '../src/clock.ts';
import { compileRules } from '../src/decide/compile.ts';
import { defaultRules } from '../src/enrich/default-rules.ts';
import { Enricher } from '../src/enrich/enrich.ts';
import { Refusal } from '../src/errors.ts';
import { Pipeline } from '../src/pipeline.ts';
import { messageOf } from '../src/receive/message.ts';
import type { SharedMemory } from '../src/shard/neighbours.ts';
import { caseOf, number, prepare, tracesIn } from './corpus.ts';
import { benchRules, shardOptions } from './path.ts';

/**
 * One shard of bench/scale.ts: gives itself requests from memory, as fast as it can, and takes over what others hand to
 * it.
 */
export interface ScaleOrder {
  readonly self: number;
  readonly shared: SharedMemory;
  readonly case: string;
  /** Does it get requests, or only slices from others? */
  readonly receives: boolean;
  readonly waitMs: number;
  readonly warmMs: number;
  readonly measureMs: number;
}

export interface ScaleResult {
  readonly spans: number;
  readonly seconds: number;
  /** Of this thread. */
  readonly cpuSeconds: number;
}

export type ScaleMessage = { readonly notice: SlabNotice; readonly to: number } | { readonly result: ScaleResult };

const order = workerData as ScaleOrder;
const port = parentPort!;
const tell = (message: ScaleMessage): void => port.postMessage(message);

const compiled = compileRules(benchRules, 'production', { debug: false });
if ('problems' in compiled) throw new Error('the rules of the bench do not compile');
const shape = caseOf(order.case);
const requests = Array.from({ length: 16 }, (_, i) => prepare(shape, i % shape.splitOver, Date.now(), false));
const { self, shared } = order;
const neighbours = { self, shared, tell: (notice: SlabNotice, to: number) => tell({ notice, to }) };
const pipeline = new Pipeline(
  { ...shardOptions(order.waitMs), ...(shared.lendings.length > 1 && { neighbours }) },
  { set: compiled.policies, name: '1' },
  new Enricher({ resource: {}, set: {}, redact: defaultRules }),
  () => {},
  systemClock,
);
port.on('message', ({ notice }: { notice: SlabNotice }) => pipeline.shard.neighbours?.learn(notice));

let taken = 0;

/** One request; none, where another shard is behind. */
function receive(): void {
  const prepared = requests[taken % requests.length];
  number(prepared, (self << 28) + 1 + Math.floor(taken / shape.splitOver) * tracesIn(shape));
  if (!(pipeline.accept(messageOf([prepared.bytes]), 'grpc') instanceof Refusal)) taken++;
}

interface Mark {
  readonly taken: number;
  readonly cpuSeconds: number;
  readonly at: number;
}

function mark(): Mark {
  const { user, system } = process.threadCpuUsage();
  return { taken, cpuSeconds: (user + system) / 1e6, at: performance.now() };
}

const measureFrom = performance.now() + order.warmMs;
let begun: Mark | undefined;

/**
 * As the event loop does it: some requests, what others handed over, what is due. A shard that only takes over has a
 * turn every 10 ms.
 */
function turn(): void {
  if (begun === undefined && performance.now() >= measureFrom) begun = mark();
  if (begun !== undefined && performance.now() >= begun.at + order.measureMs) {
    const end = mark();
    const spans = (end.taken - begun.taken) * shape.spansPerRequest;
    const [seconds, cpuSeconds] = [(end.at - begun.at) / 1000, end.cpuSeconds - begun.cpuSeconds];
    tell({ result: { spans, seconds, cpuSeconds } });
    begun = { ...end, at: Number.POSITIVE_INFINITY };
  }
  if (order.receives) for (let i = 0; i < 4; i++) receive();
  while (pipeline.tick(200));
  if (order.receives) setImmediate(turn);
  else setTimeout(turn, 10);
}

turn();
