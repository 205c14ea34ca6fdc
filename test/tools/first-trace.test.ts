import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, it } from 'vitest';
import { standardPorts } from '../../tools/obs/stack.ts';
import { firstTrace } from '../../tools/obs/tell.ts';

it('the local stack waits for a trace that its first command finds, not for one of an earlier stack', async () => {
  const now = Math.floor(Date.now() / 1000);
  const traces = [{ traceID: 'old', at: now - 3600 }];
  const tempo = createServer(({ url }, response) => {
    const asked = new URL(url ?? '', 'http://tempo').searchParams;
    const [start, end] = [Number(asked.get('start') ?? 0), Number(asked.get('end') ?? Number.POSITIVE_INFINITY)];
    response.end(JSON.stringify({ traces: traces.filter(({ at }) => at >= start && at <= end) }));
  }).listen(0, '127.0.0.1');
  await once(tempo, 'listening');
  const ports = { ...standardPorts, 'tempo.http': (tempo.address() as AddressInfo).port };
  const first = () => firstTrace({ directory: '/nowhere', ports });
  expect(await first()).toBeUndefined();
  traces.push({ traceID: 'a1', at: now });
  expect(await first()).toBe('a1'.padStart(32, '0'));
  tempo.close();
});
