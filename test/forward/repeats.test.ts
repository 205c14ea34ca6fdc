import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { noConditions } from '../../src/decide/conditions.ts';
import { RequestScan } from '../../src/decode/scan.ts';
import { Refusal } from '../../src/errors.ts';
import { FleetIntake } from '../../src/forward/fleet-intake.ts';
import { FleetShard } from '../../src/forward/fleet-shard.ts';
import type { Peer, Sent } from '../../src/forward/peer.ts';
import { Repeats } from '../../src/forward/repeats.ts';
import type { Receipt } from '../../src/model/intake.ts';
import { messageOf } from '../../src/receive/message.ts';
import { workThrough } from '../../src/receive/turns.ts';
import { difference, spanIdentities } from '../support/identity.ts';
import { requestBytes } from '../support/spans.ts';
import { Story } from '../support/story.ts';

const taken: Sent = { kind: 'taken', rejectedSpans: 0, message: '' };
const busy: Sent = { kind: 'refused', waitMs: 0, message: 'the buffer is full' };
const never: Sent = { kind: 'rejected', message: 'INVALID_ARGUMENT: not for us' };
const denied: Sent = { kind: 'denied', message: 'UNAUTHENTICATED: who are you' };
const unsure: Sent = { kind: 'uncertain', message: 'closed the connection', isSilent: false };

/** An agent before the gateways b and c, which answer as told. */
function agent(timeoutMs = 120, repeats = new Repeats(), maxBytes = 1e6) {
  const story = new Story({ shards: 1 });
  const answers: Record<string, Sent> = { b: taken, c: taken };
  const has: Record<string, string[]> = { b: [], c: [] };
  const members = ['b', 'c'].map((name) => ({ name, address: `${name}:4319` }));
  const connect = (address: string): Peer => {
    const name = address[0];
    const send = async (pieces: readonly Uint8Array[]): Promise<Sent> => {
      if (answers[name].kind === 'taken') has[name].push(...pieces.flatMap((it) => spanIdentities(it)));
      return answers[name];
    };
    return { address, send, close: () => {} } as unknown as Peer;
  };
  const view = {
    self: '',
    lists: [{ members, generation: 1, epoch: '0a1b2c3d' }],
    first: 0,
    gone: [],
    crashed: [],
    silent: [],
    word: new Uint8Array(0),
  };
  const fleet = new FleetShard(
    { isAgent: true, self: 0, shards: 1, maxBytes, waitMs: 10_000, timeoutMs },
    view,
    {
      connect,
      relay: () => expect.unreachable(),
      unreachable: () => {},
      fault: (error) => expect.unreachable(String(error)),
    },
    story.clock.monotonicMs,
  );
  const [pipeline] = story.shards;
  const tenant = { index: 0, name: '' };
  const intake = new FleetIntake({ fleet, tenant, pipeline, scan: new RequestScan(), repeats });
  const send = (body: Uint8Array) => intake.accept(messageOf([body]), 'grpc') as Promise<Receipt | Refusal>;
  const sendInSteps = async (body: Uint8Array) => {
    const steps = intake.acceptInSteps(messageOf([body]), 'grpc', () => false);
    for (;;) {
      const step = steps.next();
      if (step.done) return step.value;
    }
  };
  const books = () => {
    const left = pipeline.shard.ledger.entries().map(({ outcome, spans }) => [outcome, spans]);
    return { received: pipeline.received.grpc.spans, ...Object.fromEntries(left) };
  };
  return { send, sendInSteps, answers, has, fleet, books };
}

const request = (name: string, spans = 12) =>
  requestBytes(...Array.from({ length: spans }, (_, i) => ({ trace: `${name}-${i}`, id: `${name}-${i}` })));
const reasonOf = (answer: Receipt | Refusal): string =>
  answer instanceof Refusal ? answer.reason : `taken, ${answer.rejectedSpans} rejected`;

