import { decodeJson } from '../decode/json.ts';
import { RequestScan } from '../decode/scan.ts';
import type { SpanConditions } from '../model/conditions.ts';
import type { RulesDocument } from '../model/rules.ts';
import type { Pace, PastSlices } from '../shard/window-reader.ts';
import { gather } from './gather.ts';
import { join } from './join.ts';
import { compileJointly, type RulesPlace } from './joint-rules.ts';
import { SpanNames } from './names.ts';
import { type Simulation, simulate } from './simulation.ts';
import { TraceTable } from './trace-table.ts';

const mostTraces = 524_288;
/** No span is smaller: its id and its trace's. */
const leastSpanBytes = 24;
/** Nobody waits for the thread. */
const neverOver: Pace = { isOver: false, next: () => Promise.resolve() };
/** All spans of a file are there before anything is decided. */
const waits = { waitMs: 2 ** 30, afterRootMs: 0, maxTraceBytes: Number.POSITIVE_INFINITY };
const openBrace = 0x7b;

/** The same of traces in a file, as `today` and `candidate` would treat them. Throws MalformedError, RulesProblems. */
export async function simulateRecorded(
  file: Uint8Array,
  today: RulesDocument,
  candidate: RulesDocument,
  place: RulesPlace,
): Promise<Simulation> {
  const { conditions, keys, tried } = compileJointly([today, candidate], place);
  const maxTraces = Math.min(mostTraces, Math.max(64, Math.ceil(file.length / leastSpanBytes)));
  const options = { conditions, keys, seed: 1, maxTraces, waits };
  const requests = [...requestsIn(file)];
  const [first = 0, last = 0] = [0, requests.length - 1].map((at) => startMs(requests, at, conditions));
  const originMs = Math.max(first, last) || 0;
  const gathered = await gather(slicesOf(requests, conditions, originMs), {
    table: new TraceTable(options),
    names: new SpanNames(),
    originMs,
    pace: neverOver,
    fromMs: Number.NEGATIVE_INFINITY,
    isLate: () => false,
  });
  const traces = await join([gathered], options, { originMs, pace: neverOver });
  const toMs = Math.max(originMs, gathered.lastAt);
  return await simulate(tried[0], tried[1], { ...traces, toMs }, neverOver);
}

/** OTLP/JSON, one request a line; or protobuf requests, each after its length in 4 bytes, big-endian. */
function* requestsIn(file: Uint8Array): Generator<Uint8Array> {
  const isJson = file[file.findIndex((byte) => byte > 0x20)] === openBrace && file[0] !== 0;
  for (let at = 0, number = 1; at < file.length; number++) {
    try {
      const length = isJson ? 0 : new DataView(file.buffer, file.byteOffset).getUint32(at);
      const lineEnd = isJson ? file.indexOf(0x0a, at) : 0;
      const end = isJson ? (lineEnd < 0 ? file.length : lineEnd) : at + 4 + length;
      if (end > file.length) throw new Error(`${length} bytes are announced, and ${file.length - at - 4} are there`);
      const body = file.subarray(isJson ? at : at + 4, end);
      at = isJson ? end + 1 : end;
      if (!isJson) yield body;
      else if (body.some((byte) => byte > 0x20)) yield decodeJson(body);
    } catch (error) {
      throw new Error(`${isJson ? 'line' : 'request'} ${number}: ${(error as Error).message}`);
    }
  }
}

/** What came in a file came when its first span started. */
function* slicesOf(
  requests: readonly Uint8Array[],
  conditions: SpanConditions,
  originMs: number,
  firstNumber = 1,
): Generator<PastSlices> {
  const scan = new RequestScan();
  for (const [i, bytes] of requests.entries()) {
    try {
      scan.run(bytes, 0, bytes.length, conditions);
    } catch (error) {
      throw new Error(`request ${firstNumber + i}: ${(error as Error).message}`);
    }
    const { slices: rows, stride, count } = scan;
    const landedAt = firstStartMs(scan, conditions) ?? originMs;
    yield { bytes, segment: -1, rows, stride, count, conditions: -1, landedAt };
  }
}

function startMs(requests: readonly Uint8Array[], at: number, conditions: SpanConditions): number {
  const request = requests[at];
  if (request === undefined) return 0;
  const [slices] = slicesOf([request], conditions, 0, at + 1);
  return slices.landedAt;
}

function firstStartMs({ slices: rows, stride, count }: RequestScan, { timesAt }: SpanConditions): number | undefined {
  let first = Number.POSITIVE_INFINITY;
  for (let at = timesAt; at < count * stride; at += stride) {
    const ns = (rows[at] >>> 0) * 2 ** 32 + (rows[at + 1] >>> 0);
    if (ns > 0) first = Math.min(first, Math.floor(ns / 1e6));
  }
  return first === Number.POSITIVE_INFINITY ? undefined : first;
}
