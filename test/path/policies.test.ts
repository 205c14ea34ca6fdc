import { describe, expect, it } from 'vitest';
import { attribute } from '../support/otlp.ts';
import type { Told } from '../support/spans.ts';
import { Story } from '../support/story.ts';

const keeps = (rules: ConstructorParameters<typeof Story>[0], ...spans: Told[]): boolean => {
  const story = new Story(rules);
  story.send(...spans);
  story.after(10_000);
  return story.left().length === spans.length;
};
const errors = { rules: { error_status_codes: ['ERROR'] as const } };
const slow = { rules: { latency_threshold_ms: 500 } };

describe('always_sample', () => {
  it('forwards exactly the one span, once, when its wait is over and not before', () => {
    const story = new Story({ rules: { policies: [{ name: 'all', type: 'always_sample' }] } });
    story.send({ trace: 'a', name: 'only' });
    story.after(9_999);
    expect(story.left()).toEqual([]);
    story.after(1).after(100_000);
    expect(story.left().map((span) => span.name)).toEqual(['only']);
    expect(story.traces('kept')).toBe(1);
  });
});

describe('errors', () => {
  it('keeps a trace for an ERROR on the leaf of a remote service under a healthy root', () => {
    expect(
      keeps(
        errors,
        { trace: 'a', id: '1', status: 'OK' },
        { trace: 'a', id: '2', parent: '1', service: 'cart' },
        { trace: 'a', parent: '2', service: 'stock', status: 'ERROR' },
      ),
    ).toBe(true);
  });

  it('does not take an HTTP 500 with status UNSET for an error', () => {
    expect(keeps(errors, { trace: 'a', attributes: { 'http.response.status_code': 500 } })).toBe(false);
  });

  it('takes UNSET for an error where the rules say so, as the strategy literally does', () => {
    expect(keeps({ rules: { error_status_codes: ['ERROR', 'UNSET'] } }, { trace: 'a' })).toBe(true);
    expect(keeps({ rules: { error_status_codes: ['ERROR', 'UNSET'] } }, { trace: 'a', status: 'OK' })).toBe(false);
  });
});

describe('slow', () => {
  it.each([
    [500, false],
    [500.000001, true],
    [499.999, false],
    [7_200_000, true],
  ])('a span of %d ms: kept %s (longer than 500 ms, exclusive)', (durationMs, kept) => {
    expect(keeps(slow, { trace: 'a', durationMs })).toBe(kept);
  });

  it('looks at each span, not at the gap between two short ones, and does not add up overlapping children', () => {
    const startMs = 1_790_000_000_000;
    expect(
      keeps(slow, { trace: 'a', startMs, durationMs: 1 }, { trace: 'a', startMs: startMs + 5_000, durationMs: 1 }),
    ).toBe(false);
    expect(
      keeps(slow, { trace: 'a', durationMs: 300 }, { trace: 'a', durationMs: 300 }, { trace: 'a', durationMs: 300 }),
    ).toBe(false);
  });

  it('finds a slow child of a fast root', () => {
    expect(keeps(slow, { trace: 'a', id: 'r', durationMs: 5 }, { trace: 'a', parent: 'r', durationMs: 900 })).toBe(
      true,
    );
  });

  it('takes no duration from a span that ends before it starts, nor from one without times', () => {
    expect(keeps(slow, { trace: 'a', durationMs: -900 })).toBe(false);
    expect(keeps(slow, { trace: 'a', startMs: 0, durationMs: 1_790_000_000_000 })).toBe(false);
    expect(keeps(slow, { trace: 'a', startMs: 0, durationMs: 0 })).toBe(false);
  });
});

describe('routes', () => {
  const routes = { rules: { routes: ['/login', '/files/*'] } };
  it.each<[string, Record<string, string>, boolean]>([
    ['http.route', { 'http.route': '/login' }, true],
    ['url.path', { 'url.path': '/login' }, true],
    ['http.target with its query cut off', { 'http.target': '/login?next=%2F' }, true],
    ['url.full', { 'url.full': 'https://u:p@shop.example:8443/login?x=1#top' }, true],
    ['http.url', { 'http.url': 'http://shop.example/login' }, true],
    ['a path that only begins like the route', { 'url.path': '/login2' }, false],
    ['a path below an exact route', { 'url.path': '/login/again' }, false],
    ['a path below a prefix', { 'url.path': '/files/a/b' }, true],
    ['the prefix itself', { 'url.path': '/files' }, true],
    ['a path that only shares letters with the prefix', { 'url.path': '/filesystem' }, false],
    ['the route in the query of another path', { 'url.full': 'http://shop.example/?to=/login' }, false],
    ['a URL without a path', { 'url.full': 'http://login' }, false],
    ['another attribute', { 'db.route': '/login' }, false],
    ['upper case', { 'http.route': '/LOGIN' }, false],
    ['an empty value', { 'http.route': '' }, false],
  ])('%s', (_, attributes, kept) => {
    expect(keeps(routes, { trace: 'a', id: 'r' }, { trace: 'a', parent: 'r', attributes })).toBe(kept);
  });

  it('does not mind a value that is no string', () => {
    expect(keeps(routes, { trace: 'a', attributes: { 'http.route': 7 } })).toBe(false);
  });
});

describe('together', () => {
  it('keeps nothing when no policy matches', () => {
    const story = new Story({ rules: { error_status_codes: ['ERROR'], routes: ['/login'] } });
    story.send({ trace: 'a' }, { trace: 'a' });
    story.after(10_000);
    expect(story.left()).toEqual([]);
    expect([story.spans('dropped'), story.traces('dropped')]).toEqual([2, 1]);
    expect(story.explain('a')).toMatchObject({ verdict: 'drop', policy: 'none', adjustedCount: 0 });
  });

  it('sends a trace once when two policies keep it, and names the first in order', () => {
    const story = new Story();
    story.send({ trace: 'a', status: 'ERROR', durationMs: 900, attributes: { 'http.route': '/login' } });
    story.after(10_000);
    expect(story.leftOf('a')).toHaveLength(1);
    expect(attribute(story.leftOf('a')[0], 'tailgate.policy')).toBe('errors');
    expect(
      story
        .explain('a')
        ?.votes.filter((vote) => vote.vote === 'keep')
        .map((vote) => vote.policy),
    ).toEqual(expect.arrayContaining(['errors', 'slow', 'routes']));
  });

  it('keeps everything at weight 1 while debug is on', () => {
    const story = new Story({ rules: { debug: true, baseline_percent: 1 } });
    story.send({ trace: 'a' }, { trace: 'b' }, { trace: 'c' });
    story.after(10_000);
    expect(story.left().map((span) => span.traceState)).toEqual(['ot=th:0', 'ot=th:0', 'ot=th:0']);
    expect(story.explain('b')).toMatchObject({ policy: 'debug', adjustedCount: 1 });
  });
});
