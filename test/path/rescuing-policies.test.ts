import { describe, expect, it } from 'vitest';
import type { PolicyDocument } from '../../src/model/rules.ts';
import { difference, spanIdentities } from '../support/identity.ts';
import { requestBytes, type Told, traceIdHex } from '../support/spans.ts';
import { Story } from '../support/story.ts';

const window = { maxBytes: 64 << 20, maxAgeMs: 3_600_000 };
const key = 'tenant';
const attribute = (value: string) => ({ type: 'string_attribute', string_attribute: { key, values: [value] } });
const gold = { name: 'gold', rescue: true, ...attribute('gold') };
const silver = { name: 'silver', ...attribute('silver') };
const late = { parent: 'x', id: 'late' };

function tell(story: Story, trace: string, spans = 8, told: Partial<Told> = {}): string[] {
  return Array.from({ length: spans }, (_, i) => {
    const bytes = requestBytes({ trace, id: `${trace}-${i}`, ...(i > 0 && { parent: `${trace}-0` }), ...told });
    story.sendBytes(bytes);
    return spanIdentities(bytes)[0]!;
  });
}

const leftOf = (story: Story, trace: string): string[] =>
  story.requests.flatMap(({ body }) => spanIdentities(body)).filter((it) => it.startsWith(traceIdHex(trace)));

/** A trace was dropped by these policies; the spans that came of it, and what has left when this one came late. */
async function lateSpan(policies: readonly PolicyDocument[], told: Partial<Told>, early: Partial<Told> = {}) {
  const story = new Story({ rules: { policies }, window });
  const came = tell(story, 't', 8, early);
  story.after(10_000);
  expect(story.left()).toEqual([]);
  const more = tell(story, 't', 1, { ...late, ...told });
  await story.brought();
  return { story, came: [...came, ...more], left: leftOf(story, 't') };
}

describe('a late span that a rescuing policy would keep its trace for', () => {
  it('brings the trace back, whole, once', async () => {
    const { story, came, left } = await lateSpan([gold], { attributes: { [key]: 'gold' } });
    expect(difference(left, came)).toEqual({ extra: [], missing: [] });
    expect(story.leftOf('t').every(({ traceState }) => traceState === 'ot=th:0')).toBe(true);
    expect(story.explain('t')).toMatchObject({ verdict: 'keep', policy: 'rescue', adjustedCount: 1 });
    tell(story, 't', 2, { ...late, attributes: { [key]: 'gold' } });
    await story.brought();
    expect(leftOf(story, 't')).toHaveLength(came.length + 2);
  });

  it('may say so by its resource, or by a condition among many', async () => {
    const many = Array.from({ length: 60 }, (_, i) => ({ name: `p${i}`, ...attribute(`v${i}`) }));
    const { came, left } = await lateSpan([...many, gold], { resource: { [key]: 'gold' } });
    expect(difference(left, came)).toEqual({ extra: [], missing: [] });
  });

  it('must be all that is asked itself, where one span is asked all of it', async () => {
    const slow = { type: 'span_latency', span_latency: { threshold_ms: 200 } };
    const both = [{ name: 'slow gold', rescue: true, type: 'and', and: and([slow, attribute('gold')]) }];
    const yes = await lateSpan(both, { attributes: { [key]: 'gold' }, durationMs: 300 });
    expect(difference(yes.left, yes.came)).toEqual({ extra: [], missing: [] });
    const no = await lateSpan(both, { attributes: { [key]: 'gold' } }, { durationMs: 300 });
    expect(no.left).toEqual([]);
  });

  it('is dropped as its trace was where the policy does not rescue, or is not fulfilled', async () => {
    const other = await lateSpan([gold, silver], { attributes: { [key]: 'silver' } });
    const error = await lateSpan([gold], { status: 'ERROR' });
    expect([other.left, error.left]).toEqual([[], []]);
  });

  it('brings nothing back that a drop policy dropped', async () => {
    const noise = { name: 'noise', type: 'drop', drop: { drop_sub_policy: [attribute('noise')] } };
    const { left } = await lateSpan(
      [noise, gold],
      { attributes: { [key]: 'gold' } },
      { attributes: { [key]: 'noise' } },
    );
    expect(left).toEqual([]);
    const rescuing = new Story({ rules: { policies: [noise], late: { rescue: true } }, window });
    tell(rescuing, 't', 8, { attributes: { [key]: 'noise' } });
    rescuing.after(10_000);
    tell(rescuing, 't', 1, { ...late, status: 'ERROR' });
    await rescuing.brought();
    expect(rescuing.left()).toEqual([]);
  });

  it('is judged by the rules in force where it comes to its trace', async () => {
    const story = new Story({ rules: { policies: [silver] }, window });
    const came = tell(story, 't');
    story.after(10_000);
    const bytes = Array.from({ length: 4 }, (_, i) =>
      requestBytes({ trace: 't', ...late, id: `late-${i}`, attributes: { [key]: 'gold' } }),
    );
    // With several shards some of these are on their way, scanned by the rules before.
    for (const each of bytes) story.offer(story.next, each);
    story.swap({ policies: [{ name: 'first', type: 'trace_flags' }, silver, gold] });
    story.channels.deliverAll();
    const last = tell(story, 't', 1, { ...late, id: 'last', attributes: { [key]: 'gold' } });
    await story.brought();
    const all = [...came, ...bytes.flatMap((each) => spanIdentities(each)), ...last];
    expect(difference(leftOf(story, 't'), all)).toEqual({ extra: [], missing: [] });
  });
});

const and = (policies: object[]) => ({ same_span: true, and_sub_policy: policies });
