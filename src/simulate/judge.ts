import { decide, undecided } from '../decide/decide.ts';
import { randomnessBit } from '../model/conditions.ts';
import type { TraceFacts, TraceSpans } from '../model/predicates.ts';
import type { Verdict } from '../model/verdict.ts';
import type { Pace } from '../shard/window-reader.ts';
import type { TriedRules } from './joint-rules.ts';
import { Column, type TraceTable } from './trace-table.ts';

/** The row of a trace, and what each of the rules says of it, in their order; lent until the next one. */
type OnJudged = (at: number, verdicts: readonly Verdict[]) => void;

interface Judging {
  readonly table: TraceTable;
  /** Traces that began then, in monotonic ms, both included. */
  readonly fromMs: number;
  readonly toMs: number;
  /** Monotonic ms that the table counts from. */
  readonly originMs: number;
  readonly pace: Pace;
}

const tracesAStep = 256;

/**
 * What several rules say of every trace, in the order in which the traces fall due. Time is that of the traces; in a
 * sample of one in n it goes n times slower, so that a rate lets as large a share of them through.
 */
export async function judge(
  tried: readonly TriedRules[],
  { table, originMs, fromMs, toMs, pace }: Judging,
  onJudged: OnJudged,
): Promise<void> {
  const verdicts = tried.map(() => undecided());
  const facts = new RowFacts(table.stride - Column.bits);
  const slower = 2 ** table.level;
  const order = inOrder(table, fromMs - originMs, toMs - originMs);
  const origin = order.length === 0 ? 0 : table.rows[order[0] * table.stride + Column.dueAfter];
  for (let n = 0; n < order.length; n++) {
    const at = order[n] * table.stride;
    const due = origin + (table.rows[at + Column.dueAfter] - origin) / slower;
    facts.read(table, at, Math.floor(originMs + due));
    for (let i = 0; i < tried.length; i++) decide(tried[i].set, facts, verdicts[i]);
    onJudged(at, verdicts);
    if (n % tracesAStep === 0 && pace.isOver) await pace.next();
  }
}

/** The numbers of rows by when they fall due: one sort of numbers, of time and place together. */
function inOrder({ rows, stride, count }: TraceTable, from: number, to: number): Int32Array {
  const places = 2 ** 20;
  const keys = new Float64Array(count);
  let taken = 0;
  for (let n = 0; n < count; n++) {
    const first = rows[n * stride + Column.firstAfter];
    if (first >= from && first <= to) keys[taken++] = rows[n * stride + Column.dueAfter] * places + n;
  }
  return Int32Array.from(keys.subarray(0, taken).sort(), (key) => key - Math.floor(key / places) * places);
}

/** What a decision looks at, of a row. */
class RowFacts implements TraceFacts {
  readonly bits: Int32Array;
  readonly id = new Int32Array(4);
  randomnessHigh = 0;
  randomnessLow = 0;
  spans = 0;
  bytes = 0;
  durationNs = 0;
  now = 0;
  /** Spans are not here: policies that group traces by what is in them take all for one kind, and are told as approximate. */
  readonly trace: TraceSpans = { forEach: () => {} };

  constructor(words: number) {
    this.bits = new Int32Array(words);
  }

  read(table: TraceTable, at: number, now: number): void {
    const { rows } = table;
    for (let i = 0; i < this.bits.length; i++) this.bits[i] = rows[at + Column.bits + i];
    for (let i = 0; i < 4; i++) this.id[i] = rows[at + i];
    const isExplicit = (this.bits[0] & randomnessBit) !== 0;
    this.randomnessHigh = isExplicit ? rows[at + Column.randomnessHigh] : this.id[2] & 0xffffff;
    this.randomnessLow = (isExplicit ? rows[at + Column.randomnessLow] : this.id[3]) >>> 0;
    this.spans = rows[at + Column.spans];
    this.bytes = rows[at + Column.bytes] >>> 0;
    this.durationNs = table.durationNs(at);
    this.now = now;
  }
}
