import { expect, it } from 'vitest';
import { FleetShard } from '../../src/forward/fleet-shard.ts';
import type { Peer, Sent } from '../../src/forward/peer.ts';
import type { FleetView } from '../../src/model/fleet.ts';
import { fromSender } from '../../src/route/fleet-path.ts';
import { HandClock } from '../support/hand-clock.ts';

const members = ['a', 'c'].map((name) => ({ name, address: `${name}:4319` }));
const lists = [{ members, generation: 1, epoch: '0a1b2c3d' }];
const toC = { member: 'c', at: { generation: 1, epoch: '0a1b2c3d', isLast: true } };
const view = (more: Partial<FleetView> = {}): FleetView => ({
  self: 'a',
  lists,
  first: 0,
  gone: [],
  crashed: [],
  silent: [],
  word: new Uint8Array(0),
  ...more,
});

it('a member that was silent owns nothing until it answers, whatever else is news meanwhile, or until its time is over', async () => {
  const clock = new HandClock();
  const done: string[] = [];
  const silent: Sent = { kind: 'uncertain', message: 'no answer in time', isSilent: true };
  const peer = { address: 'c:4319', send: async () => silent, close: () => done.push('closed') } as unknown as Peer;
  const options = { isAgent: false, self: 0, shards: 1, maxBytes: 1e6, waitMs: 10_000, timeoutMs: 5_000 };
  const fleet = new FleetShard(
    options,
    view(),
    {
      connect: () => {
        done.push('connected');
        return peer;
      },
      relay: () => expect.unreachable(),
      unreachable: (name) => done.push(`${name} is suspected`),
      fault: (error) => expect.unreachable(String(error)),
    },
    clock.monotonicMs,
  );
  const owners = () => new Set(Array.from({ length: 50 }, (_, i) => fleet.paths.now.of(0, i * 7919).names[0]));
  const part = { body: new Uint8Array(10), spans: 1 };
  expect(owners()).toEqual(new Set(['a', 'c']));
  await fleet.send(part, toC, fromSender, '');
  expect(done.splice(0)).toEqual(['connected', 'c is suspected']);
  expect(owners()).toEqual(new Set(['a']));
  // While lists change there is one every second; calls to it that are under way are not cut by it.
  for (let second = 1; second <= 4; second++) {
    clock.pass(1_000);
    fleet.renew(view({ silent: ['c'] }));
    expect(owners()).toEqual(new Set(['a']));
  }
  expect(done).toEqual([]);
  fleet.renew(view());
  expect(done.splice(0)).toEqual(['closed']);
  expect(owners()).toEqual(new Set(['a', 'c']));
  await fleet.send(part, toC, fromSender, '');
  clock.pass(5_000);
  fleet.renew(view({ silent: ['c'] }));
  expect(owners()).toEqual(new Set(['a', 'c']));
});
