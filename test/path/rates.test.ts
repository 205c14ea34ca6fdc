import { describe, expect, it } from 'vitest';
import type { PolicyDocument } from '../../src/model/rules.ts';
import { parseThreshold, reaches } from '../../src/model/threshold.ts';
import { random } from '../support/random.ts';
import type { Told } from '../support/spans.ts';
import { compiled, Story } from '../support/story.ts';

const limit = (spans_per_second: number, more: object = {}): PolicyDocument => ({
  name: 'limit',
  type: 'rate_limiting',
  rate_limiting: { spans_per_second, ...more },
});
const rulesOf = (...policies: PolicyDocument[]) => ({ rules: { policies, baseline_percent: null } });
let made = 0;
const trace = (spans = 1, told: Partial<Told> = {}): Told[] => {
  const name = `t${made++}`;
  return Array.from({ length: spans }, (_, i) => ({ trace: name, ...(i > 0 && { parent: 'r' }), ...told }));
};
const traces = (n: number, told: Partial<Told> = {}): Told[] => Array.from({ length: n }, () => trace(1, told)).flat();
const wait = 10_000;
/** Time passes in steps of a tenth of a second, as it does for a gateway. */
function pass(story: Story, ms: number): Story {
  for (let left = ms; left > 0; left -= 100) story.after(Math.min(100, left));
  return story;
}

describe('18. rate_limiting', () => {
  it('10 spans a second and twice that in store: of 30 at once 20 are kept, and 10 a second later', () => {
    const story = new Story(rulesOf(limit(10)));
    story.send(...traces(30));
    story.after(1000).send(...traces(30));
    story.after(wait - 1000);
    expect(story.traces('kept')).toBe(20);
    story.after(1000);
    expect(story.traces('kept')).toBe(30);
  });

  it('never keeps a trace of more spans than the bucket holds', () => {
    const story = new Story(rulesOf(limit(10)));
    story.send(...trace(25));
    story.after(wait).send(...trace(20));
    story.after(wait);
    expect(story.left()).toHaveLength(20);
  });

  it('gives nothing to traces that are dropped, wherever the policy that drops them stands, nor stands for them', () => {
    const health = { key: 'health', values: ['yes'] };
    const drop_sub_policy = [{ name: 'health', type: 'string_attribute', string_attribute: health }];
    const story = new Story(rulesOf(limit(10), { name: 'noise', type: 'drop', drop: { drop_sub_policy } }));
    story.send(...traces(200, { attributes: { health: 'yes' } }), ...traces(15));
    story.after(wait);
    expect([story.traces('kept'), story.traces('dropped')]).toEqual([15, 200]);
    expect(story.left().map(({ traceState }) => traceState)).toEqual(Array.from({ length: 15 }, () => 'ot=th:0'));
  });

  it('takes burst_capacity at its word', () => {
    const story = new Story(rulesOf(limit(10, { burst_capacity: 3 })));
    story.send(...traces(30));
    story.after(wait);
    expect(story.traces('kept')).toBe(3);
  });
});

it('19. bytes_limiting does the same in bytes as they came', () => {
  const bytes_limiting = { bytes_per_second: 10_000 };
  const story = new Story(rulesOf({ name: 'b', type: 'bytes_limiting', bytes_limiting }));
  story.send(...Array.from({ length: 30 }, () => trace(1, { padding: 900 })).flat());
  story.send(...trace(1, { padding: 21_000 }));
  story.after(wait);
  expect(story.traces('kept')).toBeGreaterThan(15);
  expect(story.traces('kept')).toBeLessThan(22);
});

