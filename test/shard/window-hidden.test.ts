import { expect, it } from 'vitest';
import { noConditions } from '../../src/decide/conditions.ts';
import { Enricher } from '../../src/enrich/enrich.ts';
import { wordsOf } from '../../src/model/trace-id.ts';
import { pastCandidates } from '../../src/shard/past-candidates.ts';
import { pastTraces } from '../../src/shard/past-trace.ts';
import { always } from '../../src/shard/window-reader.ts';
import { parseSearchRequest } from '../../src/store/search-request.ts';
import { WindowSearch } from '../../src/window-search.ts';
import { readerOf, Story } from '../support/story.ts';

const pace = { isOver: false, next: async () => {} };
const write = new Enricher({
  resource: { cluster: 'eu-1' },
  set: { region: 'north' },
  redact: [{ name: 'p', keys: ['user.password'] }],
});

/** What a search of the window answers, of a trace whose span and resource have this secret. */
async function answers(secret: string, queries: readonly string[]): Promise<string[]> {
  const story = new Story({ shards: 1, rules: {}, window: { maxBytes: 1 << 26, maxAgeMs: 1e9 } });
  const attributes = { 'user.password': secret, color: 'red' };
  story.send({ trace: 'a', id: 'x', name: 'login', attributes, resource: { 'user.password': secret } });
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
      const params = new URLSearchParams({ q, start: '1', end: '2100000000' });
      const { status, body } = await search.answer(params, { index: 0 } as never);
      return `${q} ${status} ${Buffer.from(body as never).toString()}`;
    }),
  );
}

it('a search answers alike whatever a hidden value is', async () => {
  const asked = [
    '=~ "hunter[0-4]"',
    '!~ "hunter[0-4]"',
    '=~ "hunter[0-4]|.[*]+"',
    '= "hunter2"',
    '!= "hunter2"',
    '> "hunter5"',
  ];
  const queries = [
    ...asked.flatMap((each) => [
      `{ span.user.password ${each} }`,
      `{ resource.user.password ${each} && name = "login" }`,
      `{ span.user.password ${each} || span.color = "red" }`,
    ]),
    '{ span.color = "red" }',
  ];
  const found = await answers('hunter2', queries);
  expect(await answers('hunter7', queries)).toEqual(found);
  expect(
    found
      .slice(0, -1)
      .join()
      .replaceAll(/\{ (span|resource)[^}]*\}/g, ''),
  ).not.toContain('hunter');
  expect(found.at(-1)).toContain('"rootTraceName":"login"');
});

it('a search finds what is shown without having come: attributes that the gateway adds, and masks', async () => {
  const queries = [
    '{ resource.cluster = "eu-1" }',
    '{ .region != "south" && span.color = "red" }',
    '{ resource.region =~ "no.*" }',
    '{ span.user.password = "****" }',
  ];
  for (const answer of await answers('hunter2', queries)) expect(answer).toContain('"rootTraceName":"login"');
  expect((await answers('hunter2', ['{ resource.cluster = "eu-2" }']))[0]).toContain('"traces":[]');
});
