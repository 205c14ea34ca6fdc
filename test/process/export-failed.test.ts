import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, it } from 'vitest';
import { namesIn } from '../export/fakes.ts';
import { httpServer } from '../export/servers.ts';
import { makeHome } from '../support/boot-file.ts';
import { eventually } from '../support/gateway.ts';
import { gatewayAt } from '../support/gateway-at.ts';
import { scrape } from '../support/scrape.ts';
import { requestBytes } from '../support/spans.ts';

async function gatewayWith(exporters?: readonly object[]) {
  const boot = { shards: 1, buffer: { decision_wait: '50ms' }, batch: { max_age: '50ms' } };
  const home = makeHome({ ...boot, ...(exporters && { export: exporters }) }, 'debug: true\n');
  const { gateway, sender } = await gatewayAt(home);
  const failed = async (reason: string) => {
    const metrics = (await scrape(gateway.admin)).by('tailgate_export_failed_spans_total', 'reason');
    return metrics[reason] ?? 0;
  };
  return { gateway, sender, home, failed };
}

it('a store that cannot write says so, with the spans that it cost', async () => {
  const { gateway, sender, home, failed } = await gatewayWith();
  using other = new DatabaseSync(join(home.directory, 'data/store/traces.db'));
  other.exec('BEGIN IMMEDIATE');
  await sender.grpc(requestBytes({ trace: 'a' }, { trace: 'b' }, { trace: 'c' }));
  await eventually(async () => expect(await failed('write_failed')).toBe(3));
  other.exec('ROLLBACK');
  const line = { level: 'error', exporter: 'store', reason: 'write_failed', spans: 3, msg: 'database is locked' };
  await eventually(async () => expect(gateway.events('export_failed')).toEqual([expect.objectContaining(line)]));
});

it('a span that is refused for good: the others arrive, and every one is accounted for in the log', async () => {
  const arrived: string[] = [];
  const sink = await httpServer((_, response, { body }) => {
    const names = namesIn(body);
    const refuses = names.some((name) => name.startsWith('bad'));
    if (!refuses) arrived.push(...names);
    response.writeHead(refuses ? 400 : 200).end(refuses ? 'unknown word' : '');
  });
  const { gateway, sender, failed } = await gatewayWith([
    { name: 'sink', otlp: { endpoint: sink.url, protocol: 'http' } },
  ]);
  const good = Array.from({ length: 200 }, (_, i) => ({ trace: `t${i}`, name: `good ${i}`, service: 'shop' }));
  const bad = (n: number) => ({ trace: `bad ${n}`, name: `bad ${n}`, service: `legacy ${n}` });
  await sender.grpc(requestBytes(...good.slice(0, 77), bad(1), ...good.slice(77, 100)));
  await eventually(async () => expect(await failed('rejected')).toBe(1));
  await sender.grpc(requestBytes(...good.slice(100), bad(2), bad(3)));
  await eventually(async () => expect(await failed('rejected')).toBe(3));
  expect(await gateway.stop()).toBe(0);
  expect(arrived.toSorted()).toEqual(good.map(({ name }) => name).toSorted());
  const lines = gateway.events('export_failed') as { spans: number; services: string[] }[];
  expect(lines[0]).toMatchObject({
    reason: 'rejected',
    spans: 1,
    services: ['legacy 1'],
    msg: 'HTTP 400: unknown word',
  });
  expect(
    lines
      .slice(1)
      .flatMap(({ services }) => services)
      .toSorted(),
  ).toEqual(['legacy 2', 'legacy 3']);
  expect(lines.reduce((sum, { spans }) => sum + spans, 0)).toBe(3);
});

it('an exporter with a when gets what it asks for, another all, and the books of both balance', async () => {
  const arrived: string[] = [];
  const sink = await httpServer((_, response, { body }) => {
    arrived.push(...namesIn(body));
    response.writeHead(200).end();
  });
  const key = { key: 'service.name', values: ['payments'] };
  const when = { policies: [{ type: 'string_attribute', string_attribute: key }] };
  const { gateway, sender } = await gatewayWith([
    { name: 'store', store: {} },
    { name: 'payments', otlp: { endpoint: sink.url, protocol: 'http' }, when },
  ]);
  const spans = Array.from({ length: 60 }, (_, i) => ({
    trace: `t${i % 20}`,
    name: `${i % 20}.${i}`,
    service: i % 20 < 5 && i < 20 ? 'payments' : 'shop',
  }));
  await sender.grpc(requestBytes(...spans));
  const due = spans.filter((_, i) => i % 20 < 5).map(({ name }) => name);
  await eventually(async () => expect(arrived.toSorted()).toEqual(due.toSorted()));
  await eventually(async () => {
    const { books } = (await (await fetch(`http://${gateway.admin}/api/status`)).json()) as BooksAnswer;
    const of = (name: string) => books.exporters.find((each) => each.name === name);
    expect(of('payments')).toMatchObject({ kept: 60, exported: 15, elsewhere: 45, balanced: true });
    expect(of('store')).toMatchObject({ kept: 60, exported: 60, balanced: true });
  });
  expect(await gateway.stop()).toBe(0);
});

interface BooksAnswer {
  readonly books: { readonly exporters: readonly { readonly name: string }[] };
}
