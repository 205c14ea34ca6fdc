import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { namesIn } from '../export/fakes.ts';
import { httpServer } from '../export/servers.ts';
import { makeHome, sinkExporter } from '../support/boot-file.ts';
import { eventually, startGatewayProcess } from '../support/gateway.ts';
import { gatewayAt } from '../support/gateway-at.ts';
import { scrape } from '../support/scrape.ts';
import { requestBytes, traceIdHex } from '../support/spans.ts';

const boot = { shards: 1, buffer: { decision_wait: '50ms' }, batch: { max_age: '50ms' } };

/** A gateway with a good sink beside the store; `spoil` is done to its data before it starts. */
async function besideASink(spoil: (store: string) => void) {
  const arrived: string[] = [];
  const sink = await httpServer((_, response, { body }) => {
    arrived.push(...namesIn(body));
    response.writeHead(200).end();
  });
  const exporters = [
    sinkExporter(sink.url, { otlp: { endpoint: sink.url, protocol: 'http', compression: 'none' } }),
    { name: 'store', store: {} },
  ];
  const home = makeHome({ ...boot, export: exporters }, 'debug: true\n');
  const store = join(home.directory, 'data/store');
  mkdirSync(join(home.directory, 'data'));
  spoil(store);
  const { gateway, sender } = await gatewayAt(home);
  return { gateway, sender, store, arrived };
}

it('a damaged store beside a good exporter: it is set aside, and both get what comes', async () => {
  const { gateway, sender, store, arrived } = await besideASink((directory) => {
    mkdirSync(directory);
    writeFileSync(join(directory, 'traces.db'), 'no database '.repeat(1000));
  });
  expect(gateway.events('store_set_aside')).toMatchObject([
    { level: 'error', exporter: 'store', msg: expect.stringContaining('.aside-') },
  ]);
  await sender.grpc(requestBytes({ trace: 'a', name: 'one' }));
  await eventually(async () => expect(arrived).toEqual(['one']));
  const answer = await fetch(`http://${gateway.admin}/api/traces/${traceIdHex('a')}`);
  await eventually(async () => expect((await fetch(answer.url)).status).toBe(200));
  expect((await scrape(gateway.admin)).by('tailgate_store_set_aside_total', 'exporter')).toEqual({ store: 1 });
  expect(readdirSync(store).some((name) => name.startsWith('traces.db.aside-'))).toBe(true);
});

it('a store that cannot be opened beside a good exporter: it fails alone and loudly, until it can', async () => {
  const { gateway, sender, store, arrived } = await besideASink((directory) => writeFileSync(directory, 'in the way'));
  const state = async () => {
    const status = (await gateway.status()) as unknown as {
      export: { name: string; failing: string }[];
      books: { balanced: boolean };
    };
    const metrics = await scrape(gateway.admin);
    return {
      failing: status.export.map(({ failing }) => failing !== ''),
      balanced: status.books.balanced,
      metric: metrics.by('tailgate_store_failing', 'exporter').store,
      failed: metrics.by('tailgate_export_failed_spans_total', 'reason').write_failed ?? 0,
      ready: (await fetch(`http://${gateway.admin}/readyz`)).status,
    };
  };
  expect(gateway.events('store_failing')).toMatchObject([
    { level: 'error', exporter: 'store', msg: expect.stringMatching(/ENOTDIR|EEXIST/) },
  ]);
  await sender.grpc(requestBytes({ trace: 'a', name: 'one' }, { trace: 'b', name: 'two' }));
  await eventually(async () => {
    expect(arrived.toSorted()).toEqual(['one', 'two']);
    expect(await state()).toEqual({ failing: [false, true], balanced: true, metric: 1, failed: 2, ready: 200 });
  });
  rmSync(store);
  await eventually(async () => expect(gateway.events('store_recovered')).toMatchObject([{ exporter: 'store' }]));
  await sender.grpc(requestBytes({ trace: 'c', name: 'three' }));
  await eventually(async () => {
    expect(arrived).toContain('three');
    expect((await fetch(`http://${gateway.admin}/api/traces/${traceIdHex('c')}`)).status).toBe(200);
  });
  expect(await state()).toEqual({ failing: [false, false], balanced: true, metric: 0, failed: 2, ready: 200 });
  expect(await gateway.stop()).toBe(0);
});

it('a store that cannot be opened and is all there is: the gateway says why, and does not start', async () => {
  const home = makeHome(boot, 'debug: true\n');
  onTestFinished(() => home[Symbol.dispose]());
  mkdirSync(join(home.directory, 'data'));
  writeFileSync(join(home.directory, 'data/store'), 'in the way');
  await expect(startGatewayProcess({ args: home.args })).rejects.toThrow(
    /code 2.*\ntailgate: store: cannot make the directory .*data\/store: E\w+[^\n]*\n/s,
  );
});

it('a damaged store that is all there is: it is set aside, and the gateway starts', async () => {
  const home = makeHome(boot, 'debug: true\n');
  mkdirSync(join(home.directory, 'data/store/traces.db/inside'), { recursive: true });
  const gateway = await startGatewayProcess({ args: home.args });
  onTestFinished(async () => {
    await gateway.kill();
    home[Symbol.dispose]();
  });
  expect(gateway.events('store_set_aside')).toHaveLength(1);
  expect((await fetch(`http://${gateway.admin}/readyz`)).status).toBe(200);
});
