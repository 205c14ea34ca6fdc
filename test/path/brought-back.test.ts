import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { keeper } from '../../src/keep-traces.ts';
import { onlyTenant } from '../../src/model/tenant.ts';
import { wordsOf } from '../../src/model/trace-id.ts';
import { ownerOf } from '../../src/route/route.ts';
import type { WindowSearch } from '../../src/window-search.ts';
import { difference, spanIdentities } from '../support/identity.ts';
import { requestBytes, type Told, traceIdHex } from '../support/spans.ts';
import { type Setting, Story } from '../support/story.ts';

const MiB = 1 << 20;
const window = { maxBytes: 64 * MiB, maxAgeMs: 3_600_000 };
const rescuing = { rules: { late: { rescue: true } }, window };

const attributesOf = (story: Story, trace: string): Record<string, unknown>[] =>
  story
    .leftOf(trace)
    .map(({ attributes = [] }) =>
      Object.fromEntries(
        attributes
          .filter(({ key }) => key.startsWith('tailgate.'))
          .map(({ key, value }) => [key, Object.values(value ?? {})[0]]),
      ),
    );

const wayTotal = (story: Story) =>
  story.shards.reduce((sum, { shard }) => sum + Object.values(shard.broughtBack.traces).reduce((a, b) => a + b), 0);
const again = (story: Story): number => story.shards.reduce((sum, { received }) => sum + received.window.spans, 0);

/** Every span of the trace in a request of its own, so that each shard receives some. */
function tell(story: Story, trace: string, spans = 8, told: Partial<Told> = {}): string[] {
  return Array.from({ length: spans }, (_, i) => {
    const bytes = requestBytes({ trace, id: `${trace}-${i}`, ...(i > 0 && { parent: `${trace}-0` }), ...told });
    story.sendBytes(bytes);
    return spanIdentities(bytes)[0]!;
  });
}

const leftOf = (story: Story, trace: string): string[] =>
  story.requests.flatMap(({ body }) => spanIdentities(body)).filter((it) => it.startsWith(traceIdHex(trace)));

