import { describe, expect, it } from 'vitest';
import { judge, waitMsOf } from '../../../../src/cli/obsctl/rules/wait.ts';
import type { Status } from '../../../../src/telemetry/status.ts';

const folder = 'tailgate/sampling/home';
const rules: Status['rules'] = {
  revision: '42-3f2a1b0c',
  hash: '3f2a1b0c1d2e',
  source: `consul:${folder}`,
  modifyIndex: 42,
  loadedAt: null,
  policies: [],
  debug: false,
  sourceAgeSeconds: 0,
  sourceError: '',
  follows: `consul:${folder}`,
  sourceIndex: 42,
  sourceRefusal: '',
  by: null,
  writtenAt: null,
  why: null,
  lastRefusal: null,
};
const judged = (index: number, other: Partial<Status['rules']> = {}) =>
  judge({ ...rules, ...other }, { folder, index });

describe('how a gateway stands to a change', () => {
  it('has it in force once it has read so far and refused nothing', () => {
    expect(judged(42)).toEqual({ settled: true, why: '' });
    expect(judged(41)).toEqual({ settled: true, why: '' });
  });

  it('has it also where the change says the same as before, and the revision stays', () => {
    expect(judged(50, { sourceIndex: 50, modifyIndex: 42 })).toEqual({ settled: true, why: '' });
  });

  it('has yet to see it', () => {
    expect(judged(43)).toMatchObject({ settled: false, why: expect.stringContaining('has not seen the change yet') });
    expect(judged(43, { sourceError: 'answered 500: No cluster leader' }).why).toContain('No cluster leader');
  });

  it('refuses it, and says why at once', () => {
    const refused = judged(43, { sourceIndex: 43, sourceRefusal: 'consul:x/routes: expected a list' });
    expect(refused).toMatchObject({ settled: true, why: expect.stringContaining('expected a list') });
    expect(refused.why).toContain('in force is 42-3f2a1b0c');
  });

  it('follows something else', () => {
    expect(judged(42, { follows: 'file:/etc/rules.yaml' })).toMatchObject({ settled: true });
    expect(judged(42, { follows: 'file:/etc/rules.yaml' }).why).toContain('follows file:/etc/rules.yaml');
    expect(judged(42, { follows: 'consul:tailgate/sampling/production' }).why).toContain('production');
  });

  it('goes by last good rules until Consul answers', () => {
    expect(judged(42, { source: `last-good:consul:${folder}`, sourceIndex: 0 })).toMatchObject({ settled: false });
  });

  it('waits 30 s unless told', () => {
    expect([waitMsOf(true), waitMsOf('5s'), waitMsOf('1m')]).toEqual([30_000, 5_000, 60_000]);
    expect(() => waitMsOf('soon')).toThrow('--wait soon');
  });
});
