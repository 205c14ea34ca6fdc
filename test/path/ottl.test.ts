import { describe, expect, it } from 'vitest';
import { compileRules } from '../../src/decide/compile.ts';
import { AnyValue, Event, KeyValue, Span } from '../../src/wire/otlp.ts';
import { Writer } from '../../src/wire/writer.ts';
import { type Told, traceIdHex } from '../support/spans.ts';
import { noRules, Story } from '../support/story.ts';

const policy = (ottl_condition: object) => ({ name: 'it', type: 'ottl_condition', ottl_condition });

function kept(ottl_condition: object, ...spans: Told[]): boolean {
  const story = new Story({ rules: { policies: [policy(ottl_condition)] } });
  for (const span of spans) story.send(span);
  story.after(10_000);
  return story.left().length === spans.length;
}

const failing = (error_mode: string) => ({
  type: 'ottl_condition',
  ottl_condition: { error_mode, span: ['HasPrefix(attributes["k"], "v")'] },
});
const service = (name: string) => ({
  type: 'string_attribute',
  string_attribute: { key: 'service.name', values: [name] },
});
const both = (...and_sub_policy: object[]) => ({ type: 'and', and: { and_sub_policy } });
const shares = (...policies: object[]) => ({
  max_total_spans_per_second: 100,
  composite_sub_policy: policies.map((each, i) => ({ name: `p${i}`, ...each })),
});

/** A span's field with an event whose attribute `n` is this number. */
function event(n: number): Uint8Array {
  const w = new Writer(64);
  const message = w.open(Span.events);
  const attribute = w.open(Event.attributes);
  w.string(KeyValue.key, 'n');
  const value = w.open(KeyValue.value);
  w.tag(AnyValue.int, 0);
  w.varint(n);
  for (const opened of [value, attribute, message]) w.close(opened);
  return w.buf.slice(0, w.pos);
}

function problems(ottl_condition: object): readonly string[] {
  const compiled = compileRules({ ...noRules, policies: [policy(ottl_condition)] }, 'home', { debug: false });
  return 'problems' in compiled ? compiled.problems.map(({ path, message }) => `${path.join('.')}: ${message}`) : [];
}

