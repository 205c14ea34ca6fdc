import { expect, it } from 'vitest';
import { RequestScan } from '../../src/decode/scan.ts';
import { Refusal } from '../../src/errors.ts';
import type { Found } from '../../src/model/slice.ts';
import type { Pipeline } from '../../src/pipeline.ts';
import { spanIdentities } from '../support/identity.ts';
import { random } from '../support/random.ts';
import { requestBytes, type Told } from '../support/spans.ts';
import { type Setting, Story, seedRules } from '../support/story.ts';

/** As a gateway of a fleet finds what stays with it, before it knows that it does. */
function foundIn(pipeline: Pipeline, request: Uint8Array): Found {
  const { set, conditions } = pipeline.shard.revisions.current;
  const scan = new RequestScan();
  scan.run(request, 0, request.length, set.conditions);
  const { slices: rows, stride, count, invalid, reason } = scan;
  return { rows, stride, count, conditions, invalid, reason };
}

/** A story whose shards scan what comes before they take it, so long before that rules may change in between. */
function toldBefore(setting: Setting, rulesChange = (_story: Story): void => {}): Story {
  const story = new Story(setting);
  for (const pipeline of story.shards) {
    const ofRequests = pipeline.accept.bind(pipeline);
    pipeline.accept = (message, source) => {
      if (source === 'window') return ofRequests(message, source);
      const bytes = new Uint8Array(message.length);
      message.copyTo(bytes, 0);
      const found = foundIn(pipeline, bytes);
      rulesChange(story);
      return pipeline.acceptFound(bytes, found, source);
    };
  }
  return story;
}

const told = (seed: number, n: number): Told[] => {
  const next = random(seed);
  const one = (limit: number): number => Math.floor(next() * limit);
  return Array.from({ length: n }, (_, i) => ({
    trace: `t${one(60)}`,
    id: one(40) === 0 ? '0000000000000000' : `s${seed}-${i}`,
    parent: one(3) === 0 ? undefined : 'a',
    service: `service-${one(3)}`,
    status: one(9) === 0 ? 'ERROR' : 'OK',
    durationMs: one(20) === 0 ? 900 : 5,
    attributes: one(9) === 0 ? { 'http.route': '/login' } : {},
    padding: one(300),
  })) as Told[];
};

function play(story: Story, seed: number): string[] {
  for (let n = 0; n < 30; n++) {
    story.trySend(...told(seed * 100 + n, 1 + (n % 13)));
    story.after(700);
    if (n % 11 === 10) story.swap({ ...seedRules, routes: n % 2 === 0 ? ['/login'] : ['/never'] }, `r${n}`);
  }
  story.drain();
  return story.requests.flatMap(({ body }) => spanIdentities(body)).sort();
}

it('what was scanned before it came leaves as what is scanned here', () => {
  const buffer = { decisionWaitMs: 2_000 };
  const kept = play(new Story({ buffer }), 1);
  expect(kept.length).toBeGreaterThan(20);
  expect(play(toldBefore({ buffer }), 1)).toEqual(kept);
});

it('traces are judged by the rules that are in force at their end, not by those that they were scanned by', () => {
  const rules = { ...seedRules, baseline_percent: 0, latency_threshold_ms: null, routes: ['/never'] };
  let changes = 0;
  // Twice as many bits, and the same ones for something else.
  const routes = ['/login', ...Array.from({ length: 40 }, (_, i) => `/other-${i}`)];
  const story = toldBefore({ rules }, (it) => {
    if (changes++ === 0) it.swap({ ...rules, error_status_codes: null, routes }, 'r2');
  });
  story.send(
    { trace: 'a', id: 'login', attributes: { 'http.route': '/login' } },
    { trace: 'b', id: 'error', status: 'ERROR' },
  );
  story.send({ trace: 'a', id: 'child', parent: 'login' });
  story.after(11_000).drain();
  expect(story.requests.flatMap(({ body }) => spanIdentities(body))).toHaveLength(2);
  expect(changes).toBe(2);
});

it('what was refused comes in later, from where it lay', () => {
  const buffer = { maxBytes: 8 << 20, onFull: 'refuse' as const, decisionWaitMs: 1_000 };
  const story = new Story({ buffer, rules: { ...seedRules, baseline_percent: 100 }, shards: 1 });
  const requestOf = (n: number) => requestBytes({ trace: `t${n}`, id: 'a', padding: 1_500_000 }, { trace: `u${n}` });
  let n = 0;
  while (!(story.sendBytes(requestOf(n)) instanceof Refusal)) n++;
  expect(n).toBeGreaterThan(0);
  const request = requestOf(n);
  const [pipeline] = story.shards;
  const found = foundIn(pipeline, request);
  const before = found.rows.slice();
  expect(pipeline.acceptFound(request, found, 'grpc')).toBeInstanceOf(Refusal);
  expect(found.rows).toEqual(before);
  story.after(1_500).after(1);
  for (const identity of spanIdentities(request)) story.inside.add(identity);
  expect(pipeline.acceptFound(request, found, 'grpc')).toMatchObject({ spans: 2 });
  story.after(1_500).drain();
  expect(story.requests.flatMap(({ body }) => spanIdentities(body))).toHaveLength(2 * n + 2);
});
