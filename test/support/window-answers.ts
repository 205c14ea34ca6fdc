import { noConditions } from '../../src/decide/conditions.ts';
import type { Enricher } from '../../src/enrich/enrich.ts';
import { wordsOf } from '../../src/model/trace-id.ts';
import { pastCandidates } from '../../src/shard/past-candidates.ts';
import { pastTraces } from '../../src/shard/past-trace.ts';
import { always } from '../../src/shard/window-reader.ts';
import { parseSearchRequest } from '../../src/store/search-request.ts';
import { WindowSearch } from '../../src/window-search.ts';
import { readerOf, type Story } from './story.ts';

const pace = { isOver: false, next: async () => {} };

/** What a search of the window of a story's only shard answers to each query: its status and body, after the query. */
export function windowAnswers(
  story: Story,
  write: Enricher,
  queries: readonly string[],
  { start = 1, end = 2_100_000_000 } = {},
): Promise<string[]> {
  const { shard } = story.shards[0];
  const shards = {
    pastCandidates: async (query: string) => {
      const { spansets } = parseSearchRequest(new URLSearchParams(query)).query;
      return [await pastCandidates(readerOf(shard), always, { spansets, pace, write })];
    },
    pastTraces: async (ids: readonly string[]) => [
      await pastTraces(readerOf(shard), ids.map(wordsOf), { conditions: noConditions, write, pace }),
    ],
    explain: async () => undefined,
  };
  const search = new WindowSearch(shards as never, undefined);
  return Promise.all(
    queries.map(async (q) => {
      const params = new URLSearchParams({ q, start: String(start), end: String(end) });
      const { status, body } = await search.answer(params, { index: 0 } as never);
      return `${q} ${status} ${Buffer.from(body as never).toString()}`;
    }),
  );
}
