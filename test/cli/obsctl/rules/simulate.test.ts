import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { obsctl } from '../../../../src/cli/obsctl/obsctl.ts';
import type { Simulation } from '../../../../src/simulate/simulation.ts';
import { decodeRequest } from '../../../support/otlp.ts';
import { lengthPrefixed, simulatingGateway } from '../../../support/simulating-gateway.ts';
import { requestBytes, type Told, traceIdHex } from '../../../support/spans.ts';
import { fakeProcess } from '../../fake-process.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'tailgate-simulate-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

const file = (name: string, content: string | Uint8Array): string => {
  writeFileSync(join(directory, name), content);
  return join(directory, name);
};
const simulate = async (...argv: string[]) => {
  const process = fakeProcess();
  const code = await obsctl(
    [...argv.slice(0, argv.indexOf('--')), 'sampling', 'simulate', ...argv.slice(argv.indexOf('--') + 1)],
    process,
  );
  return { code, out: process.out, err: process.err };
};

const rules = 'baseline_percent: null\nlatency_threshold_ms: 500\nerror_status_codes: [ERROR]\nroutes: []\n';
const startMs = 1_790_000_000_000;
const spans: Told[] = Array.from({ length: 12 }, (_, n) => ({
  trace: `t${n % 6}`,
  id: `s${n}`,
  service: n % 2 === 0 ? 'shop' : 'pay',
  name: `op ${n} ü "quoted"`,
  startMs: startMs + n * 250,
  durationMs: n === 4 ? 700 : 3,
  ...(n >= 6 && { parent: `s${n - 6}` }),
  ...(n === 9 && { status: 'ERROR' as const }),
}));
const requests = [spans.slice(0, 5), spans.slice(5, 6), spans.slice(6)].map((each) => requestBytes(...each));
const jsonLines = requests.map((request) => `${JSON.stringify(decodeRequest(request))}\n`).join('\n');

describe('traces in a file', () => {
  it('say the same as OTLP/JSON, a request a line, and as protobuf requests after their lengths', async () => {
    const candidate = file('rules.yaml', rules);
    const tried = async (traces: string): Promise<Simulation> => {
      const { code, out, err } = await simulate('--', candidate, '--traces', traces, '-o', 'json');
      expect([code, err]).toEqual([0, expect.not.stringContaining('error')]);
      return JSON.parse(out) as Simulation;
    };
    const binary = await tried(file('traces.bin', lengthPrefixed(requests)));
    const json = await tried(file('traces.jsonl', jsonLines));
    expect(binary.seconds).toBe(1.5);
    expect([binary.traces, binary.spans, binary.complete, binary.sampled]).toEqual([6, 12, true, 1]);
    expect(binary.candidate).toMatchObject({ keptTraces: 2, keptSpans: 4 });
    expect(binary.candidate.policies.map(({ policy, decides }) => [policy, decides.traces])).toEqual([
      ['errors', 1],
      ['slow', 1],
    ]);
    // Bytes are those of spans on the wire, which JSON has made anew.
    const { bytes: _, ...others } = json;
    expect({ ...others, bytes: binary.bytes }).toEqual(binary);
  });

  it.each([
    ['a line that is no JSON', 'broken.jsonl', '{"resourceSpans":[]}\n{"resourceSpans":[\n', 'line 2'],
    ['a request that is cut short', 'short.bin', lengthPrefixed(requests).subarray(0, -7), 'request 3'],
    [
      'a request that is no OTLP',
      'garbage.bin',
      lengthPrefixed([requests[0]!, Buffer.from('\x0a\xff\xff')]),
      'request 2',
    ],
    ['a length without its request', 'length.bin', Uint8Array.of(0, 0, 9, 0), 'request 1'],
  ])('with %s are refused, and the place is said', async (_, name, content, where) => {
    const traces = file(name, content);
    const { code, err } = await simulate('--', file('rules.yaml', rules), '--traces', traces);
    expect([code, err]).toEqual([2, expect.stringContaining(`${traces}: ${where}`)]);
  });

  it('that are none have the exit code of nothing', async () => {
    const { code } = await simulate('--', file('rules.yaml', rules), '--traces', file('none.jsonl', ''));
    expect(code).toBe(3);
  });
});

describe('a window', () => {
  it('of which there was no time for all is told, with an exit code of its own', async () => {
    using gateway = await simulatingGateway(requests, rules, (answer) => ({ ...answer, complete: false }));
    using other = await simulatingGateway(requests, rules);
    const gateways = ['--gateway', gateway.url, '--gateway', other.url];
    const { code, out, err } = await simulate(...gateways, '--', file('rules.yaml', rules), '-o', 'ids');
    expect([code, out]).toEqual([4, '']);
    expect(err).toContain('there was no time for all of the window: ask for less (--last)');
  });

  it('shows what would be won and lost, and how far back an estimate goes', async () => {
    using gateway = await simulatingGateway(requests, rules, (answer) => ({ ...answer, warmSeconds: 90 }));
    const limited = `${rules.replace('500', 'null')}policies:\n  - name: limit\n    type: rate_limiting\n    rate_limiting: { spans_per_second: 100 }\n`;
    const { code, out } = await simulate('--gateway', gateway.url, '--', file('rules.yaml', limited));
    expect(code).toBe(0);
    expect(out).toMatch(/limit ~ +- +5/);
    expect(out).toContain(
      '~ an estimate: it goes by what came before, and began 1m30s before these traces with nothing',
    );
    expect(out).toContain(traceIdHex('t0'));
  });
});
