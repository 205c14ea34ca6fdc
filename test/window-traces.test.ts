import { expect, it } from 'vitest';
import { systemClock } from '../src/clock.ts';
import { WindowSearch } from '../src/window-search.ts';
import { withWindow } from '../src/window-traces.ts';
import { requestBytes, traceIdHex } from './support/spans.ts';

const traceId = traceIdHex('one');
const tenant = { index: 0, name: '' };
const long = 60_000;

/** A gateway in whose window `found` spans of a trace are, which was decided by `spans`, some time ago. */
function gateway(found: number, decided: { spans: number; verdict: string; ago?: number } | undefined) {
  const told = Array.from({ length: found }, (_, i) => ({ trace: 'one', id: `${i}`, name: 'GET /' }));
  const past = { parts: found > 0 ? [requestBytes(...told)] : [], spans: found, isWhole: true };
  const shards = {
    pastCandidates: async () => [{ traceIds: [traceId], isWhole: true }],
    pastTraces: async () => [[past]],
    explain: async () =>
      decided && { policy: 'none', ...decided, decidedAt: systemClock.unixMs() - (decided.ago ?? long) },
  } as never;
  const read = withWindow(undefined, new WindowSearch(shards, undefined), shards, undefined);
  return async (path: string, accept = '') => {
    const answer = await read('GET', new URL(path, 'http://gateway'), accept, new AbortController().signal, tenant);
    return { ...answer!, text: Buffer.from(answer!.body as never).toString() };
  };
}

it('a trace of which the window has a part says so, in each version of the answer', async () => {
  const ask = gateway(3, { spans: 5, verdict: 'drop' });
  const first = await ask(`/api/traces/${traceId}`);
  expect([first.status, first.headers?.['x-tailgate-missing-spans']]).toEqual([200, '2']);
  const second = await ask(`/api/v2/traces/${traceId}`);
  expect(JSON.parse(second.text)).toMatchObject({
    status: 'PARTIAL',
    message: '2 of its spans are not in the window',
  });
  expect((await ask(`/api/v2/traces/${traceId}`, 'application/protobuf')).text).toContain('2 of its spans are not in');
  const search = JSON.parse((await ask('/api/search?window=true&q={}&start=1&end=2100000000')).text);
  expect(search.traces[0].tailgate).toEqual({ verdict: 'drop', policy: 'none', missingSpans: 2 });
});

it.each([
  ['is whole', 5, { spans: 5, verdict: 'drop' }],
  ['has late spans as well', 6, { spans: 5, verdict: 'drop' }],
  ['waits, and more of it came since', 3, { spans: 5, verdict: 'waiting' }],
  ['was decided while it was asked for', 3, { spans: 5, verdict: 'keep', ago: -1 }],
  ['is known to nobody', 3, undefined],
])('one that %s says nothing of it', async (_, found, decided) => {
  const ask = gateway(found, decided);
  const { text, headers } = await ask(`/api/v2/traces/${traceId}`);
  expect([text.includes('PARTIAL'), headers?.['x-tailgate-missing-spans']]).toEqual([false, undefined]);
  const search = JSON.parse((await ask('/api/search?window=true&q={}&start=1&end=2100000000')).text);
  expect(search.traces[0].tailgate).not.toHaveProperty('missingSpans');
});