describe('an error that comes late', () => {
  it('brings back its trace, which was dropped, each span once and with all of its weight', async () => {
    const story = new Story(rescuing);
    const came = tell(story, 't');
    tell(story, 'other');
    story.after(10_000);
    const late = tell(story, 't', 3, { parent: 'x', id: 'late-healthy', padding: 10 });
    expect([story.left(), story.spans('late_dropped')]).toEqual([[], 3]);
    const error = requestBytes({ trace: 't', id: 'late', parent: 'x', status: 'ERROR' });
    story.sendBytes(error);
    await story.brought();
    const wanted = [...came, ...late, ...spanIdentities(error)];
    expect(difference(leftOf(story, 't'), wanted)).toEqual({ extra: [], missing: [] });
    expect(leftOf(story, 'other')).toEqual([]);
    expect(story.leftOf('t').every(({ traceState }) => traceState === 'ot=th:0')).toBe(true);
    const marks = attributesOf(story, 't').filter((marks) => Object.keys(marks).length > 0);
    expect(marks.length).toBeGreaterThan(0);
    for (const each of marks)
      expect(each).toMatchObject({ 'tailgate.policy': 'rescue', 'tailgate.rescued': true, 'tailgate.late': true });
    expect([wayTotal(story), again(story)]).toEqual([1, 12]);
    expect(story.explain('t')).toMatchObject({ verdict: 'keep', policy: 'rescue', adjustedCount: 1 });
  });

  it('is followed by later spans, and brings its trace back no second time', async () => {
    const story = new Story(rescuing);
    const came = tell(story, 't');
    story.after(10_000);
    const errors = tell(story, 't', 3, { parent: 'x', status: 'ERROR', id: 'e' });
    await story.brought();
    story.after(100_000);
    const later = tell(story, 't', 3, { parent: 'x', id: 'z', padding: 3 });
    await story.brought();
    expect(difference(leftOf(story, 't'), [...came, ...errors, ...later])).toEqual({ extra: [], missing: [] });
    expect(wayTotal(story)).toBe(1);
  });

  it('finds what is compressed already', async () => {
    const story = new Story(rescuing);
    const came = tell(story, 't', 8, { padding: 30_000 });
    story.after(10_000).after(300);
    expect(story.packPast()).toBeGreaterThan(0);
    const late = tell(story, 't', 1, { parent: 'x', status: 'ERROR', id: 'e' });
    await story.brought();
    expect(difference(leftOf(story, 't'), [...came, ...late])).toEqual({ extra: [], missing: [] });
  });

  it('is dropped as its trace was where the rules say nothing of it', async () => {
    const story = new Story({ window, rules: {} });
    tell(story, 't');
    story.after(10_000);
    tell(story, 't', 2, { parent: 'x', status: 'ERROR' });
    await story.brought();
    expect([story.left(), story.spans('late_dropped'), wayTotal(story)]).toEqual([[], 2, 0]);
  });

  it('is kept, with what comes after it, where there is no window', async () => {
    const story = new Story({ rules: { late: { rescue: true } } });
    tell(story, 't');
    story.after(10_000);
    const late = tell(story, 't', 2, { parent: 'x', status: 'ERROR' });
    await story.brought();
    expect(difference(leftOf(story, 't'), late)).toEqual({ extra: [], missing: [] });
  });

  it('follows the rules in force: a change switches it on and off', async () => {
    const story = new Story({ window, rules: {} });
    for (const trace of ['a', 'b']) tell(story, trace);
    story.after(10_000);
    story.swap({ late: { rescue: true } });
    tell(story, 'a', 1, { parent: 'x', status: 'ERROR', id: 'e' });
    await story.brought();
    story.swap({}, 'r3');
    tell(story, 'b', 1, { parent: 'x', status: 'ERROR', id: 'e' });
    await story.brought();
    expect([leftOf(story, 'a').length, leftOf(story, 'b').length]).toEqual([9, 0]);
  });
});

/** What /api/keep does, in a story. */
async function keepById(story: Story, trace: string) {
  const ownerOfTrace = () => story.shards[ownerOf(wordsOf(traceIdHex(trace))[3]!, story.shards.length)]!;
  const keep = keeper(
    {
      keep: (id, _, way, isSure) => ownerOfTrace().keep(wordsOf(id), way, isSure),
      bringBack: async (id) => {
        story.bring(wordsOf(id));
        const all = (await story.broughtAll()).flat();
        return { spans: all.reduce((sum, { spans }) => sum + spans, 0), isWhole: all.every(({ isWhole }) => isWhole) };
      },
      notBrought: (id) => ownerOfTrace().shard.broughtBack.notBrought(wordsOf(id)),
      pastTraces: async () => [],
    },
    {} as WindowSearch,
    story.clock,
  );
  const answer = await keep({ ids: [traceIdHex(trace)] }, onlyTenant, new AbortController().signal);
  return answer.traces[0];
}

