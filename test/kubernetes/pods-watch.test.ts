import { writeFileSync } from 'node:fs';
import { describe, expect, it, onTestFinished } from 'vitest';
import { apiAt } from '../../src/kubernetes/api.ts';
import { PodsWatch, type PodsWatchOptions } from '../../src/kubernetes/pods-watch.ts';
import type { PodChanges } from '../../src/model/pod.ts';
import { json, page, pod, scriptedApi, watching } from '../support/scripted-api.ts';

/** A watch on a scripted server, with a clock and pauses that the test turns; what it said, in order. */
async function scene(more: Partial<PodsWatchOptions> = {}) {
  const api = await scriptedApi();
  const said: (PodChanges | string)[] = [];
  const heard: (() => void)[] = [];
  const pauses: { ms: number; over: () => void }[] = [];
  let now = 0;
  const say = (what: PodChanges | string): void => {
    said.push(what);
    for (const hear of heard.splice(0)) hear();
  };
  const watch = new PodsWatch(
    { node: '', labels: [], annotations: [], maxPods: 100, ...more },
    {
      ask: apiAt(api),
      sleep: (ms) =>
        new Promise<void>((over) => {
          pauses.push({ ms, over });
          say(`pause ${ms}`);
        }),
      monotonicMs: () => now,
      random: () => 0.5,
    },
    {
      publish: say,
      failed: (why) => say(`failed: ${why}`),
      recovered: () => say('recovered'),
      full: () => say('full'),
    },
  );
  onTestFinished(() => {
    watch.stop();
    for (const { over } of pauses) over();
  });
  void watch.run();
  return {
    api,
    watch,
    said,
    /** The nth thing that it says, from 0, when it has. */
    hear: async (nth: number): Promise<PodChanges | string> => {
      while (said.length <= nth) await new Promise<void>((resolve) => heard.push(resolve));
      return said[nth];
    },
    endPause: () => pauses.shift()!.over(),
    pass: (ms: number) => void (now += ms),
  };
}

const uids = (said: PodChanges | string) =>
  typeof said === 'string' ? said : { put: said.put.map(({ uid }) => uid), gone: said.gone };

describe('the pods', () => {
  it('are listed page by page, then watched from the version of the list', async () => {
    const { api, hear, said } = await scene();
    const first = await api.next();
    expect([first.path, first.query, first.token]).toEqual(['/api/v1/pods', { limit: '100' }, 'Bearer first']);
    page(first, '7', [pod('a', '10.0.0.1')], 'more');
    const second = await api.next();
    expect(second.query).toEqual({ limit: '100', continue: 'more' });
    page(second, '8', [pod('b', '10.0.0.2')]);
    const third = await api.next();
    expect(third.query).toEqual({
      watch: '1',
      resourceVersion: '8',
      allowWatchBookmarks: 'true',
      timeoutSeconds: '300',
    });
    const { send } = watching(third);
    send('ADDED', pod('c', '10.0.0.3'));
    send('BOOKMARK', { metadata: { resourceVersion: '9' } });
    send('MODIFIED', pod('a', '10.0.0.9'));
    await hear(3);
    expect(said.map(uids)).toEqual([
      { put: ['a'], gone: [] },
      { put: ['b'], gone: [] },
      { put: ['c'], gone: [] },
      { put: ['a'], gone: [] },
    ]);
  });

  it('of one node are asked for by its name', async () => {
    const { api } = await scene({ node: 'n1' });
    const list = await api.next();
    expect(list.query.fieldSelector).toBe('spec.nodeName=n1');
    page(list, '1', []);
    expect((await api.next()).query.fieldSelector).toBe('spec.nodeName=n1');
  });

  it('that are gone are known two minutes longer, for what is on its way', async () => {
    const { api, hear, pass, watch } = await scene();
    page(await api.next(), '1', [pod('a', '10.0.0.1'), pod('b', '10.0.0.2')]);
    const { send } = watching(await api.next());
    send('DELETED', pod('a', '10.0.0.1'));
    send('MODIFIED', pod('b', '10.0.0.2'));
    expect(uids(await hear(1))).toEqual({ put: ['b'], gone: [] });
    expect(watch.stats.pods).toBe(1);
    pass(120_000);
    send('ADDED', pod('c', '10.0.0.1'));
    expect(uids(await hear(2))).toEqual({ put: ['c'], gone: ['a'] });
  });

  it('go on from the newest version when the server ends the watch, after a pause', async () => {
    const { api, hear, endPause, said } = await scene();
    page(await api.next(), '1', []);
    const { send, end } = watching(await api.next());
    send('BOOKMARK', { metadata: { resourceVersion: '55' } });
    end();
    expect(await hear(0)).toBe('pause 1000');
    endPause();
    expect((await api.next()).query.resourceVersion).toBe('55');
    expect(said).toHaveLength(1);
  });

  it.each([
    ['as an answer', (asked: Parameters<typeof json>[0]) => json(asked, { message: 'too old' }, 410)],
    [
      'in the watch',
      (asked: Parameters<typeof json>[0]) => watching(asked).send('ERROR', { code: 410, message: 'too old' }),
    ],
  ])(
    'are listed anew where the version is too old, told %s, and those that are not among them are gone',
    async (_, tooOld) => {
      const { api, hear, pass, endPause } = await scene();
      page(await api.next(), '1', [pod('a', '10.0.0.1'), pod('b', '10.0.0.2')]);
      tooOld(await api.next());
      expect(await hear(1)).toMatch(/^failed: .*too old/);
      await hear(2);
      endPause();
      page(await api.next(), '9', [pod('b', '10.0.0.2')]);
      expect(uids(await hear(3))).toEqual({ put: ['b'], gone: [] });
      const watched = await api.next();
      expect(watched.query.resourceVersion).toBe('9');
      pass(120_000);
      watching(watched).send('ADDED', pod('c', '10.0.0.3'));
      expect(uids(await hear(4))).toEqual({ put: ['c'], gone: ['a'] });
    },
  );
});

