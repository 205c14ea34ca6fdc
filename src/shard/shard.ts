import type { BatchOptions } from '../batch/batch.ts';
import { Batches } from '../batch/batches.ts';
import type { EnvelopeWriter } from '../batch/group.ts';
import { type BufferOptions, TraceBuffer } from '../buffer/trace-buffer.ts';
import { Window, type WindowOptions } from '../buffer/window.ts';
import { Decisions, decisionBytes } from '../decide/decisions.ts';
import { RequestScan } from '../decode/scan.ts';
import type { ExportRequest } from '../model/export-request.ts';
import { histogram } from '../model/histogram.ts';
import { Blocks } from '../tables/blocks.ts';
import { IdHash } from '../tables/id-hash.ts';
import { Arrivals } from './arrivals.ts';
import { BroughtBack } from './brought-back.ts';
import { EarlyDecisions } from './early-decisions.ts';
import { Emission } from './emission.ts';
import { Emitter, type SpanWriter, workPerStep } from './emit.ts';
import { Judge } from './judge.ts';
import { Late } from './late.ts';
import { latenessBounds } from './lateness.ts';
import { Ledger } from './ledger.ts';
import { type NeighbourOptions, Neighbours } from './neighbours.ts';
import { OverloadWatch } from './overload-watch.ts';
import type { ShownWriter } from './past-trace.ts';
import { Relief } from './relief.ts';
import { type NamedRules, Revisions } from './revision.ts';
import { Upkeep } from './upkeep.ts';
import { Witnesses, witnessBytes } from './witnesses.ts';

/** Verdicts that may be remembered count as well as what waits, from the start, and must leave room for it. */
const mostOfDecisions = 1 / 4;

/** Below the share at which the ladder refuses. */
const mostWithoutRefusing = 0.98;

/** Of a decision, with why it was made so. */
const rememberedBytes = decisionBytes + witnessBytes;

export interface ShardOptions {
  readonly buffer: BufferOptions & {
    /** Of all that waits and of the decisions remembered. */
    readonly maxBytes: number;
    readonly maxTraceBytes: number;
    readonly onFull: 'decide_oldest' | 'refuse';
    readonly rememberedDecisions: number;
  };
  /** Absent, or with no bytes: what waits no more is gone. */
  readonly window?: WindowOptions;
  readonly batch: BatchOptions;
  /** See RequestScan. */
  readonly maxEnvelopeBytes: number;
  readonly maxSpanBytes: number;
  /** Of the emitter, where it is not the usual. */
  readonly workPerStep?: number;
  /** Gives memory that was let go to the system now; a pause. */
  readonly collect?: () => void;
  /** Differs between processes, see tables/id-hash.ts. */
  readonly seed: number;
  /** Where there are more shards: this one's place among them. */
  readonly neighbours?: NeighbourOptions;
}

export type KeptWriter = SpanWriter & EnvelopeWriter & Pick<ShownWriter, 'shown'>;

/**
 * The parts of one shard, the sole owner of the traces that come to it. pipeline.ts is what happens in them, step by
 * step. None has a clock or a timer: every call says what time it is, in whole milliseconds of a clock that nobody
 * sets.
 */
export type Shard = ReturnType<typeof createShard>;

export function createShard(
  options: ShardOptions,
  rules: NamedRules,
  enrich: KeptWriter,
  emit: (request: ExportRequest) => void,
) {
  const { maxBytes, maxTraceBytes, onFull, rememberedDecisions } = options.buffer;
  const scan = new RequestScan(options.maxEnvelopeBytes, options.maxSpanBytes);
  const neighbours = options.neighbours && new Neighbours(options.neighbours);
  const most = Math.min(rememberedDecisions, Math.floor((maxBytes * mostOfDecisions) / rememberedBytes));
  const blocks = new Blocks(maxBytes - most * rememberedBytes, {
    // What other shards can read must be shared, and a block is used for anything.
    ...(neighbours && { allocate: (bytes: number) => new SharedArrayBuffer(bytes) }),
    ...(options.collect && { collect: options.collect }),
  });
  const hash = new IdHash(options.seed);
  const window = options.window && options.window.maxBytes > 0 ? new Window(options.window) : undefined;
  const buffer = new TraceBuffer(options.buffer, hash, blocks, { lender: neighbours?.lending, window });
  neighbours?.join(buffer);
  const decisions = new Decisions(most, hash);
  const ledger = new Ledger();
  const revisions = new Revisions(rules, ledger);
  buffer.ask(rules.set.conditions, revisions.current.conditions);
  const batches = new Batches(options.batch, enrich, emit, options.seed);
  const emitter = new Emitter(batches, enrich, options.workPerStep ?? workPerStep);
  const emission = new Emission(buffer, emitter, ledger);
  const overload = new OverloadWatch(() => {
    const share = blocks.inUseBytes / blocks.maxBytes;
    // Where room can be made by deciding, a full buffer alone is no reason to refuse.
    return onFull === 'decide_oldest' && !emission.isBehind ? Math.min(mostWithoutRefusing, share) : share;
  });
  const witnesses = new Witnesses(most, emitter, enrich);
  const judge = new Judge({ buffer, decisions, revisions, ledger, emission, emitter, overload, witnesses });
  const broughtBack = new BroughtBack({ buffer, decisions, revisions, ledger, emitter });
  const late = new Late({ buffer, decisions, revisions, ledger, emitter, emission, broughtBack });
  const arrivals = new Arrivals({ buffer, decisions, judge, late, maxTraceBytes, self: neighbours?.self ?? 0 });
  const earlyDecisions = new EarlyDecisions({ buffer, judge, emitter, emission }, onFull);
  const relief = new Relief({ buffer, judge, emission, overload, neighbours }, onFull);
  const upkeep = new Upkeep({ buffer, window, batches, scan, neighbours });
  const lateness = histogram(latenessBounds);
  return {
    scan,
    neighbours,
    buffer,
    window,
    decisions,
    ledger,
    revisions,
    batches,
    emitter,
    emission,
    judge,
    witnesses,
    broughtBack,
    arrivals,
    earlyDecisions,
    overload,
    relief,
    upkeep,
    lateness,
  };
}
