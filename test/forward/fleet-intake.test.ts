import { expect, it } from 'vitest';
import { FleetIntake } from '../../src/forward/fleet-intake.ts';
import { FleetShard } from '../../src/forward/fleet-shard.ts';
import type { Peer, Sent } from '../../src/forward/peer.ts';
import { Repeats } from '../../src/forward/repeats.ts';
import type { Answer } from '../../src/model/intake.ts';
import { Pieces } from '../../src/receive/pieces.ts';
import { spanIdentities } from '../support/identity.ts';
import { random } from '../support/random.ts';
import { requestBytes, type Told } from '../support/spans.ts';
import { noRules, Story } from '../support/story.ts';

const taken: Sent = { kind: 'taken', rejectedSpans: 0, message: '' };
/** As much as a connection is read into: of a size that parts have too. */
const readBytes = 256 * 1024;

/** A gateway of members a and b, both of which keep all; what goes to b waits for `answerAll`, and is read as late as may be. */
function gatewayA({ isAgent = false, names = ['a', 'b'] } = {}) {
  const story = new Story({
    rules: { ...noRules, baseline_percent: 100 },
    shards: 1,
    buffer: { decisionWaitMs: 60_000 },
  });
  const [pipeline] = story.shards;
  const waiting: { readonly pieces: readonly Uint8Array[]; readonly answer: (sent: Sent) => void }[] = [];
  const send = (pieces: readonly Uint8Array[]) => new Promise<Sent>((answer) => void waiting.push({ pieces, answer }));
  const fleet = new FleetShard(
    { isAgent, self: 0, shards: 1, maxBytes: 64 << 20, waitMs: 1_000, timeoutMs: 5_000 },
    {
      ...{ self: 'a', first: 0, gone: [], crashed: [], silent: [], word: new Uint8Array(0) },
      lists: [{ members: names.map((name) => ({ name, address: `${name}:4319` })), generation: 1, epoch: '0a1b2c3d' }],
    },
    {
      connect: (address) => ({ address, send, close: () => {} }) as unknown as Peer,
      relay: () => expect.unreachable(),
      unreachable: () => {},
      fault: (error) => expect.unreachable(String(error)),
    },
    story.clock.monotonicMs,
  );
  const scan = pipeline.shard.scan.another();
  const tenant = { index: 0, name: '' } as never;
  const intake = new FleetIntake({ fleet, tenant, pipeline, scan, repeats: new Repeats() });
  const atB: string[] = [];
  const answerAll = async (answers: Answer[]): Promise<void> => {
    let isOver = false;
    const all = Promise.all(answers).finally(() => {
      isOver = true;
    });
    while (!isOver) {
      await new Promise(setImmediate);
      for (const { pieces, answer } of waiting.splice(0)) {
        atB.push(...spanIdentities(Buffer.concat(pieces)));
        answer(taken);
      }
    }
    expect((await all).map((it) => 'spans' in it)).toEqual(answers.map(() => true));
  };
  const kept = (): string[] => {
    while (pipeline.decideWaiting(1_000));
    return story.requests.flatMap(({ body }) => spanIdentities(body));
  };
  return { intake, atB, answerAll, kept };
}

const told = (seed: number, spans: number, traces: number): Told[] => {
  const next = random(seed);
  return Array.from({ length: spans }, (_, i) => ({
    trace: `t${seed}-${Math.floor(next() * traces)}`,
    id: `s${seed}-${i}`,
    service: `service-${Math.floor(next() * 3)}`,
    padding: Math.floor(next() * 400),
  })) as Told[];
};

it.each([
  ['one gateway of two', {}, [1, 40]],
  ['an agent before two', { isAgent: true, names: ['b', 'c'] }, [1, 40]],
  ['an agent before one', { isAgent: true, names: ['b'] }, [40]],
])('%s: what is read where the last request was read spoils nothing of that', async (_, of, traces) => {
  const { intake, atB, answerAll, kept } = gatewayA(of);
  const read = Buffer.alloc(readBytes);
  const sent: string[] = [];
  for (let round = 0; round < 12; round++) {
    const answers: Answer[] = [];
    for (let n = 0; n < 8; n++) {
      const request = requestBytes(...told(round * 100 + n, 60, traces[n % traces.length]));
      sent.push(...spanIdentities(request));
      // Half of them came with more than one read.
      const pieces = new Pieces({ claim: () => undefined });
      pieces.limit = request.length;
      const at = n % 2 === 0 ? 0 : 1_000;
      read.set(request, at);
      pieces.put(read, at, at + request.length);
      if (n % 4 === 3) pieces.keep();
      answers.push(intake.accept(pieces, 'grpc'));
      pieces.free();
      read.fill(0xff);
    }
    await answerAll(answers);
  }
  expect([...atB, ...kept()].sort()).toEqual(sent.sort());
});
