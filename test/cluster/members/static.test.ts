import { expect, it } from 'vitest';
import { watchMembers } from '../../../src/cluster/members/watch.ts';
import type { Member } from '../../../src/model/member.ts';

it('tells the list of the boot file once, by name and each name once', async () => {
  const told: (readonly Member[])[] = [];
  const member = (name: string, address = `${name}:1`) => ({ name, address });
  const listed = [member('b'), member('a', 'z:1'), member('B'), member('a')];
  const cluster = {
    name: 'a',
    listen: { host: '0.0.0.0', port: 1 },
    forwardTimeoutMs: 5_000,
    maxForwardBytes: 1 << 27,
    members: { static: listed },
  };
  const watch = await watchMembers(cluster, (members) => told.push(members));
  expect(told).toEqual([[member('B'), member('a'), member('b')]]);
  await watch.stop();
});
