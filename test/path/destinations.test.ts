import { describe, expect, it } from 'vitest';
import { explained } from '../../src/explained.ts';
import type { ExportWhen } from '../../src/model/destinations.ts';
import type { SpanObject } from '../support/otlp.ts';
import { type Told, traceIdHex } from '../support/spans.ts';
import { Story } from '../support/story.ts';

const checkout: ExportWhen = {
  policies: [
    { name: 'own', type: 'string_attribute', string_attribute: { key: 'team', values: ['checkout'] } },
    {
      name: 'not probes',
      type: 'drop',
      drop: { drop_sub_policy: [{ type: 'route', route: { routes: ['/health'] } }] },
    },
  ],
};
const errors: ExportWhen = { policies: [{ name: '', type: 'status_code', status_code: { status_codes: ['ERROR'] } }] };
const everything = { baseline_percent: 100 };

/** 0 gets all, 1 what a team owns, 2 what has an error. */
const story = (rules: object = everything) => new Story({ rules, whens: [undefined, checkout, errors] });
const names = (spans: readonly SpanObject[]): string[] => spans.map(({ name }) => String(name)).sort();
const own = (trace: string, name: string, more: Partial<Told> = {}): Told => ({
  trace,
  name,
  attributes: { team: 'checkout' },
  ...more,
});

describe('a kept trace', () => {
  it('leaves whole for each exporter whose when it is as asks, and for those without', () => {
    const told = story();
    told.send(
      own('a', 'a1'),
      { trace: 'a', name: 'a2' },
      { trace: 'b', name: 'b1' },
      { trace: 'c', name: 'c1', status: 'ERROR' },
    );
    told.send({ trace: 'b', name: 'b2' }, { trace: 'c', name: 'c2' }, own('c', 'c3'));
    told.after(10_000);
    expect(names(told.leftFor(0))).toEqual(['a1', 'a2', 'b1', 'b2', 'c1', 'c2', 'c3']);
    expect(names(told.leftFor(1))).toEqual(['a1', 'a2', 'c1', 'c2', 'c3']);
    expect(names(told.leftFor(2))).toEqual(['c1', 'c2', 'c3']);
    expect(told.spans('kept')).toBe(7);
  });

  it('is left out where a policy of the when drops it', () => {
    const told = story();
    told.send(own('a', 'a1', { attributes: { team: 'checkout', 'http.route': '/health' } }));
    told.after(10_000);
    expect([names(told.leftFor(0)), names(told.leftFor(1))]).toEqual([['a1'], []]);
  });

  it('goes where it went with its late spans, whatever these say, also beside others in one request', () => {
    const told = story();
    told.send(own('a', 'a1'), { trace: 'b', name: 'b1' });
    told.after(10_000);
    told.send(
      { trace: 'a', name: 'a2' },
      own('b', 'b2', { status: 'ERROR' }),
      { trace: 'a', name: 'a3' },
      own('d', 'd1', { status: 'ERROR' }),
      { trace: 'b', name: 'b3' },
      { trace: 'a', name: 'a4' },
    );
    told.after(10_000);
    expect(names(told.leftFor(0))).toEqual(['a1', 'a2', 'a3', 'a4', 'b1', 'b2', 'b3', 'd1']);
    expect(names(told.leftFor(1))).toEqual(['a1', 'a2', 'a3', 'a4', 'd1']);
    expect(names(told.leftFor(2))).toEqual(['d1']);
  });

  it('goes by the same when after a change of rules in between', () => {
    const told = story({ baseline_percent: 0 });
    told.send(own('a', 'a1'), { trace: 'b', name: 'b1', status: 'ERROR' });
    told.swap({ error_status_codes: ['ERROR'], baseline_percent: 100 });
    told.after(10_000);
    expect(names(told.leftFor(0))).toEqual(['a1', 'b1']);
    expect(names(told.leftFor(1))).toEqual(['a1']);
    expect(names(told.leftFor(2))).toEqual(['b1']);
  });

  it('is in no exporter where none is for it, and balances', () => {
    const told = new Story({ rules: everything, whens: [errors] });
    told.send({ trace: 'a', name: 'a1' }, { trace: 'b', name: 'b1', status: 'ERROR' });
    told.after(10_000);
    expect(names(told.leftFor(0))).toEqual(['b1']);
    expect(told.spans('kept')).toBe(2);
  });
});

