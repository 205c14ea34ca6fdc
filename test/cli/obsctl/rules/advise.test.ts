import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { obsctl } from '../../../../src/cli/obsctl/obsctl.ts';
import { simulatingGateway } from '../../../support/simulating-gateway.ts';
import { requestBytes, type Told } from '../../../support/spans.ts';
import { fakeProcess } from '../../fake-process.ts';

interface Advice {
  readonly why: string;
  readonly diff: string;
  readonly rules: string;
  readonly bytesPerDay: { readonly before: number; readonly after: number };
  readonly lostTraces: number;
}

const advise = async (urls: readonly string[], ...more: string[]) => {
  const process = fakeProcess();
  const gateways = urls.flatMap((url) => ['--gateway', url]);
  const code = await obsctl([...gateways, 'sampling', 'advise', '-o', 'json', ...more], process);
  return { code, err: process.err, advice: process.out === '' ? [] : (JSON.parse(process.out) as Advice[]) };
};

const rules = `baseline_percent: 100
latency_threshold_ms: 500
error_status_codes: [ERROR]
routes: []
policies:
  - name: idle
    type: latency
    latency:
      threshold_ms: 90000
`;
const startMs = 1_790_000_000_000;
const span = (n: number, told: Partial<Told>): Uint8Array =>
  requestBytes({ trace: `t${n}`, id: 'a', startMs: startMs + n * 100, durationMs: 5, ...told });
const of = (count: number, told: Partial<Told>, from: number): Uint8Array[] =>
  Array.from({ length: count }, (_, i) => span(from + i, told));
/** A shop that is loud, three others, and probes. */
const traffic = [
  ...of(300, { service: 'shop', padding: 300 }, 0),
  ...of(20, { service: 'shop', status: 'ERROR' }, 300),
  ...of(40, { service: 'pay' }, 400),
  ...of(40, { service: 'stock' }, 500),
  ...of(40, { service: 'mail' }, 600),
  ...of(30, { service: 'mail', attributes: { 'http.route': '/healthz' } }, 700),
  ...of(25, { service: 'pay', attributes: { 'user_agent.original': 'kube-probe/1.33' } }, 800),
  span(900, { service: 'pay', status: 'ERROR', attributes: { 'user_agent.original': 'kube-probe/1.33' } }),
];

/** Without the loud one. */
const quiet = traffic.slice(320);

describe('advice on the rules in force', () => {
  it('names what has no effect, noise, who takes most, and a baseline for a target, each as a diff with its effect', async () => {
    using gateway = await simulatingGateway(traffic, rules);
    const { code, err, advice } = await advise([gateway.url], '--target', '1MB/day');
    expect(code).toBe(0);
    expect(err).toMatch(/^obsctl: shop takes \d\d % of the kept bytes\n$/);
    const [idle, probes, agents, cap, target] = advice;
    expect(advice.map(({ why }) => why.split(' ').slice(0, 4).join(' '))).toEqual([
      'idle is met by',
      'short traces of health',
      'short traces of probes,',
      expect.stringMatching(/^shop takes \d\d %/),
      expect.stringMatching(/^(a baseline of|even without a)/),
    ]);
    expect([idle!.lostTraces, probes!.lostTraces, agents!.lostTraces]).toEqual([0, 30, 25]);
    // Errors of the service stay, and no other service loses anything.
    expect(cap!.lostTraces).toBeGreaterThan(100);
    expect(cap!.lostTraces).toBeLessThanOrEqual(300);
    for (const each of [probes!, agents!, cap!, target!])
      expect(each.bytesPerDay.after).toBeLessThan(each.bytesPerDay.before);
  });

  it('takes nothing away that is on one of the routes, also where the rules leave them out', async () => {
    const wanted = [
      ...of(300, { service: 'shop', padding: 300, attributes: { 'http.route': '/login' } }, 0),
      ...traffic.slice(320),
    ];
    for (const routes of ['routes: [/login, /healthz]\n', '']) {
      using gateway = await simulatingGateway(wanted, rules.replace('routes: []\n', routes));
      const { err, advice } = await advise([gateway.url]);
      expect(err).toMatch(/^obsctl: shop takes \d\d % of the kept bytes\n$/);
      expect(advice.filter(({ why }) => why.startsWith('shop'))).toEqual([]);
      expect(advice.some(({ why }) => why.includes('health checks'))).toBe(routes === '');
    }
  });

  it('takes nothing away that a policy keeps for what it is, and says where one keeps everything', async () => {
    const orders = { 'order.kind': 'refund' };
    const wanted = [...of(300, { service: 'shop', padding: 300, attributes: orders }, 0), ...quiet];
    const refund = `  - name: refunds
    type: and
    and:
      and_sub_policy:
        - { name: kind, type: string_attribute, string_attribute: { key: order.kind, values: [refund] } }
        - { name: ok, type: not, not: { not_sub_policy: { name: e, type: status_code, status_code: { status_codes: [ERROR] } } } }
  - { name: vip, type: string_attribute, rescue: true, string_attribute: { key: customer, values: [vip] } }
`;
    using spared = await simulatingGateway(wanted, rules + refund);
    const { advice } = await advise([spared.url]);
    expect(advice.filter(({ why }) => why.startsWith('shop'))).toEqual([]);
    expect(advice.some(({ why, rules }) => why.startsWith('short') && rules.match(/\bvip\b/g)!.length > 2)).toBe(true);
    const everything = '  - { name: everything, type: always_sample }\n';
    using all = await simulatingGateway(wanted, rules + everything);
    const found = (await advise([all.url])).advice.filter(({ why }) => /^(shop|short)/.test(why));
    expect(found.length).toBeGreaterThan(1);
    for (const { why } of found) expect(why).toMatch(/, which everything would keep$/);
  });

  it('gives diffs that apply to what the gateway says, and the text that comes of it', async () => {
    using gateway = await simulatingGateway(quiet, rules);
    const { advice } = await advise([gateway.url]);
    const directory = mkdtempSync(join(tmpdir(), 'tailgate-advise-'));
    try {
      for (const { diff, rules: changed } of advice) {
        writeFileSync(join(directory, 'rules.yaml'), rules);
        expect(spawnSync('git', ['apply'], { cwd: directory, input: diff }).status).toBe(0);
        expect(readFileSync(join(directory, 'rules.yaml'), 'utf8')).toBe(changed);
      }
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  it('is one for several gateways with the same rules, and refused where they differ', async () => {
    using a = await simulatingGateway(quiet, rules);
    using b = await simulatingGateway(quiet, rules);
    using other = await simulatingGateway(quiet, rules.replace('100', '50'));
    const { advice } = await advise([a.url, b.url]);
    expect(advice.find(({ why }) => why.includes('health checks'))?.lostTraces).toBe(60);
    const differ = await advise([a.url, other.url]);
    expect([differ.code, differ.err]).toEqual([2, expect.stringContaining('different rules in force')]);
  });

  it('has nothing to say where nothing is to be gained', async () => {
    using gateway = await simulatingGateway(of(40, { service: 'pay' }, 0), rules.slice(0, rules.indexOf('policies')));
    expect(await advise([gateway.url])).toMatchObject({ code: 3, advice: [] });
  });
});