it('what an owner took is not sent twice when the sender repeats all, since another had no room', async () => {
  const { send, sendInSteps, answers, has, fleet } = agent();
  const body = request('first');
  answers.c = busy;
  expect(reasonOf(await send(body))).toBe('owner_refused');
  const [atB, other] = [[...has.b], request('other')];
  expect(atB.length).toBeGreaterThan(2);
  expect(atB.length).toBeLessThan(10);
  // Still none: nothing of it goes to b again, not by another way in either.
  expect(reasonOf(await send(body))).toBe('owner_refused');
  expect(reasonOf(await sendInSteps(body))).toBe('owner_refused');
  expect(has).toEqual({ b: atB, c: [] });
  answers.c = taken;
  expect(reasonOf(await send(other))).toBe('taken, 0 rejected');
  expect(await send(body)).toEqual({ spans: 12, rejectedSpans: 0, message: '' });
  const wanted = [...spanIdentities(body), ...spanIdentities(other)];
  expect(difference([...has.b, ...has.c], wanted)).toEqual({ extra: [], missing: [] });
  expect(fleet.stats.heldBytes).toBe(0);
});

it('what an owner never takes is rejected by its count, and the sender does not repeat the rest', async () => {
  const { send, answers, has, books } = agent();
  answers.c = never;
  const body = request('poison');
  const receipt = (await send(body)) as Receipt;
  const rejected = 12 - has.b.length;
  expect(rejected).toBeGreaterThan(0);
  expect(receipt).toMatchObject({ spans: 12, rejectedSpans: rejected });
  expect(receipt.message).toMatch(/^\d+ spans were rejected: c owns some.*INVALID_ARGUMENT: not for us/);
  expect(books()).toMatchObject({ received: 12, forwarded: has.b.length, rejected });
  answers.b = never;
  expect(reasonOf(await send(request('all')))).toBe('owner_rejected');
  expect(books()).toMatchObject({ received: 12, rejected });
});

it('a wrong credential is no fault of the spans: they stay with the sender, but for what another took', async () => {
  const { send, answers, has } = agent();
  answers.c = denied;
  const body = request('denied');
  expect(reasonOf(await send(body))).toBe('owner_refused');
  answers.b = denied;
  expect(reasonOf(await send(request('more')))).toBe('owner_refused');
  answers.b = taken;
  answers.c = taken;
  expect(reasonOf(await send(body))).toBe('taken, 0 rejected');
  expect(difference([...has.b, ...has.c], spanIdentities(body))).toEqual({ extra: [], missing: [] });
});

it('of a part nobody knows what became of it: it is tried again, and counted', async () => {
  const { send, answers, has, fleet } = agent();
  answers.c = unsure;
  const body = request('unsure');
  const answer = send(body);
  setTimeout(() => (answers.c = taken), 60);
  expect(reasonOf(await answer)).toBe('taken, 0 rejected');
  expect(difference([...has.b, ...has.c], spanIdentities(body))).toEqual({ extra: [], missing: [] });
  expect(fleet.stats.uncertainSpans).toBeGreaterThan(0);
});

it('what was forgotten while a shard had nothing to look up is not known to it when another enters something', async () => {
  const memory = Repeats.memory();
  const other = new Repeats(memory);
  const { send, answers, has } = agent(2_000, new Repeats(memory));
  const scan = new RequestScan();
  const enter = (body: Uint8Array, at: number) => {
    scan.run(body, 0, body.length, noConditions);
    workThrough(other.expect(body, scan, at));
  };
  const now = systemClock.monotonicMs();
  const body = request('old');
  enter(body, now - 400_000);
  other.forget(now);
  answers.b = unsure;
  answers.c = unsure;
  const answer = send(body);
  await nextTurn();
  enter(request('new'), now);
  answers.b = taken;
  answers.c = taken;
  expect(reasonOf(await answer)).toBe('taken, 0 rejected');
  expect(difference([...has.b, ...has.c], spanIdentities(body))).toEqual({ extra: [], missing: [] });
});

