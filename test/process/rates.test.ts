import { expect, it, onTestFinished } from 'vitest';
import { makeHome } from '../support/boot-file.ts';
import { startGatewayProcess } from '../support/gateway.ts';
import { requestBytes } from '../support/spans.ts';

it('two shards keep together what one limiter allows, and a reload does not fill its bucket', async () => {
  const rules = (more: string): string =>
    `baseline_percent: null\nlatency_threshold_ms: null\nerror_status_codes: null\nroutes: null\npolicies:\n  - { name: limit, type: rate_limiting, rate_limiting: { spans_per_second: 0.01, burst_capacity: 30 } }\n${more}`;
  const home = makeHome({ shards: 2, buffer: { decision_wait: '500ms', max_bytes: '256MiB' } }, rules(''));
  const gateway = await startGatewayProcess({ args: home.args });
  onTestFinished(async () => {
    await gateway.kill();
    home[Symbol.dispose]();
  });
  const send = async (from: number): Promise<void> => {
    const bytes = requestBytes(...Array.from({ length: 200 }, (_, i) => ({ trace: `t${from + i}` })));
    const headers = { 'content-type': 'application/x-protobuf' };
    const answer = await fetch(`http://${gateway.http}/v1/traces`, {
      method: 'POST',
      headers,
      body: Buffer.from(bytes),
    });
    expect(answer.status).toBe(200);
  };
  const status = async () => (await gateway.status()) as unknown as Status;
  await send(0);
  await expect.poll(async () => (await status()).books.spans.dropped, { timeout: 30_000 }).toBe(170);
  expect((await status()).books.spans.kept).toBe(30);
  const { revision } = (await status()).rules;
  home.rules(rules('  - { name: other, type: span_count, span_count: { min_spans: 99 } }\n'));
  await expect.poll(async () => (await status()).rules.revision, { timeout: 30_000 }).not.toBe(revision);
  await send(1000);
  await expect.poll(async () => (await status()).books.spans.dropped, { timeout: 30_000 }).toBeGreaterThan(368);
  expect((await status()).books.spans.kept).toBeLessThanOrEqual(31);
}, 90_000);

interface Status {
  readonly rules: { readonly revision: string };
  readonly books: { readonly spans: { readonly kept: number; readonly dropped: number } };
}
