import { promisify } from 'node:util';
import { zstdDecompress } from 'node:zlib';
import { Enricher, type EnrichOptions } from '../enrich/enrich.ts';
import type { PastTrace } from '../model/past-trace.ts';
import { wordsOf } from '../model/trace-id.ts';
import { pastTrace } from '../shard/past-trace.ts';
import type { Shard } from '../shard/shard.ts';
import { WindowReader } from '../shard/window-reader.ts';
import { Pace, Turns } from '../store/pace.ts';

/** How long a question holds the shard's thread at a time. */
const stepMs = 2;

const unpack: (packed: Uint8Array) => Promise<Uint8Array> = promisify(zstdDecompress);

/** Questions about what is in the windows of this thread's shard; they take turns, and the path goes between them. */
export class WindowQuestions {
  readonly #turns = new Turns();
  /** Its own: what is hidden from askers is not counted as hidden in what leaves. */
  readonly #enricher: Enricher;

  constructor(enrich: EnrichOptions) {
    this.#enricher = new Enricher(enrich);
  }

  /** What is there of a trace; `traceId` of 32 hex digits. Rejects with Abandoned, soon, when `over` is aborted. */
  async trace(shard: Shard, traceId: string, over: AbortSignal): Promise<PastTrace> {
    const { conditions } = shard.revisions.current.set;
    const pace = this.#pace(over);
    return pastTrace(new WindowReader(shard, unpack), wordsOf(traceId), { conditions, write: this.#enricher, pace });
  }

  #pace(over: AbortSignal): Pace {
    const pace = new Pace(this.#turns, stepMs);
    const abandon = (): void => void (pace.isAbandoned = true);
    if (over.aborted) abandon();
    over.addEventListener('abort', abandon, { once: true });
    return pace;
  }
}
