import { describe, expect, it } from 'vitest';
import { TraceKey } from '../../../src/decide/rates/trace-key.ts';
import { PolicyMemory, type SharedNumbers } from '../../../src/decide/state.ts';
import type { KeyOptions } from '../../../src/model/predicates.ts';
import { factsOfSpans } from '../../support/facts.ts';
import type { Told } from '../../support/spans.ts';

const key = (options: Partial<KeyOptions>, ...spans: Omit<Told, 'trace'>[]): number =>
  new TraceKey({ attributes: [], shape: false, from: 'all', ...options }, 1).of(
    factsOfSpans(...spans.map((span) => ({ trace: 't', ...span }))),
  );

describe('the key of a trace', () => {
  it('is by the values of its attributes, of a span or of its resource', () => {
    const byService = { attributes: ['service.name'] };
    expect(key(byService, { service: 'a' })).toBe(key(byService, { service: 'a', name: 'other' }));
    expect(key(byService, { service: 'a' })).not.toBe(key(byService, { service: 'b' }));
    const byRoute = { attributes: ['service.name', 'http.route'] };
    const at = (route: string) => ({ service: 'a', attributes: { 'http.route': route } });
    expect(key(byRoute, at('/x'))).toBe(key(byRoute, at('/x')));
    expect(key(byRoute, at('/x'))).not.toBe(key(byRoute, at('/y')));
    expect(key(byRoute, at('/x'))).not.toBe(key(byRoute, { service: 'a' }));
  });

  it('takes a span at its own word rather than at its resource’s', () => {
    const own = { service: 'a', attributes: { 'service.name': 'b' } };
    const byService = { attributes: ['service.name'] };
    expect(key(byService, own)).toBe(key(byService, { service: 'b' }));
  });

  it('takes the first of an attribute that stands there twice, as rules and searches do', () => {
    const twice = { service: 'a', attributes: { 'http.route': '/x' }, more: { 'http.route': '/y' } };
    expect(key({ attributes: ['http.route'] }, twice)).toBe(
      key({ attributes: ['http.route'] }, { ...twice, more: {} }),
    );
    const byService = { attributes: ['service.name'] };
    expect(key(byService, { service: 'a', moreOfResource: { 'service.name': 'b' } })).toBe(
      key(byService, { service: 'a' }),
    );
    const own = { service: 'a', attributes: { 'service.name': 'b' }, more: { 'service.name': 'c' } };
    expect(key(byService, own)).toBe(key(byService, { service: 'b' }));
    expect(key(byService, own, own)).toBe(key(byService, { service: 'b' }));
  });

  it('knows which value is whose', () => {
    const both = { attributes: ['x', 'y'] };
    expect(key(both, { attributes: { x: 'p', y: 'q' } })).not.toBe(key(both, { attributes: { x: 'q', y: 'p' } }));
  });

  it('of all spans is that of the set of values, whatever their order and number', () => {
    const all = { attributes: ['service.name'], from: 'all' } as const;
    const [a, b] = [{ service: 'a' }, { service: 'b' }];
    expect(key(all, a, b)).toBe(key(all, b, a, b, b));
    expect(key(all, a, b)).not.toBe(key(all, a));
  });

  it('of the root is the root’s, wherever it stands; without one, that of the first span', () => {
    const root = { attributes: ['service.name'], from: 'root' } as const;
    const child = { service: 'b', parent: 'p' };
    expect(key(root, child, { service: 'a' }, { service: 'c', parent: 'p' })).toBe(key(root, { service: 'a' }));
    expect(key(root, child, { service: 'c', parent: 'p' })).toBe(key(root, { service: 'b' }));
  });

  it('of the shape is the set of services and names', () => {
    const shape = { shape: true };
    const span = (service: string, name: string) => ({ service, name });
    expect(key(shape, span('a', 'x'), span('b', 'y'))).toBe(key(shape, span('b', 'y'), span('a', 'x'), span('a', 'x')));
    expect(key(shape, span('a', 'x'), span('b', 'y'))).not.toBe(key(shape, span('a', 'y'), span('b', 'x')));
  });

  it('reads so many spans, and so much of a value, and no more', () => {
    const of = (n: number) => Array.from({ length: n }, (_, i) => ({ name: `n${i}` }));
    expect(key({ shape: true }, ...of(64))).toBe(key({ shape: true }, ...of(900)));
    const long = (tail: string) => ({ attributes: { x: `${'x'.repeat(500)}${tail}` } });
    expect(key({ attributes: ['x'] }, long('a'))).toBe(key({ attributes: ['x'] }, long('b')));
  });

  it('is another one under another seed, so that nobody can choose values that are taken for the same', () => {
    const of = (seed: number) =>
      new TraceKey({ attributes: ['x'], shape: false, from: 'all' }, seed).of(
        factsOfSpans({ trace: 't', attributes: { x: 'v' } }),
      );
    expect(of(1)).toBe(of(1));
    expect(of(1)).not.toBe(of(2));
  });

  it('is the same in all shards, and in all revisions of their rules', () => {
    const asked = { attributes: ['x'], shape: false, from: 'all' } as const;
    const facts = factsOfSpans({ trace: 't', attributes: { x: 'v' } });
    const main = new PolicyMemory(2, 7);
    const keyIn = (memory: PolicyMemory, given?: SharedNumbers) =>
      memory.renew((state) => state.keys(asked).of(facts), given);
    const first = keyIn(main);
    const shards = [new PolicyMemory(2, 8), new PolicyMemory(2, 9)];
    expect(shards.map((shard) => keyIn(shard, main.numbers))).toEqual([first, first]);
    expect(keyIn(main)).toBe(first);
    expect(shards.map((shard) => keyIn(shard, main.numbers))).toEqual([first, first]);
    expect(keyIn(new PolicyMemory(2, 8))).not.toBe(first);
  });

  it('is never 0, and rarely another’s', () => {
    const keys = new Set(
      Array.from({ length: 20_000 }, (_, i) => key({ attributes: ['x'] }, { attributes: { x: `v${i}` } })),
    );
    expect(keys.size).toBeGreaterThan(19_990);
    expect(keys.has(0)).toBe(false);
  });
});