it('repeats are expected for five minutes, so many that they cost 2 MB, and known by all that is in a span', () => {
  const repeats = new Repeats();
  const scan = new RequestScan();
  const scanned = (body: Uint8Array) => {
    scan.run(body, 0, body.length, noConditions);
    return scan;
  };
  const has = (body: Uint8Array): boolean => repeats.has(body, scanned(body).slices, 0);
  const one = requestBytes({ trace: 'one', id: 'a' });
  workThrough(repeats.expect(one, scanned(one), 1_000));
  expect(has(one)).toBe(true);
  expect(has(requestBytes({ trace: 'one', id: 'a', name: 'another' }))).toBe(false);
  expect(has(requestBytes({ trace: 'two', id: 'a' }))).toBe(false);
  const two = requestBytes({ trace: 'two', id: 'a' });
  workThrough(repeats.expect(two, scanned(two), 200_000));
  repeats.forget(301_000);
  expect([has(one), has(two), repeats.isEmpty]).toEqual([false, true, false]);
  repeats.forget(500_000);
  expect(repeats.isEmpty).toBe(true);
  workThrough(repeats.expect(one, scanned(one), 600_000));
  for (let n = 0; n < 17; n++) {
    const many = requestBytes(...Array.from({ length: 1_000 }, (_, i) => ({ trace: `${n}-${i}`, id: `${i}` })));
    workThrough(repeats.expect(many, scanned(many), 600_000));
  }
  expect([has(one), has(requestBytes({ trace: '16-0', id: '0' }))]).toEqual([false, true]);
});

it('what one shard took is known to the others, whichever the sender reaches with its repeat', () => {
  const memory = Repeats.memory();
  const shards = [0, 1, 2].map(() => new Repeats(memory));
  const scan = new RequestScan();
  const bodyOf = (id: string) => requestBytes({ trace: `trace-${id}`, id });
  const scanned = (body: Uint8Array) => {
    scan.run(body, 0, body.length, noConditions);
    return scan;
  };
  expect(shards.map(({ isEmpty }) => isEmpty)).toEqual([true, true, true]);
  for (const [n, shard] of shards.entries()) {
    const body = bodyOf(`${n}`);
    workThrough(shard.expect(body, scanned(body), 1_000 + n * 100_000));
  }
  const known = (now: number) => {
    for (const shard of shards) shard.forget(now);
    const has = (shard: Repeats) => [0, 1, 2].map((n) => bodyOf(`${n}`)).map((b) => shard.has(b, scanned(b).slices, 0));
    const [first, ...others] = shards.map((shard) => [...has(shard), shard.isEmpty]);
    expect(others).toEqual([first, first]);
    return first;
  };
  expect(known(250_000)).toEqual([true, true, true, false]);
  expect(known(350_000)).toEqual([false, true, true, false]);
  // Entered again, it is remembered anew.
  workThrough(shards[2].expect(bodyOf('0'), scanned(bodyOf('0')), 350_000));
  expect(known(550_000)).toEqual([true, false, false, false]);
  expect(known(700_000)).toEqual([false, false, false, true]);
});

it('what was entered again is as new as that, and forgotten neither by its first place nor by a slower shard', () => {
  const memory = Repeats.memory();
  const [one, other] = [new Repeats(memory), new Repeats(memory)];
  const scan = new RequestScan();
  const scanned = (body: Uint8Array) => {
    scan.run(body, 0, body.length, noConditions);
    return scan;
  };
  const has = (shard: Repeats, body: Uint8Array) => shard.has(body, scanned(body).slices, 0);
  const many = (from: number, count: number) =>
    requestBytes(...Array.from({ length: count }, (_, i) => ({ trace: `many-${from + i}`, id: '1' })));
  const [first, second, filling] = [many(-1, 1), many(0, 1), many(0, 16_383)];
  workThrough(one.expect(first, scanned(first), 1_000));
  workThrough(one.expect(filling, scanned(filling), 1_000));
  workThrough(other.expect(first, scanned(first), 2_000));
  const more = many(20_000, 16_383);
  workThrough(one.expect(more, scanned(more), 3_000));
  expect([has(one, first), has(one, second)]).toEqual([true, false]);
  workThrough(one.expect(more, scanned(more), 3_000));
  expect(has(one, first)).toBe(false);
  // The clock was looked at before the other shard entered a span of the same trace.
  const [slow, quick] = ['slow', 'quick'].map((id) => requestBytes({ trace: 'same', id }));
  workThrough(other.expect(quick, scanned(quick), 9_000));
  workThrough(one.expect(slow, scanned(slow), 4_000));
  other.forget(305_000);
  expect([has(other, quick), has(other, slow)]).toEqual([true, false]);
});