describe('where the API server', () => {
  it('refuses, it is told once with what to do, and asked less and less often', async () => {
    const { api, hear, endPause, said, watch } = await scene();
    json(await api.next(), { message: 'pods is forbidden' }, 403);
    expect(await hear(0)).toBe(
      'failed: 403 the ServiceAccount may not list and watch pods (a ClusterRole with both, helm: rbac.create): pods is forbidden',
    );
    for (const [nth, ms] of [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000].entries()) {
      expect(await hear(nth + 1)).toBe(`pause ${ms}`);
      endPause();
      json(await api.next(), {}, 403);
    }
    await hear(8);
    expect(watch.stats.failures).toBe(8);
    endPause();
    page(await api.next(), '1', []);
    watching(await api.next()).send('BOOKMARK', { metadata: { resourceVersion: '2' } });
    expect(await hear(9)).toBe('recovered');
    expect(said).toHaveLength(10);
  });

  it('takes the token no more, the next question has the one that is there then', async () => {
    const { api, hear, endPause } = await scene();
    json(await api.next(), {}, 401);
    await hear(1);
    writeFileSync(api.tokenFile, 'second');
    endPause();
    expect((await api.next()).token).toBe('Bearer second');
  });

  it.each([
    [
      'breaks off in the middle',
      (raw: (text: string) => void, asked: { answer: { destroy(): void } }) => {
        raw('{"type":');
        asked.answer.destroy();
      },
    ],
    ['sends what is no JSON', (raw: (text: string) => void) => raw('<html>\n')],
    ['sends an event without end', (raw: (text: string) => void) => raw('x'.repeat(5 << 20))],
  ])('%s, what is known stays, and the watch goes on where it was', async (_, trouble) => {
    const { api, hear, endPause, watch } = await scene();
    page(await api.next(), '1', [pod('a', '10.0.0.1')]);
    const asked = await api.next();
    const { send, raw } = watching(asked);
    send('ADDED', pod('b', '10.0.0.2', { metadata: { resourceVersion: '5' } }));
    await hear(1);
    trouble(raw, asked);
    expect(await hear(2)).toMatch(/^failed: /);
    await hear(3);
    endPause();
    expect((await api.next()).query).toMatchObject({ watch: '1', resourceVersion: '5' });
    expect(watch.stats.pods).toBe(2);
  });

  it('has more pods than may be known, the rest are left out, and it is told once', async () => {
    const { api, hear, watch, said } = await scene({ maxPods: 2 });
    page(
      await api.next(),
      '1',
      ['a', 'b', 'c', 'd'].map((uid) => pod(uid, '')),
    );
    expect(await hear(0)).toBe('full');
    expect(uids(await hear(1))).toEqual({ put: ['a', 'b'], gone: [] });
    const { send } = watching(await api.next());
    send('ADDED', pod('e', ''));
    send('MODIFIED', pod('a', ''));
    expect(uids(await hear(2))).toEqual({ put: ['a'], gone: [] });
    expect(watch.stats.pods).toBe(2);
    expect(said).toHaveLength(3);
  });
});