describe('24. composite', () => {
  const errors = { name: 'errors', type: 'status_code', status_code: { status_codes: ['ERROR'] } };
  const all = { name: 'all', type: 'always_sample' };
  const composite = (block: object): PolicyDocument => ({
    name: 'c',
    type: 'composite',
    composite: {
      max_total_spans_per_second: 100,
      policy_order: ['errors', 'all'],
      composite_sub_policy: [all, errors],
      ...block,
    },
  });
  const parts = (first: number, second: number) => ({
    rate_allocation: [
      { policy: 'errors', percent: first },
      { policy: 'all', percent: second },
    ],
  });
  const kept = (story: Story, status: string): number =>
    story.left().filter((span) => (String(span.status?.code ?? 0) === '2') === (status === 'ERROR')).length;

  it('the first that matches decides by its own budget, and no other is tried', () => {
    const story = new Story(rulesOf(composite(parts(30, 70))));
    story.send(...traces(60, { status: 'ERROR' }), ...traces(100));
    story.after(wait);
    expect(kept(story, 'ERROR')).toBe(30);
    expect(kept(story, 'OK')).toBe(70);
  });

  it('what all keep together stays within the total, though the parts come to more', () => {
    const story = new Story(rulesOf(composite(parts(80, 80))));
    story.send(...traces(90, { status: 'ERROR' }), ...traces(90));
    story.after(wait);
    expect(story.traces('kept')).toBe(100);
    // What the total refuses costs the sub-policy nothing.
    story.send(...traces(10, { status: 'ERROR' }));
    story.after(wait);
    expect(story.traces('kept')).toBe(110);
  });

  it('who has no part, or 0 per cent, has an equal one', () => {
    for (const rate_allocation of [[], [{ policy: 'errors', percent: 0 }]]) {
      const story = new Story(rulesOf(composite({ rate_allocation })));
      story.send(...traces(90, { status: 'ERROR' }), ...traces(90));
      story.after(wait);
      expect([kept(story, 'ERROR'), kept(story, 'OK')]).toEqual([50, 50]);
    }
  });

  it.each([
    ['no sub-policies', { composite_sub_policy: [] }, 'at least one'],
    ['an order with a name that is none', { policy_order: ['error'] }, 'did you mean errors'],
    ['a part for nobody', { rate_allocation: [{ policy: 'x', percent: 1 }] }, 'no such sub-policy'],
    ['a part of 101 per cent', { rate_allocation: [{ policy: 'all', percent: 101 }] }, '0 to 100'],
    ['two of one name', { composite_sub_policy: [all, all], policy_order: [] }, "another sub-policy's name"],
    [
      'a sub-policy that is wrong',
      { composite_sub_policy: [{ name: 'x', type: 'nope' }], policy_order: [] },
      'unknown policy type',
    ],
  ])('refuses %s', (_, block, message) => {
    expect(() => compiled({ policies: [composite(block)] })).toThrow(message);
  });
});

describe('per_key_rate', () => {
  it('lets no service drown another', () => {
    const per_key_rate = { traces_per_second: 5, burst_capacity: 10 };
    const story = new Story(rulesOf({ name: 'p', type: 'per_key_rate', per_key_rate }));
    story.send(...traces(500, { service: 'loud' }), ...traces(4, { service: 'calm' }), ...traces(10, { service: 'x' }));
    story.after(wait);
    expect(story.traces('kept')).toBe(10 + 4 + 10);
  });

  it('counts spans where it is told so, by any attribute', () => {
    const per_key_rate = { spans_per_second: 10, attributes: ['http.route'] };
    const story = new Story(rulesOf({ name: 'p', type: 'per_key_rate', per_key_rate }));
    const at = (route: string) => ({ attributes: { 'http.route': route } });
    story.send(...Array.from({ length: 10 }, () => trace(4, at('/a'))).flat(), ...trace(4, at('/b')));
    story.after(wait);
    expect(story.traces('kept')).toBe(5 + 1);
  });

  it('tells so many keys apart, and the others are one together; who falls silent makes room', () => {
    const per_key_rate = { traces_per_second: 1, burst_capacity: 1, attributes: ['user'], max_keys: 20 };
    const story = new Story(rulesOf({ name: 'p', type: 'per_key_rate', per_key_rate }));
    const users = (from: number, n: number) =>
      Array.from({ length: n }, (_, i) => trace(1, { attributes: { user: `u${from + i}` } })).flat();
    story.send(...users(0, 300));
    story.after(wait);
    expect(story.traces('kept')).toBeGreaterThan(15);
    expect(story.traces('kept')).toBeLessThanOrEqual(21);
    story.after(120_000).send(...users(1000, 15));
    const before = story.traces('kept');
    story.after(wait);
    expect(story.traces('kept') - before).toBeGreaterThan(8);
  });

  it.each([
    [{}, 'either traces_per_second or spans_per_second'],
    [{ traces_per_second: 1, spans_per_second: 1 }, 'either'],
    [{ traces_per_second: 1, from: 'leaf' }, 'root or all'],
    [{ traces_per_second: 1, max_keys: 1e9 }, '1 to 100000'],
  ])('refuses %j', (per_key_rate, message) => {
    expect(() => compiled({ policies: [{ name: 'p', type: 'per_key_rate', per_key_rate }] })).toThrow(message);
  });
});