it('of more spans of one trace than are remembered the newest are, in one request or in several', () => {
  const scan = new RequestScan();
  const bodies = [0, 1].map((n) =>
    requestBytes(...Array.from({ length: 10_000 }, (_, i) => ({ trace: 'one', id: `${n}-${i}` }))),
  );
  for (const requests of [bodies, [Buffer.concat(bodies)]]) {
    const repeats = new Repeats();
    for (const body of requests) {
      scan.run(body, 0, body.length, noConditions);
      workThrough(repeats.expect(body, scan, 1_000));
    }
    const has = (id: string): boolean => {
      const body = requestBytes({ trace: 'one', id });
      scan.run(body, 0, body.length, noConditions);
      return repeats.has(body, scan.slices, 0);
    };
    expect(['1-9999', '1-0', '0-9999', '0-0'].map(has)).toEqual([true, true, true, false]);
  }
});

it('a large request is looked up, and expected, a thousand spans at a time', () => {
  const repeats = new Repeats();
  const scan = new RequestScan();
  const body = requestBytes(...Array.from({ length: 20_000 }, (_, i) => ({ trace: `${i}`, id: `${i}` })));
  scan.run(body, 0, body.length, noConditions);
  const steps = (work: Generator<undefined, unknown>): number => {
    for (let n = 1; ; n++) if (work.next().done === true) return n;
  };
  expect(steps(repeats.expect(body, scan, 1_000))).toBe(17);
  expect(steps(repeats.known(body, scan))).toBe(20);
  const known = workThrough(repeats.known(body, scan));
  expect(known.reduce((sum, it) => sum + it, 0)).toBe(16_384);
});

it('what is taken of a large request in steps, and cut again, is not sent twice', async () => {
  const { send, sendInSteps, answers, has } = agent(2_000, new Repeats(), 16e6);
  const body = requestBytes(
    ...Array.from({ length: 12_000 }, (_, i) => ({ trace: `large-${i}`, id: `${i}`, padding: 200 })),
  );
  // Each part, too, is worked on in steps.
  expect(body.length / 2).toBeGreaterThan(1024 * 1024);
  answers.c = busy;
  expect(reasonOf(await sendInSteps(body))).toBe('owner_refused');
  expect(has.b.length).toBeGreaterThan(5_000);
  answers.b = busy;
  answers.c = unsure;
  const answer = send(body);
  setTimeout(() => (answers.c = taken), 60);
  expect(reasonOf(await answer)).toBe('taken, 0 rejected');
  expect(difference([...has.b, ...has.c], spanIdentities(body))).toEqual({ extra: [], missing: [] });
});

it('tenants beyond sixteen share the memory, and know nothing of each other', () => {
  const memories = Repeats.memories(1_000);
  expect(memories.reduce((sum, { byteLength }) => sum + byteLength, 0)).toBeLessThan(16e6);
  const [one, other, again] = [3, 19, 3].map((tenant) => new Repeats(memories[3], tenant));
  const scan = new RequestScan();
  const body = requestBytes({ trace: 'one', id: 'a' });
  scan.run(body, 0, body.length, noConditions);
  workThrough(one.expect(body, scan, 1_000));
  expect([one, other, again].map((each) => each.has(body, scan.slices, 0))).toEqual([true, false, true]);
});
