import { expect, it } from 'vitest';
import { Refusal } from '../../src/errors.ts';
import { Delivery } from '../../src/forward/delivery.ts';
import type { FleetTenant } from '../../src/forward/fleet-tenant.ts';
import type { Sent } from '../../src/forward/peer.ts';
import type { Receipt } from '../../src/model/intake.ts';
import { fromSender } from '../../src/route/fleet-path.ts';
import type { Part } from '../../src/route/split.ts';

const part = (bytes: number): Part => ({ body: new Uint8Array(bytes), spans: 1 });
const scanned = { count: 2, invalid: 0, reason: '' };
const receipt: Receipt = { spans: 1, rejectedSpans: 0, message: '' };
const full = new Refusal('buffer_full', 'full');

/** A request with a part that stays here and one for b, where things go as told: one answer after the other. */
async function deliver(b: Sent, here: readonly (Receipt | Refusal)[], timeoutMs = 5_000) {
  const answers = [...here];
  const calls = { here: 0, b: 0 };
  const stats = { heldBytes: 0, adoptedSpans: 0 };
  const of = {
    tenant: { index: 0, name: '' },
    fleet: {
      options: { timeoutMs },
      stats,
      send: async () => {
        calls.b++;
        return b;
      },
      fault: (error: unknown) => expect.unreachable(String(error)),
    },
    pipeline: {
      forwarded: () => {},
      passedOn: () => receipt,
      accept: () => {
        calls.here++;
        return answers.length > 1 ? answers.shift() : answers[0];
      },
    },
  } as unknown as FleetTenant;
  const toB = { member: 'b', at: { generation: 1, epoch: '0a1b2c3d', isLast: true } };
  const again = async (part: Part) => ({ here: [], away: [{ part, to: toB }] });
  const expected: Part[] = [];
  const expectAgain = async (part: Part): Promise<void> => void expected.push(part);
  const given: Part[] = [];
  const delivered = (part: Part): void => void given.push(part);
  const cutter = { way: fromSender, again, delivered, expectAgain };
  const cut = { here: [part(10)], away: [{ part: part(20), to: toB }] };
  const answer = await new Delivery(cutter, of, 'grpc').run(cut, scanned);
  expect(stats.heldBytes).toBe(0);
  const [expectedAgain, givenBack] = [expected, given].map((parts) => parts.map(({ body }) => body.length));
  return {
    calls,
    givenBack,
    expectedAgain,
    reason: answer instanceof Refusal ? answer.reason : 'taken',
    adopted: stats.adoptedSpans,
  };
}

const taken: Sent = { kind: 'taken', rejectedSpans: 0, message: '' };

it('a request of which others have their part waits for room here, and is not asked for again', async () => {
  expect(await deliver(taken, [full, full, receipt])).toEqual({
    calls: { here: 3, b: 1 },
    reason: 'taken',
    adopted: 0,
    expectedAgain: [],
    givenBack: [20, 10],
  });
});

it('bytes of a call that failed are nobody else’s, though the part came in here: the call may still read them', async () => {
  const uncertain: Sent = { kind: 'uncertain', message: 'it broke', isSilent: false };
  expect(await deliver(uncertain, [receipt], 10)).toMatchObject({ reason: 'taken', adopted: 1, givenBack: [10] });
});

it('it is asked for where there is no room in time, and at once where the gateway ends', async () => {
  expect(await deliver(taken, [full], 200)).toMatchObject({
    reason: 'buffer_full',
    calls: { b: 1 },
    expectedAgain: [20],
  });
  const draining = new Refusal('draining', 'it ends');
  expect(await deliver(taken, [draining])).toMatchObject({ calls: { here: 1, b: 1 }, reason: 'draining', adopted: 0 });
});

it('a request of which nothing was taken is refused at once, by its owner and here', async () => {
  const refused: Sent = { kind: 'refused', waitMs: 0, message: 'full' };
  expect(await deliver(refused, [receipt])).toMatchObject({
    calls: { here: 0, b: 1 },
    reason: 'owner_refused',
    expectedAgain: [],
  });
  const never: Sent = { kind: 'rejected', message: 'too large' };
  expect(await deliver(never, [full])).toMatchObject({ calls: { here: 1, b: 1 }, reason: 'buffer_full', adopted: 1 });
});
