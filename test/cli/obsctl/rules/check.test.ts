import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { obsctl } from '../../../../src/cli/obsctl/obsctl.ts';
import { simulatingGateway } from '../../../support/simulating-gateway.ts';
import { requestBytes } from '../../../support/spans.ts';
import { fakeProcess } from '../../fake-process.ts';

let file: string;
beforeEach(() => {
  file = join(mkdtempSync(join(tmpdir(), 'tailgate-check-')), 'rules.yaml');
});
afterEach(() => rmSync(join(file, '..'), { recursive: true }));

const check = async (...argv: string[]) => {
  const process = fakeProcess();
  const code = await obsctl(argv, process);
  return { code, out: process.out, err: process.err };
};

const today = 'baseline_percent: null\nlatency_threshold_ms: 500\nerror_status_codes: [ERROR]\nroutes: []\n';
const rules = `${today}policies:
  - name: gold
    type: string_attribute
    string_attribute: { key: tier, values: [gold] }
  - name: lead
    type: string_attribute
    string_attribute: { key: tier, values: [lead] }
`;
const traffic = [requestBytes({ trace: 'a', attributes: { tier: 'gold' } }, { trace: 'b', status: 'ERROR' })];

describe('rules that are checked beside the traffic of a gateway', () => {
  it('name what no trace of its window would meet, where it stands', async () => {
    writeFileSync(file, rules);
    using gateway = await simulatingGateway(traffic, today);
    const { code, out, err } = await check('--gateway', gateway.url, 'sampling', 'check', file);
    expect([code, out]).toEqual([0, `${file}: ok (4 policies)\n`]);
    expect(err.split('\n').filter(Boolean)).toEqual([
      `${file}:2: warning: latency_threshold_ms: no trace of the window meets it (2 traces)`,
      expect.stringMatching(
        /rules\.yaml:9: warning: policies\[1\]: 'lead': no trace of the window meets it \(2 traces\)$/,
      ),
    ]);
    const strict = await check('--gateway', gateway.url, 'sampling', 'check', '--strict', file);
    expect(strict.code).toBe(2);
  });

  it('are said to be untried where the window is empty', async () => {
    writeFileSync(file, rules);
    using gateway = await simulatingGateway([], today);
    const { code, err } = await check('--gateway', gateway.url, 'sampling', 'check', file);
    expect([code, err]).toEqual([0, `obsctl: ${file}: there is no trace in the window to try it on\n`]);
  });

  it('ask no gateway that nobody named, nor one for rules that are wrong', async () => {
    writeFileSync(file, rules);
    expect(await check('sampling', 'check', file)).toMatchObject({ code: 0, err: '' });
    writeFileSync(file, 'routes: 3\n');
    const { code, err } = await check('--gateway', 'http://127.0.0.1:9', 'sampling', 'check', file);
    expect([code, err]).toEqual([2, expect.stringContaining('routes: 3: expected a list')]);
  });
});
