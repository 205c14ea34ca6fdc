import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openStore } from '../../src/store/opened.ts';
import { makeHome } from '../support/boot-file.ts';
import { eventually } from '../support/gateway.ts';
import { gatewayAt } from '../support/gateway-at.ts';
import { requestBytes, traceIdHex } from '../support/spans.ts';

const query = `/api/search?q=${encodeURIComponent('{ span.nothing != "x" }')}`;

/** A gateway over a store of so many thousand traces, all of which the query must read. */
async function overAStoreOf(thousands: number) {
  const boot = { shards: 1, buffer: { decision_wait: '50ms' }, batch: { max_age: '50ms' } };
  const home = makeHome(boot, 'baseline_percent: 100\n');
  const limits = { directory: join(home.directory, 'data/store'), retentionMs: 864e5, maxBytes: 2 ** 31 };
  const { appender, db } = openStore(limits, Date.now(), () => {});
  for (let i = 0; i < 2 * thousands; i++) {
    const spans = Array.from({ length: 2000 }, (_, j) => ({ trace: `${i}-${j >> 2}`, id: `${j}`, padding: 100 }));
    appender.append(requestBytes(...spans), Date.now());
  }
  db.close();
  return gatewayAt(home);
}

/** Of all its threads. */
function cpuMs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

it.runIf(process.platform === 'linux')(
  'searches that are asked and dropped cost no more than a step',
  async () => {
    const { gateway, sender } = await overAStoreOf(6);
    const [host, port] = gateway.admin.split(':');
    const before = cpuMs(gateway.pid);
    await gateway.get(query);
    const oneMs = cpuMs(gateway.pid) - before;
    const askers = Array.from({ length: 40 }, () => {
      const socket = connect(Number(port), host);
      socket.on('error', () => {});
      socket.write(`GET ${query} HTTP/1.1\r\nhost: ${gateway.admin}\r\n\r\n`);
      return socket;
    });
    await sender.grpc(requestBytes({ trace: 'meanwhile' }));
    for (const socket of askers) socket.destroy();
    const dropped = cpuMs(gateway.pid);
    await eventually(async () => {
      expect((await fetch(`http://${gateway.admin}/api/traces/${traceIdHex('meanwhile')}`)).status).toBe(200);
    });
    await new Promise((resolve) => setTimeout(resolve, 1000));
    // Forty searches to their end would be forty times as much.
    expect(cpuMs(gateway.pid) - dropped).toBeLessThan(Math.max(8 * oneMs, 2000));
  },
  180_000,
);

/** Sixty-four may wait; as many more as others end while these are sent, and more. */
const asked = 250;

it('of more searches than may wait some are told to come again, and the others are answered', async () => {
  const { gateway } = await overAStoreOf(1);
  const answers = await Promise.all(Array.from({ length: asked }, () => fetch(`http://${gateway.admin}${query}`)));
  const bodies = await Promise.all(
    answers.map(async (answer) => ({ status: answer.status, body: await answer.text() })),
  );
  const refused = answers.filter(({ status }) => status === 429);
  expect(refused.length).toBeGreaterThan(0);
  for (const { headers } of refused) expect(headers.get('retry-after')).toBe('1');
  const answered = bodies.filter(({ status }) => status === 200);
  expect(answered.length + refused.length).toBe(asked);
  expect(answered.length).toBeGreaterThanOrEqual(64);
  for (const { body } of answered) expect(JSON.parse(body).metrics.inspectedTraces).toBe(1000);
}, 180_000);
