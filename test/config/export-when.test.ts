import { describe, expect, it } from 'vitest';
import { loadBoot } from '../../src/config/load.ts';

const load = (text: string) => loadBoot(text, { file: 'gateway.yaml', env: {}, cwd: '/srv' });
const errors = (text: string) => {
  const result = load(text);
  return 'errors' in result ? result.errors : [];
};
const withWhen = (when: string) => `receive: { grpc: {}, tenants: { allow: [a, b] } }
export:
  - { name: off, otlp: { endpoint: "" } }
  - name: store
    store: {}
    when: ${when}
`;

describe('export[].when', () => {
  it('keeps its policies as the rules would write them', () => {
    const result = load(withWhen('{ tenants: [b], policies: [{ type: latency, latency: { threshold_ms: 5000 } }] }'));
    expect(result).toMatchObject({
      config: {
        export: [
          {
            name: 'store',
            when: { tenants: ['b'], policies: [{ type: 'latency', latency: { threshold_ms: 5000 } }] },
          },
        ],
      },
    });
  });

  it.each([
    ['{}', 'export[1].when: expected tenants, policies, or both'],
    ['{ tenants: [c] }', 'export[1].when.tenants[0]: no such tenant as "c": expected one of receive.tenants.allow'],
    ['{ policies: [] }', 'export[1].when.policies: nothing would go to this exporter'],
    [
      '{ policies: [{ type: latncy }] }',
      "export[1].when.policies[0].type: unknown policy type 'latncy'; did you mean latency?",
    ],
    ['{ policies: [{ type: latency, latency: { threshold: 5 } }] }', 'unknown key, did you mean threshold_ms?'],
    [
      '{ policies: [{ type: rate_limiting, rate_limiting: { spans_per_second: 5 } }] }',
      'export[1].when.policies[0].type: rate_limiting counts what came before: expected in the rules',
    ],
    [
      '{ policies: [{ type: status_code, rescue: true, status_code: { status_codes: [ERROR] } }] }',
      'export[1].when.policies[0].rescue: brings no trace back here: expected in the rules',
    ],
    [
      '{ policies: [{ type: drop, drop: { drop_sub_policy: [{ type: always_sample }] } }] }',
      'export[1].when.policies: nothing would go to this exporter',
    ],
  ])('refuses %s where it stands', (when, expected) => {
    const found = errors(withWhen(when));
    expect(found).toHaveLength(1);
    expect(found[0]).toMatch(/^gateway.yaml:6: /);
    expect(found[0]).toContain(expected);
  });
});