describe('a trace that was dropped and is kept after all', () => {
  const window = { maxBytes: 32 << 20, maxAgeMs: 600_000 };
  const others = { tenants: ['somebody else'] };
  const dropping = (buffer: object = {}) =>
    new Story({ rules: { baseline_percent: 0 }, whens: [undefined, checkout, others], window, buffer });
  const keep = async (told: Story): Promise<void> => {
    told.send(own('a', 'a1'), own('a', 'a2'));
    told.after(10_000);
    for (const trace of ['x', 'y', 'z', 'v', 'w']) told.send({ trace, name: trace });
    told.after(10_000);
    expect(told.keep('a', 'id', true)).toBe('brought');
    await told.brought();
  };

  it('goes where it would have gone', async () => {
    const told = dropping();
    await keep(told);
    expect([0, 1, 2].map((exporter) => names(told.leftFor(exporter)))).toEqual([['a1', 'a2'], ['a1', 'a2'], []]);
  });

  it('goes to those that ask nothing of a trace where its verdict is forgotten, and never where its tenant has no place', async () => {
    const told = dropping({ rememberedDecisions: 1 });
    await keep(told);
    expect([0, 1, 2].map((exporter) => names(told.leftFor(exporter)))).toEqual([['a1', 'a2'], [], []]);
  });
});

describe('batches of many sets of exporters', () => {
  it('are closed in their turn, and lose nothing', () => {
    const keys = ['k0', 'k1', 'k2', 'k3', 'k4'];
    const whens = keys.map((key) => ({
      policies: [{ name: key, type: 'string_attribute', string_attribute: { key, values: ['1'] } }],
    }));
    const told = new Story({ rules: everything, whens, batch: { maxAgeMs: 60_000 } });
    const sets = Array.from({ length: 96 }, (_, i) => (i * 7) % 32);
    sets.forEach((set, i) => {
      const attributes = Object.fromEntries(keys.flatMap((key, bit) => ((set >> bit) & 1 ? [[key, '1']] : [])));
      told.send({ trace: `t${i}`, name: `${i}`, attributes }, { trace: `t${i}`, name: `${i}` });
    });
    told.after(10_000).drain();
    keys.forEach((_, bit) => {
      const due = sets.flatMap((set, i) => ((set >> bit) & 1 ? [`${i}`, `${i}`] : [])).sort();
      expect(names(told.leftFor(bit))).toEqual(due);
    });
  });
});

describe('an explanation of a kept trace', () => {
  const sharesOf = async (told: Story, trace: string) => {
    const shards = {
      explain: () => told.explain(trace),
      pastTraces: async () => [],
    };
    const exporters = ['tempo', 'team', 'on call'];
    const over = new AbortController().signal;
    const explanation = await explained({ shards, hasWindow: false, exporters }, traceIdHex(trace), 0, over);
    return explanation?.exporters;
  };

  it('names its exporters, and those that did not get it, each with the reason', async () => {
    const told = story({
      baseline_percent: 0,
      policies: [{ name: 'team', type: 'boolean_attribute', boolean_attribute: { key: 'keep', value: true } }],
    });
    told.send(own('a', 'a1', { attributes: { team: 'checkout', keep: true } }), { trace: 'b', name: 'b1' });
    told.after(10_000);
    const [tempo, team, onCall] = (await sharesOf(told, 'a')) ?? [];
    expect(tempo).toEqual({ exporter: 'tempo', gets: true, why: 'it gets every kept trace' });
    expect(team).toMatchObject({ exporter: 'team', gets: true, why: expect.stringMatching(/^when\.policies: .*team/) });
    expect(onCall).toMatchObject({
      exporter: 'on call',
      gets: false,
      why: expect.stringMatching(/^when\.policies: no span .*ERROR/),
    });
    expect(await sharesOf(told, 'b')).toBeUndefined();
  });

  it('says so where nothing is asked, and where it could not be, as the decision was forgotten', async () => {
    const all = new Story({ rules: everything });
    all.send({ trace: 'a' });
    all.after(10_000);
    expect((await sharesOf(all, 'a'))?.map(({ gets, why }) => [gets, why])).toEqual(
      Array.from({ length: 3 }, () => [true, 'it gets every kept trace']),
    );
    const told = new Story({
      rules: {},
      whens: [undefined, checkout, errors],
      window: { maxBytes: 64 << 20, maxAgeMs: 3_600_000 },
      buffer: { rememberedDecisions: 1 },
    });
    told.send(own('a', 'a1', { status: 'ERROR' }));
    told.after(10_000);
    for (let n = 0; n < 40; n++) told.send({ trace: `other-${n}` });
    told.after(10_000);
    expect(told.keep('a', 'id', true)).toBe('brought');
    await told.brought();
    const [tempo, team] = (await sharesOf(told, 'a')) ?? [];
    expect(tempo?.gets).toBe(true);
    expect(team).toMatchObject({ gets: false, why: expect.stringContaining('the decision was forgotten') });
  });
});
