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
  /** Rows of traces in the order in which they were decided, as far as that is known, see JoinedTraces. */
  readonly decided: Int32Array;
  /** Traces that began then, in monotonic ms, both included. Those before only count for what policies remember. */
  readonly fromMs: number;
  readonly toMs: number;
  /** Monotonic ms that the table counts from. */
  readonly originMs: number;
  readonly pace: Pace;
}

const tracesAStep = 256;

/**
 * What several rules say of every trace, in the order in which the traces were decided, at the times when they were, or
 * will fall due. In a sample of one in n it goes n times slower, so that a rate lets as large a share of them through.
 */
export async function judge(
  tried: readonly TriedRules[],
  { table, decided, originMs, fromMs, toMs, pace }: Judging,
  onJudged: OnJudged,
): Promise<void> {
  const verdicts = tried.map(() => undecided());
  const facts = new RowFacts(table);
  const slower = 2 ** table.level;
  const order = inOrder(table, decided, toMs - originMs);
  const origin = order.length === 0 ? 0 : table.rows[order[0] * table.stride + Column.dueAfter];
  for (let n = 0; n < order.length; n++) {
    const at = order[n] * table.stride;
    const due = origin + (table.rows[at + Column.dueAfter] - origin) / slower;
    facts.read(at, Math.floor(originMs + due));
    for (let i = 0; i < tried.length; i++) {
      table.keys.read(table.rows, at, tried[i].keyValues);
      decide(tried[i].set, facts, verdicts[i]);
    }
    if (originMs + table.rows[at + Column.firstAfter] >= fromMs) onJudged(at, verdicts);
    if (n % tracesAStep === 0 && pace.isOver) await pace.next();
  }
}

/**
 * The numbers of rows by when they fall due: one sort of numbers, of time and rank together. Of those of one millisecond
 * the decided ones come first, in their order.
 */
function inOrder({ rows, stride, count }: TraceTable, decided: Int32Array, to: number): Int32Array {
  const ranked = new Int32Array(count);
  const isRanked = new Uint8Array(count);
  let ranks = 0;
  const rank = (row: number): void => {
    if (isRanked[row] === 1) return;
    isRanked[row] = 1;
    ranked[ranks++] = row;
  };
  decided.forEach(rank);
  for (let row = 0; row < count; row++) rank(row);
  const places = 2 ** 20;
  const keys = new Float64Array(count);
  let taken = 0;
  for (let n = 0; n < count; n++) {
    const at = ranked[n] * stride;
    if (rows[at + Column.firstAfter] <= to) keys[taken++] = rows[at + Column.dueAfter] * places + n;
  }
  return Int32Array.from(keys.subarray(0, taken).sort(), (key) => ranked[key - Math.floor(key / places) * places]);
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
  /** Spans are not here; what policies tell traces apart by was gathered from them. */
  readonly trace: TraceSpans = { forEach: () => {} };
  readonly #table: TraceTable;

  constructor(table: TraceTable) {
    this.#table = table;
    this.bits = new Int32Array(table.conditionWords);
  }

  read(at: number, now: number): void {
    const table = this.#table;
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
