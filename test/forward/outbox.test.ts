import { setImmediate as turn } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { Outbox } from '../../src/forward/outbox.ts';
import { Peer, type Sent } from '../../src/forward/peer.ts';
import type { Part } from '../../src/route/split.ts';

const part = (bytes: number): Part => ({ body: new Uint8Array(bytes), spans: 1 });
/** So large that each goes alone. */
const large = 1024 * 1024;

/** A member that answers when it is told to, in the order in which it was called. */
function scripted() {
  const calls: { readonly bytes: number; readonly answer: (sent: Sent) => void }[] = [];
  const send = (pieces: readonly Uint8Array[]) =>
    new Promise<Sent>((answer) => {
      calls.push({ bytes: pieces.reduce((sum, { length }) => sum + length, 0), answer });
    });
  return { calls, peer: { send } as unknown as Peer };
}

const options = {
  metadata: {},
  withinMs: 100,
  fault: (error: unknown): void => expect.unreachable(String(error)),
};

const silent: Sent = { kind: 'uncertain', message: 'no answer in time', isSilent: true };

it('what waits behind a call to a member that is silent comes back unsent, and is not tried there one after the other', async () => {
  const { calls, peer } = scripted();
  const outbox = new Outbox(() => peer, options);
  const sent = Array.from({ length: 40 }, () => outbox.send(part(large)));
  await turn();
  await turn();
  expect(calls).toHaveLength(4);
  calls[0].answer(silent);
  const waited = await Promise.all(sent.slice(4));
  expect(new Set(waited.map(({ kind }) => kind))).toEqual(new Set(['unreachable']));
  expect(calls).toHaveLength(4);
  for (const { answer } of calls.slice(1)) answer({ kind: 'taken', rejectedSpans: 0, message: '' });
  expect((await Promise.all(sent.slice(0, 4))).map(({ kind }) => kind)).toEqual([
    'uncertain',
    'taken',
    'taken',
    'taken',
  ]);
  expect(outbox.isIdle).toBe(true);
});

it('what waits behind a call that was refused, or whose connection broke, is sent', async () => {
  const { calls, peer } = scripted();
  const outbox = new Outbox(() => peer, options);
  for (let n = 0; n < 6; n++) void outbox.send(part(large));
  await turn();
  await turn();
  calls[0].answer({ kind: 'refused', waitMs: 0, message: 'full' });
  calls[1].answer({ kind: 'uncertain', message: 'closed the connection', isSilent: false });
  await turn();
  expect(calls).toHaveLength(6);
});

it('what is refused for good takes nothing with it that was called together with it', async () => {
  const { calls, peer } = scripted();
  const outbox = new Outbox(() => peer, options);
  const sent = [10, 20, 30].map((bytes) => outbox.send(part(bytes)));
  await turn();
  await turn();
  expect(calls.map(({ bytes }) => bytes)).toEqual([60]);
  const never: Sent = { kind: 'rejected', message: 'not for us' };
  calls[0].answer(never);
  for (let n = 1; n <= 3; n++) {
    await turn();
    calls[n].answer(n === 2 ? never : { kind: 'taken', rejectedSpans: 0, message: '' });
  }
  expect((await Promise.all(sent)).map(({ kind }) => kind)).toEqual(['taken', 'rejected', 'taken']);
  expect(calls.map(({ bytes }) => bytes)).toEqual([60, 10, 20, 30]);
  expect(outbox.isIdle).toBe(true);
});

it('a member whose address is none cannot be reached, and nothing else comes of it', async () => {
  for (const address of ['10.0.0.300:4319', 'host%zz:4319', '[fe80::1%eth0]:4319']) {
    const peer = new Peer({ address, security: null, headers: {}, timeoutMs: 100 });
    expect(await peer.ask('/tailgate.fleet.v1.Fleet/Exchange', new Uint8Array(1))).toBe('unreachable');
    const outbox = new Outbox(() => peer, options);
    expect(await outbox.send(part(10))).toMatchObject({ kind: 'unreachable' });
    expect(outbox.isIdle).toBe(true);
  }
});

it('a fault of ours is told, and no member counts as gone by it', async () => {
  const faults: unknown[] = [];
  const fault = (error: unknown): void => void faults.push(error);
  const peer = new Peer({ address: '127.0.0.1:1', security: null, headers: {}, timeoutMs: 100 });
  const outbox = new Outbox(() => peer, { ...options, withinMs: 0.5, fault });
  expect(await outbox.send(part(10))).toMatchObject({ kind: 'denied' });
  expect(faults).toHaveLength(1);
  expect(outbox.isIdle).toBe(true);
});