describe('a trace of which nothing comes back', () => {
  const tight: Setting = { window, rules: {}, buffer: { maxBytes: 2 * MiB, onFull: 'decide_oldest' } };

  it('stays dropped for want of room, says so everywhere, and comes back when there is some', async () => {
    const story = new Story({ ...tight, shards: 1 });
    const came = tell(story, 't', 4, { padding: 90_000 });
    story.after(10_000).after(300);
    story.packPast();
    for (let n = 0; n < 60; n++) tell(story, `full-${n}`, 2, { padding: 30_000 });
    story.givesUp = true;
    expect(await keepById(story, 't')).toEqual({ traceId: traceIdHex('t'), state: 'no_room', spans: 0 });
    expect(story.explain('t')).toMatchObject({ verdict: 'drop', policy: 'none', adjustedCount: 0 });
    expect([wayTotal(story), leftOf(story, 't')]).toEqual([0, []]);
    story.after(20_000);
    tell(story, 't', 1, { parent: 'x', id: 'late' });
    expect(story.spans('late_dropped')).toBe(1);
    expect(await keepById(story, 't')).toMatchObject({ state: 'brought', spans: 5 });
    await story.brought();
    expect(leftOf(story, 't').filter((it) => came.includes(it))).toHaveLength(4);
    expect([wayTotal(story), story.explain('t')?.policy]).toEqual([1, 'keep:id']);
  });

  it('stays kept where a span of it came by itself meanwhile', async () => {
    const story = new Story({ ...tight, shards: 1 });
    tell(story, 't', 4, { padding: 50_000 });
    story.after(10_000);
    expect(story.keep('t')).toBe('brought');
    const late = tell(story, 't', 1, { parent: 'x', id: 'late' });
    story.after(0).shards[0]!.shard.broughtBack.notBrought(wordsOf(traceIdHex('t')));
    expect(story.explain('t')).toMatchObject({ verdict: 'keep', policy: 'keep:id' });
    expect([leftOf(story, 't').filter((it) => late.includes(it)).length, wayTotal(story)]).toEqual([1, 1]);
  });

  it('is not kept where the window has it no more', async () => {
    const story = new Story({ rules: {}, window: { ...window, maxAgeMs: 1000 } });
    tell(story, 't');
    story.after(10_000).after(60_000);
    expect(await keepById(story, 't')).toEqual({ traceId: traceIdHex('t'), state: 'not_found', spans: 0 });
    expect([story.explain('t')?.verdict, wayTotal(story)]).toEqual(['drop', 0]);
  });
});

describe('a trace that somebody wants', () => {
  it('comes back by its id, once', async () => {
    const story = new Story({ window, rules: {} });
    const came = tell(story, 't');
    expect(story.keep('t')).toBe('waiting');
    story.after(10_000);
    expect(story.keep('t')).toBe('brought');
    expect(story.keep('t')).toBe('kept');
    await story.brought();
    expect(story.keep('t', 'query')).toBe('kept');
    await story.brought();
    expect(difference(leftOf(story, 't'), came)).toEqual({ extra: [], missing: [] });
    expect(attributesOf(story, 't')).toContainEqual({
      'tailgate.policy': 'keep:id',
      'tailgate.revision': 'r1',
      'tailgate.late': true,
      'tailgate.rescued': true,
    });
  });

  it('comes back though its decision is forgotten, where somebody is sure of it', async () => {
    const story = new Story({ window, rules: {}, buffer: { rememberedDecisions: 3 } });
    const came = tell(story, 't');
    story.after(10_000);
    for (let n = 0; n < 40; n++) tell(story, `other-${n}`, 1);
    story.after(10_000);
    expect(story.keep('t')).toBe('forgotten');
    expect(story.keep('t', 'id', true)).toBe('brought');
    await story.brought();
    expect(difference(leftOf(story, 't'), came)).toEqual({ extra: [], missing: [] });
  });

  it('waits for room in a full buffer, and pushes out nothing that waits', async () => {
    const story = new Story({ window, rules: {}, buffer: { maxBytes: 2 * MiB, onFull: 'decide_oldest' } });
    const came = tell(story, 't', 6, { padding: 90_000 });
    story.after(10_000).after(300);
    story.packPast();
    for (let n = 0; n < 60; n++) tell(story, `full-${n}`, 2, { padding: 30_000 });
    const before = story.spans('dropped');
    expect(story.keep('t')).toBe('brought');
    story.channels.deliverAll();
    for (let n = 0; n < 50; n++) await new Promise((resolve) => setImmediate(resolve));
    expect(story.spans('dropped')).toBe(before);
    story.after(10_000);
    await story.brought();
    expect(difference(leftOf(story, 't'), came)).toEqual({ extra: [], missing: [] });
  });
});