describe('rare', () => {
  const rare = (block: object = {}): PolicyDocument => ({ name: 'rare', type: 'rare', rare: block });

  it('keeps the first trace of a shape, and another when none came for ten minutes', () => {
    const story = new Story(rulesOf(rare()));
    const shape = (...names: string[]): Told[] =>
      names.map((name, i) => ({ trace: `r${made}`, name, ...(i > 0 && { parent: 'r' }) }));
    const send = (...names: string[]): number => {
      made++;
      const before = story.traces('kept');
      story.send(...shape(...names));
      story.after(wait);
      return story.traces('kept') - before;
    };
    expect(send('a', 'b')).toBe(1);
    expect(send('b', 'a', 'a')).toBe(0);
    expect(send('a', 'c')).toBe(1);
    story.after(400_000);
    expect(send('a', 'b')).toBe(0);
    story.after(400_000);
    expect(send('a', 'c')).toBe(1);
    expect(send('a', 'b')).toBe(0);
    story.after(600_000);
    expect(send('a', 'b')).toBe(1);
  });

  it('by attributes, where they are named', () => {
    const story = new Story(rulesOf(rare({ attributes: ['tenant'] })));
    const of = (tenant: string) => trace(1, { name: `n${made}`, attributes: { tenant } });
    story.send(...of('a'), ...of('b'), ...of('a'), ...of('c'), ...of('b'));
    story.after(wait);
    expect(story.traces('kept')).toBe(3);
  });

  it('keeps no more than so many a second of what is different each time', () => {
    const story = new Story(rulesOf(rare({ traces_per_second: 5 })));
    for (let second = 0; second < 20; second++)
      pass(story, 1000).send(...traces(200).map((span) => ({ ...span, name: span.trace })));
    pass(story, wait);
    expect(story.traces('kept')).toBeLessThanOrEqual(10 + 20 * 5);
    expect(story.traces('kept')).toBeGreaterThan(90);
  });

  it('forgets what was not seen for longest, when there is too much to remember', () => {
    const story = new Story(rulesOf(rare({ attributes: ['id'], max_keys: 64, traces_per_second: 1e6 })));
    const of = (id: number) => trace(1, { attributes: { id } });
    story.send(...Array.from({ length: 24 }, (_, i) => of(i)).flat());
    story.after(wait);
    expect(story.traces('kept')).toBe(24);
    story.send(...Array.from({ length: 24 }, (_, i) => of(i)).flat());
    story.after(wait);
    expect(story.traces('kept')).toBeLessThan(27);
    story.send(...Array.from({ length: 1000 }, (_, i) => of(1000 + i)).flat());
    story.after(wait);
    story.send(...of(0));
    story.after(wait);
    expect(story.traces('kept')).toBeGreaterThan(1024);
  });
});

describe('several shards', () => {
  /** Traces of which most belong to one shard: their ids end alike. */
  const uneven = (n: number, next: () => number): Told[] =>
    Array.from({ length: n }, () => {
      const random = Array.from({ length: 24 }, () => Math.floor(next() * 16).toString(16)).join('');
      const end =
        next() < 0.85
          ? '00000000'
          : Math.floor(next() * 2 ** 32)
              .toString(16)
              .padStart(8, '0');
      return { trace: `${random}${end}`, id: `s${made++}` };
    });

  it.each([1, 4])('keep together what a limiter allows, however uneven they are: %d', (shards) => {
    const next = random(shards);
    const story = new Story({ ...rulesOf(limit(50)), shards });
    for (let tenth = 0; tenth < 300; tenth++) story.after(100).send(...uneven(40, next));
    pass(story, wait);
    const owners = story.shards.map(({ shard }) => shard.decisions.size);
    if (shards === 4) expect(Math.max(...owners)).toBeGreaterThan(8 * Math.min(...owners));
    expect(story.traces('kept')).toBeLessThanOrEqual(100 + 30 * 50);
    expect(story.traces('kept')).toBeGreaterThan(30 * 50);
  });

  it.each([1, 4])('come together to an adaptive target, however uneven they are: %d', (shards) => {
    const next = random(shards);
    const adaptive = { traces_per_second: 25, adjustment_interval: '5s' };
    const story = new Story({ ...rulesOf({ name: 'a', type: 'adaptive', adaptive }), shards });
    // The ids' end is their randomness: every trace has some of its own.
    const digit = (): string => Math.floor(next() * 16).toString(16);
    const send = (seconds: number): number => {
      for (let tenth = 0; tenth < seconds * 10; tenth++) {
        story.after(100);
        const rv = () => Array.from({ length: 14 }, digit).join('');
        story.send(...uneven(20, next).map((span) => ({ ...span, traceState: `ot=rv:${rv()}` })));
      }
      return story.traces('kept');
    };
    const before = send(25);
    const perSecond = (send(30) - before) / 30;
    expect(perSecond).toBeGreaterThan(21);
    expect(perSecond).toBeLessThan(29);
  });
});

