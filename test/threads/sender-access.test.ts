import { expect, it } from 'vitest';
import { Refusal } from '../../src/errors.ts';
import type { Intake } from '../../src/model/intake.ts';
import { type Access, headOf } from '../../src/receive/access.ts';
import { SenderAccess } from '../../src/threads/sender-access.ts';
import type { ShardConfig } from '../../src/threads/shards.ts';

const intake = (overload: string): Intake => ({ overload, refuses: () => undefined }) as unknown as Intake;
const shop = intake('of senders');
const ofMembers = intake('of members');
const tenant = { index: 0, name: 'shop' };
const tenants = { header: 'x-scope-orgid', each: [{ ...tenant, share: 1, maxBytesPerSecond: 1_000 }] };

it('what comes where members do, and does not say by whom, is a sender’s: its tenant has the same limit there', () => {
  const members: Access = { tenantHeader: 'x-scope-orgid', admit: () => ofMembers, refuses: () => undefined };
  const config = { receive: {}, tenants } as unknown as ShardConfig;
  const access = new SenderAccess(config, [{ tenant, intake: shop }], 1, () => undefined, { members });
  const head = { ...headOf({} as never), tenant: 'shop' };
  const by = (protocol: 'grpc' | 'cluster', headers: Record<string, string> = {}): Intake => {
    const found = access.of(protocol).admit(head, headers);
    if (found instanceof Refusal) throw new Error(found.message);
    return found;
  };
  expect(by('cluster', { 'tailgate-path': 'b' })).toBe(ofMembers);
  expect(by('cluster').refuses(10)).toBeUndefined();
  by('cluster').charge?.(5_000);
  expect(by('cluster').refuses(10)).toMatchObject({ reason: 'tenant_limited' });
  // It is one limit, whichever port is used; members have charged for what they bring.
  expect(by('grpc').refuses(10)).toMatchObject({ reason: 'tenant_limited' });
  expect(by('cluster', { 'tailgate-path': 'b' }).refuses(10)).toBeUndefined();
});