const told: fc.Arbitrary<Told> = fc.record({
  trace: fc.integer({ min: 0, max: 6 }).map((n) => `trace-${n}`),
  status: fc.constantFrom('UNSET', 'UNSET', 'UNSET', 'ERROR'),
  padding: fc.integer({ min: 0, max: 6_000 }),
});
type Step =
  | { kind: 'send'; spans: Told[] }
  | { kind: 'wait'; ms: number }
  | { kind: 'keep'; trace: string }
  | { kind: 'pack' }
  | { kind: 'deliver' }
  | { kind: 'go on' };
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.array(told, { maxLength: 5 }).map((spans): Step => ({ kind: 'send', spans })) },
  { weight: 3, arbitrary: fc.integer({ min: 0, max: 6_000 }).map((ms): Step => ({ kind: 'wait', ms })) },
  { weight: 2, arbitrary: fc.integer({ min: 0, max: 6 }).map((n): Step => ({ kind: 'keep', trace: `trace-${n}` })) },
  { weight: 1, arbitrary: fc.constant<Step>({ kind: 'pack' }) },
  { weight: 3, arbitrary: fc.constant<Step>({ kind: 'deliver' }) },
  { weight: 6, arbitrary: fc.constant<Step>({ kind: 'go on' }) },
);

describe('whatever comes while traces are brought back', () => {
  it('no span leaves twice, the books balance, and what was brought back is whole', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 60 }), async (steps) => {
        const story = new Story({ ...rescuing, batch: { maxSpans: 50, maxBytes: 60_000, maxAgeMs: 0 } });
        // A walk stops before each message, until it is told to go on.
        const paused: (() => void)[] = [];
        story.pace = { isOver: true, next: () => new Promise((resolve) => paused.push(resolve)) };
        const came = new Map<string, string[]>();
        for (const it of steps) {
          if (it.kind === 'send') {
            const bytes = requestBytes(...it.spans);
            // One shard takes it; when the others hear of it is not said.
            story.offer(story.next, bytes);
            for (const [i, id] of spanIdentities(bytes).entries())
              came.set(it.spans[i]!.trace, [...(came.get(it.spans[i]!.trace) ?? []), id]);
          } else if (it.kind === 'wait') story.after(it.ms);
          else if (it.kind === 'keep') story.keep(it.trace);
          else if (it.kind === 'pack') story.packPast();
          else if (it.kind === 'deliver') story.channels.deliverAll();
          else paused.shift()?.();
          await new Promise((resolve) => setImmediate(resolve));
        }
        story.pace = { isOver: false, next: async () => {} };
        for (let n = 0; n < 2000 && (paused.length > 0 || story.bringing.length > 0 || n < 3); n++) {
          story.after(0);
          for (const resume of paused.splice(0)) resume();
          await new Promise((resolve) => setImmediate(resolve));
          if (paused.length === 0)
            await Promise.race([Promise.all(story.bringing), new Promise((r) => setImmediate(r))]).then(() => {});
          if (n > 100 && paused.length === 0) break;
        }
        await story.brought();
        story.after(30_000);
        await story.brought();
        story.drain();
        expect(story.inside.size).toBe(story.spans('dropped') + story.spans('late_dropped') - again(story));
        for (const [trace, wanted] of came) {
          const { verdict, policy } = story.explain(trace) ?? {};
          if (verdict !== 'keep') continue;
          if (policy !== 'rescue' && policy !== 'keep:id') continue;
          expect([trace, difference(leftOf(story, trace), wanted)]).toEqual([trace, { extra: [], missing: [] }]);
        }
      }),
      { numRuns: Number(process.env.STORIES ?? 60) },
    );
  });
});

it.each([
  [3_600_000, '1789996400'],
  [1e15, '0'],
])('what is kept by a query is looked for as far back as it says: %d ms', async (lastMs, start) => {
  const asked: URLSearchParams[] = [];
  const search = {
    search: async (params: URLSearchParams) => {
      asked.push(params);
      return { found: [], isWhole: true };
    },
  };
  const clock = { monotonicMs: () => 0, unixMs: () => 1_790_000_000_000 };
  const keep = keeper({} as never, search as unknown as WindowSearch, clock as never);
  await keep({ query: '{}', lastMs }, onlyTenant, new AbortController().signal);
  expect(asked.map((params) => params.get('start'))).toEqual([start]);
});