describe('42. a change of the rules', () => {
  it('resets neither the limiter nor the rates of a policy that stays', () => {
    const adaptive = { name: 'a', type: 'adaptive', adaptive: { traces_per_second: 5 } };
    const story = new Story(rulesOf(limit(10)));
    story.send(...traces(30));
    story.after(wait);
    expect(story.traces('kept')).toBe(20);
    story.swap({ policies: [adaptive, limit(10)], baseline_percent: null });
    story.swap({ policies: [limit(10)], baseline_percent: null }, 'r3');
    story.send(...traces(30));
    story.after(1).send(...traces(30));
    story.after(wait);
    // Ten seconds have filled the bucket once, not thrice.
    expect(story.traces('kept')).toBe(40);
  });

  it('begins anew with a policy that says something else', () => {
    const story = new Story(rulesOf(limit(10)));
    story.send(...traces(30));
    story.after(wait - 1);
    story.swap({ policies: [limit(11)], baseline_percent: null });
    story.after(1);
    expect(story.traces('kept')).toBe(22);
  });

  it('tells two alike apart that stand in two places', () => {
    const inside = (name: string, status: string): PolicyDocument => ({
      name,
      type: 'composite',
      composite: {
        max_total_spans_per_second: 1000,
        composite_sub_policy: [limit(10), { name: status, type: 'always_sample' }],
        rate_allocation: [{ policy: 'limit', percent: 99 }],
      },
    });
    const story = new Story(rulesOf(inside('a', 'x'), inside('b', 'x')));
    story.send(...traces(15));
    story.after(wait);
    expect(story.explain('t-none')).toBeUndefined();
    expect(story.traces('kept')).toBe(15);
  });
});

describe('the weight of what luck kept', () => {
  const weigh = (traceState = ''): { th: number; rv: string | undefined; isConsistent: (id: string) => boolean } => {
    const th = /th:([0-9a-f]+)/.exec(traceState)?.[1] ?? '';
    const rv = /rv:([0-9a-f]{14})/.exec(traceState)?.[1];
    const { high, low } = parseThreshold(th)!;
    return {
      th: Number.parseInt(th.padEnd(14, '0'), 16) / 2 ** 56,
      rv,
      isConsistent: (id) => {
        const randomness = rv ?? id.slice(18);
        return reaches(
          Number.parseInt(randomness.slice(0, 6), 16),
          Number.parseInt(randomness.slice(6), 16),
          high,
          low,
        );
      },
    };
  };

  it('is on every span, late ones too, and never contradicts its randomness', () => {
    const story = new Story(rulesOf(limit(20)));
    for (let second = 0; second < 60; second++) {
      pass(story, 1000).send(...traces(200));
    }
    pass(story, wait);
    const early = story.left();
    const last = early.slice(-100);
    for (const span of early) expect(weigh(span.traceState).isConsistent(span.traceId), span.traceState).toBe(true);
    for (const span of last) expect(1 / (1 - weigh(span.traceState).th)).toBeGreaterThan(5);
    for (const span of last) expect(weigh(span.traceState).rv).toMatch(/^[0-9a-f]{14}$/);
    const late = last.map((span) => ({ trace: span.traceId, id: `late-${made++}`, parent: 'r' }));
    story.send(...late);
    story.after(1);
    const stateOf = new Map(last.map((span) => [span.traceId, span.traceState]));
    const after = story.left().slice(early.length);
    expect(after).toHaveLength(100);
    for (const span of after) expect(span.traceState).toBe(stateOf.get(span.traceId));
  });

  it('leaves randomness that a trace has of its own, and erases what would contradict it', () => {
    const story = new Story(rulesOf(limit(1, { burst_capacity: 1 })));
    for (let i = 0; i < 2000; i++) story.after(100).send(...trace(1, { traceState: 'ot=rv:10000000000000;th:0' }));
    pass(story, wait);
    const states = story.left().map((span) => span.traceState);
    expect(states.length).toBeGreaterThan(150);
    expect(states[0]).toBe('ot=rv:10000000000000;th:0');
    expect(new Set(states.slice(50))).toEqual(new Set(['ot=rv:10000000000000']));
  });
});
