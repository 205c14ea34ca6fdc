import { systemClock, unixMsOf } from '../clock.ts';
import { noConditions } from '../decide/conditions.ts';
import { Enricher, type EnrichOptions } from '../enrich/enrich.ts';
import type { PastCandidates, PastTrace } from '../model/past-trace.ts';
import { wordsOf } from '../model/trace-id.ts';
import type { Pipeline } from '../pipeline.ts';
import { pastCandidates } from '../shard/past-candidates.ts';
import { pastTraces } from '../shard/past-trace.ts';
import type { Shard } from '../shard/shard.ts';
import { always, WindowReader } from '../shard/window-reader.ts';
import { type GatheredTraces, type GatherRequest, gather } from '../simulate/gather.ts';
import { compileJointly, type RulesPlace } from '../simulate/joint-rules.ts';
import { SpanNames } from '../simulate/names.ts';
import { TraceTable } from '../simulate/trace-table.ts';
import { besidePathMs, Pace, Turns } from '../store/pace.ts';
import { parseSearchRequest } from '../store/search-request.ts';
import { BringBack } from './bring-back.ts';
import { unpacking } from './unpacking.ts';

/** What was not looked at by then is left out of a simulation. */
const longestMs = 25_000;
/** How far a sender's clock may be ahead of ours, for its spans to be found by time. */
const skewMs = 60_000;

/** Questions about what is in the windows of this thread's shard; they take turns, and the path goes between them. */
export class WindowQuestions {
  readonly #turns = new Turns();
  /** Its own: what is hidden from askers is not counted as hidden in what leaves. */
  readonly #enricher: Enricher;

  constructor(enrich: EnrichOptions) {
    this.#enricher = new Enricher(enrich);
  }

  /** Brings traces back for one pipeline. */
  bringBack(pipeline: Pipeline): BringBack {
    return new BringBack(pipeline, unpacking, new Pace(this.#turns, besidePathMs));
  }

  /** What is there of each trace; ids of 32 hex digits. Rejects with Abandoned, soon, when `over` is aborted. */
  async traces(shard: Shard, traceIds: readonly string[], over: AbortSignal): Promise<PastTrace[]> {
    const pace = Pace.until(over, this.#turns, besidePathMs);
    const asked = { conditions: noConditions, write: this.#enricher, pace };
    return pastTraces(new WindowReader(shard, unpacking()), traceIds.map(wordsOf), asked);
  }

  /** The traces that a search may find; `query` as the read API has it. Rejects likewise. */
  async candidates(shard: Shard, query: string, over: AbortSignal): Promise<PastCandidates> {
    const { query: parsed, window } = parseSearchRequest(new URLSearchParams(query));
    // What ended in that time landed in it or later; the senders' clocks are not ours.
    const fromMs = window.fromMs - skewMs - unixMsOf(0, systemClock);
    const asked = {
      spansets: parsed.spansets,
      pace: Pace.until(over, this.#turns, besidePathMs),
      write: this.#enricher,
    };
    return pastCandidates(new WindowReader(shard, unpacking()), { ...always, fromMs }, asked);
  }

  /** What is there of the window's traces, for rules to be tried on; cut short where it takes too long. Rejects likewise. */
  gather(shard: Shard, asked: GatherRequest, place: RulesPlace, over: AbortSignal): Promise<GatheredTraces> {
    const { seed, maxTraces, waits, originMs, fromMs } = asked;
    const { conditions, keys } = compileJointly(asked.documents, place);
    const pace = Pace.until(over, this.#turns, besidePathMs);
    const range = { ...always, ...(fromMs !== null && { fromMs }) };
    const endMs = systemClock.monotonicMs() + longestMs;
    return gather(new WindowReader(shard, unpacking()).walk(range, { conditions, pace }), {
      table: new TraceTable({ conditions, keys, seed, maxTraces, waits }),
      names: new SpanNames(this.#enricher),
      originMs,
      pace,
      decisions: shard.decisions,
      fromMs: range.fromMs,
      isLate: () => systemClock.monotonicMs() > endMs,
    });
  }
}
