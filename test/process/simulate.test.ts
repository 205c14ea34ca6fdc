import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { makeHome } from '../support/boot-file.ts';
import { startGatewayProcess } from '../support/gateway.ts';
import { obsctl } from '../support/obsctl.ts';
import { requestBytes, type Told, traceIdHex } from '../support/spans.ts';

type Changes = { readonly examples: { readonly traceId: string }[] };
type Answer = Record<'traces' | 'spans' | 'sampled' | 'complete', unknown> &
  Record<'today' | 'candidate', { readonly keptTraces: number; readonly keptSpans: number }> &
  Record<'won' | 'lost', Changes>;

describe.each([1, 2])('POST /api/simulate of a gateway of %d shards', (shards) => {
  it('says what rules would keep of the window, and refuses what could not be loaded', async () => {
    const home = makeHome(
      { shards, buffer: { decision_wait: '5s', max_bytes: '256MiB' }, window: { max_bytes: '16MiB', max_age: '10m' } },
      'baseline_percent: null\nlatency_threshold_ms: null\nroutes: []\n',
    );
    const gateway = await startGatewayProcess({ args: home.args });
    onTestFinished(async () => {
      await gateway.kill();
      home[Symbol.dispose]();
    });
    const simulate = (body: unknown) =>
      fetch(`http://${gateway.admin}/api/simulate`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });
    const sent: Uint8Array[] = [];
    for (let n = 0; n < 20; n++) {
      const spans = Array.from(
        { length: 10 },
        (_, i): Told => ({
          trace: `t${i}`,
          id: `${n}`,
          service: i < 5 ? 'shop' : 'pay',
          ...(n > 0 && { parent: '0' }),
          ...(i === 7 && n === 5 && { status: 'ERROR' }),
          ...(i === 2 && { attributes: { 'http.route': '/upload' } }),
        }),
      );
      const bytes = requestBytes(...spans);
      sent.push(bytes);
      const answer = await fetch(`http://${gateway.http}/v1/traces`, {
        method: 'POST',
        headers: { 'content-type': 'application/x-protobuf' },
        body: Buffer.from(bytes),
      });
      expect(answer.status).toBe(200);
    }
    const rules = 'baseline_percent: null\nlatency_threshold_ms: null\nerror_status_codes: null\nroutes: [/upload]\n';
    const answer = await simulate({ rules, last: '5m' });
    expect(answer.status).toBe(200);
    const found = (await answer.json()) as Answer;
    expect([found.traces, found.spans, found.sampled, found.complete]).toEqual([10, 200, 1, true]);
    expect([found.today.keptTraces, found.candidate.keptTraces, found.candidate.keptSpans]).toEqual([1, 1, 20]);
    expect(found.won.examples.map(({ traceId }) => traceId)).toEqual([traceIdHex('t2')]);
    expect(found.lost.examples.map(({ traceId }) => traceId)).toEqual([traceIdHex('t7')]);
    const asDocument = (await (await simulate({ rules: { baseline_percent: 100 } })).json()) as Answer;
    expect(asDocument.candidate.keptTraces).toBe(10);
    // As keys over the rules file, which has no baseline and no routes.
    const over = (await (await simulate({ rules: 'routes: [/upload]\n', over: 'file' })).json()) as Answer;
    expect([over.candidate.keptTraces, over.won.examples.length]).toEqual([2, 1]);
    const file = join(mkdtempSync(join(tmpdir(), 'simulate-')), 'rules.yaml');
    writeFileSync(file, rules);
    const gateways = ['--gateway', `http://${gateway.admin}`];
    const ran = await obsctl(...gateways, ...gateways, 'sampling', 'simulate', file, '-o', 'json');
    expect([ran.code, ran.err]).toEqual([0, '']);
    const both = JSON.parse(ran.out) as Answer;
    expect([both.traces, both.spans, both.candidate]).toMatchObject([20, 400, { keptTraces: 2, keptSpans: 40 }]);
    const told = await obsctl(...gateways, 'sampling', 'simulate', file, '--last', '5m');
    expect(told.out).toMatch(/1 traces would be won\n.*\n.*no policy keeps it +kept by routes/);
    const recorded = `${file}.traces`;
    const length = Buffer.alloc(4);
    const requests = sent.flatMap((each) => {
      length.writeUInt32BE(each.length);
      return [Buffer.from(length), Buffer.from(each)];
    });
    writeFileSync(recorded, Buffer.concat(requests));
    const offline = await obsctl('sampling', 'simulate', file, '--traces', recorded, '-o', 'json');
    expect(JSON.parse(offline.out)).toMatchObject({
      traces: 10,
      spans: 200,
      candidate: { keptTraces: 1, keptSpans: 20 },
    });
    const own =
      '# ours\nbaseline_percent: { home: 100, production: 3 }\nroutes: [/never]\npolicies:\n  - { name: idle, type: latency, latency: { threshold_ms: 90000 } }\n';
    writeFileSync(file, own);
    await fetch(`http://${gateway.http}/v1/traces`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-protobuf' },
      body: Buffer.from(requestBytes({ trace: 'probe', attributes: { 'http.route': '/healthz' } })),
    });
    const advised = await obsctl(...gateways, 'sampling', 'advise', file, '--target', '1KiB/day', '-o', 'json');
    expect([advised.err, advised.code]).toEqual([expect.stringContaining('takes'), 0]);
    const advice = JSON.parse(advised.out) as { why: string; diff: string; lostTraces: number }[];
    expect(advice.map(({ why }) => why.split(' ')[0])).toEqual(
      expect.arrayContaining(['routes', 'idle', 'short', 'even']),
    );
    expect(advice.find(({ why }) => why.startsWith('even'))?.diff).toContain(
      '+baseline_percent: { home: 0, production: 3 }',
    );
    const applies = advice.map(({ diff }) => spawnSync('git', ['apply'], { cwd: dirname(file), input: diff }).status);
    expect(applies[0]).toBe(0);
    expect(advice.find(({ why }) => why.startsWith('short traces of health'))?.lostTraces).toBe(1);
    expect(readFileSync(file, 'utf8')).toMatch(/^# ours\n/);
    expect(readFileSync(file, 'utf8')).not.toBe(own);
    writeFileSync(file, 'routes: 5\n');
    const refused = await obsctl(...gateways, 'sampling', 'simulate', file);
    expect([refused.code, refused.err.includes(`${file}:1: routes`)]).toEqual([2, true]);
    const wrong = await simulate({ rules: 'baseline_percent: 300\npolicies:\n  - { name: a, type: latncy }\n' });
    expect(wrong.status).toBe(400);
    const { errors } = (await wrong.json()) as { errors: string[] };
    expect(errors.map((each) => each.split(' ')[0])).toEqual(['rules:1:', 'rules:3:']);
    expect((await simulate({ rules, last: 'soon' })).status).toBe(400);
    expect((await simulate({ rule: rules })).status).toBe(400);
  }, 120_000);
});