describe('ottl_condition', () => {
  const slowCheckout =
    'resource.attributes["service.name"] == "checkout" and end_time - start_time > Duration("750ms")';

  it('keeps a trace for one span of which all of a condition holds', () => {
    const span = [slowCheckout];
    expect(
      kept(
        { span },
        { trace: 'a', service: 'cart' },
        { trace: 'a', parent: 'x', service: 'checkout', durationMs: 751 },
      ),
    ).toBe(true);
    expect(
      kept(
        { span },
        { trace: 'a', service: 'cart', durationMs: 900 },
        { trace: 'a', parent: 'x', service: 'checkout' },
      ),
    ).toBe(false);
  });

  it('keeps for any of its conditions, those that must be asked of the bytes too', () => {
    const span = ['name == "never"', 'Concat([name, attributes["k"]], "-") == "work-v"'];
    expect(kept({ span }, { trace: 'a' }, { trace: 'a', parent: 'x', attributes: { k: 'v' } })).toBe(true);
    expect(kept({ span }, { trace: 'a' }, { trace: 'a', parent: 'x', attributes: { k: 'w' } })).toBe(false);
  });

  it.each([
    ['ignore', true],
    ['silent', true],
    ['propagate', false],
  ])('in mode %s: a span of which it has no value beside one of which it holds: kept %s', (error_mode, expected) => {
    const condition = { error_mode, span: ['HasPrefix(attributes["k"], "v")'] };
    const spans: Told[] = [
      { trace: 'a', attributes: { k: 'value' } },
      { trace: 'a', parent: 'x' },
    ];
    expect(kept(condition, ...spans)).toBe(expected);
    expect(kept(condition, ...spans.toReversed())).toBe(expected);
    expect(kept(condition, spans[0]!)).toBe(true);
  });

  it.each<[string, object, Told, boolean]>([
    ['not', { not_sub_policy: failing('propagate') }, { trace: 'a' }, false],
    ['not', { not_sub_policy: failing('propagate') }, { trace: 'a', attributes: { k: 'other' } }, true],
    ['not', { not_sub_policy: failing('ignore') }, { trace: 'a' }, true],
    ['not', { not_sub_policy: both(service('shop'), failing('propagate')) }, { trace: 'a', service: 'shop' }, false],
    ['not', { not_sub_policy: both(service('shop'), failing('propagate')) }, { trace: 'a', service: 'cart' }, true],
    ['composite', shares(failing('propagate'), { type: 'always_sample' }), { trace: 'a' }, false],
    ['composite', shares(failing('ignore'), { type: 'always_sample' }), { trace: 'a' }, true],
    [
      'composite',
      shares(failing('propagate'), { type: 'always_sample' }),
      { trace: 'a', attributes: { k: 'o' } },
      true,
    ],
  ])('a policy fails with one inside of it that fails, as in the Collector: %s %#', (type, block, span, expected) => {
    const story = new Story({ rules: { policies: [{ name: 'it', type, [type]: block }] } });
    story.send(span);
    story.after(10_000);
    expect(story.left().length > 0).toBe(expected);
  });

  it('drops nothing by a policy that fails', () => {
    const drop = { name: 'it', type: 'drop', drop: { drop_sub_policy: [failing('propagate')] } };
    const all = { name: 'all', type: 'always_sample' };
    const story = new Story({ rules: { policies: [drop, all] } });
    story.send({ trace: 'a' }, { trace: 'b', attributes: { k: 'v' } });
    story.after(10_000);
    expect(story.left().map(({ traceId }) => traceId)).toEqual([traceIdHex('a')]);
  });

  it('in mode propagate does not ask behind a condition that holds of the span, nor of its events', () => {
    const span = ['name == "work"', 'HasPrefix(attributes["k"], "v")'];
    const spanevent = ['HasPrefix(attributes["k"], "v")'];
    const condition = { error_mode: 'propagate', span, spanevent };
    const unknown = event(1);
    expect(kept(condition, { trace: 'a', unknown })).toBe(true);
    expect(kept(condition, { trace: 'a', name: 'other' })).toBe(false);
    expect(kept({ ...condition, span: span.toReversed() }, { trace: 'a' })).toBe(false);
    expect(kept({ error_mode: 'propagate', spanevent }, { trace: 'a', unknown })).toBe(false);
  });

  it('tells now and then which condition has no value, why, and of how many spans of a sample', () => {
    const starts = 'Concat(["x"], "") == "x" and HasPrefix(attributes["k"], "v")';
    const rules = {
      policies: [policy({ span: [starts] })],
      shadow: [{ ...policy({ error_mode: 'silent', spanevent: ['Len(attributes["n"]) > 1'] }), name: 'tried' }],
    };
    const story = new Story({ rules, shards: 1 });
    const { faultWatch } = story.shards[0]!.shard.judge;
    for (const trace of ['a', 'b', 'c']) {
      story.send({ trace, attributes: { k: 7 } }, { trace, attributes: { k: 'v' }, parent: 'x', unknown: event(1) });
      story.after(10_000);
    }
    expect(faultWatch.entries()).toEqual([
      { policy: 'it', asked: 6, faults: 3 },
      { policy: 'tried', asked: 6, faults: 3 },
    ]);
    const why = 'HasPrefix(attributes["k"], "v") has no value: attributes["k"] is an integer';
    expect(faultWatch.takeNews()).toEqual([{ policy: 'it', condition: starts, why }]);
    story.send({ trace: 'd' }, { trace: 'e' });
    story.after(60_000);
    const [news] = faultWatch.takeNews();
    expect(news?.why).toBe('HasPrefix(attributes["k"], "v") has no value: attributes["k"] is nil');
    // Of two traces that are decided within a tenth of a second one is looked at.
    expect(faultWatch.entries()[0]).toEqual({ policy: 'it', asked: 7, faults: 4 });
  });

  it('says what is wrong, in which condition, and where in it', () => {
    expect(problems({ span: ['true', 'ParseJSON(name) == nil'], spanevent: ['name ==\n  nam'] })).toEqual([
      expect.stringMatching(
        /^policies\.0\.ottl_condition\.span\.1: column 1 of the condition: the function ParseJSON is not supported: /,
      ),
      expect.stringMatching(
        /^policies\.0\.ottl_condition\.spanevent\.0: line 2, column 3 of the condition: nam is not supported of an event: /,
      ),
    ]);
    expect(problems({})).toEqual([
      'policies.0.ottl_condition.span: missing: expected a condition here, or in spanevent',
    ]);
    expect(problems({ span: ['true'], error_mode: 'loud' })).toEqual([
      'policies.0.ottl_condition.error_mode: "loud": expected ignore or silent or propagate',
    ]);
  });
});
