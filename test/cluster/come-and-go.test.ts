import { setImmediate } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { Fleet, type NoWord } from '../../src/cluster/fleet.ts';
import { encodeWord, noLists, readWord, type Word } from '../../src/cluster/word.ts';
import type { FleetView } from '../../src/model/fleet.ts';
import { HandClock } from '../support/hand-clock.ts';

const members = (names: string) => [...names].map((name) => ({ name, address: `${name}:4319` }));
const namesOf = ({ members }: FleetView['lists'][number]) => members.map(({ name }) => name).join('');

/** A member `a` among others that answer as `says` has it. */
async function among(names: string, says: Record<string, Word | NoWord>, published?: () => Promise<void>) {
  const clock = new HandClock();
  const views: FleetView[] = [];
  const told: [string, string][] = [];
  const fleet = new Fleet({
    self: 'a',
    selfIn: () => undefined,
    run: 'run',
    waitMs: 3_000,
    skewMs: 1_000,
    adminPort: () => 8888,
    ask: async ({ name }, word: Uint8Array) => {
      told.push([name, readWord(word).isLeaving ? 'leaving' : 'there']);
      return says[name] ?? 'unreachable';
    },
    publish: (view) => {
      views.push(view);
      return published?.();
    },
    later: (run) => run(),
    log: () => {},
    now: clock.monotonicMs,
  });
  fleet.name(members(names));
  await fleet.join();
  const inForce = () => namesOf(views.at(-1)!.lists.at(-1)!);
  const counting = () => views.at(-1)!.lists.slice(views.at(-1)!.first).map(namesOf);
  return { clock, fleet, views, told, inForce, counting };
}

const word = (name: string, more: Partial<Word> = {}): Word => ({
  name,
  run: '1',
  isLeaving: false,
  adminPort: 0,
  ...noLists,
  ...more,
});

describe('a word', () => {
  it('comes back as it was', () => {
    const past = [{ members: members('abc'), generation: 299, endedAgoMs: 1_234 }];
    const said = word('b', { isLeaving: true, epoch: '0a1b2c3d', generation: 300, past });
    expect(readWord(encodeWord(said))).toEqual(said);
  });

  it('without a name, or of what is no protobuf, is none', () => {
    expect(() => readWord(new Uint8Array(0))).toThrow('without a name');
    expect(() => readWord(Uint8Array.of(0x0a, 0xff))).toThrow();
  });
});

describe('a member that joins', () => {
  it('has those that answer in its list, and was not in the one before', async () => {
    const { inForce, counting } = await among('abc', { b: word('b') });
    expect(inForce()).toBe('ab');
    expect(counting()).toContain('b');
  });

  it('hears of lists that count from before its time', async () => {
    const past = [{ members: members('bc'), generation: 1, endedAgoMs: 500 }];
    const { counting, clock, fleet } = await among('ab', { b: word('b', { past }) });
    expect(counting()[0]).toBe('bc');
    clock.pass(3_600);
    await fleet.beat();
    expect(counting()).not.toContain('bc');
  });
});

describe('a member', () => {
  it('that hears of the last generation that there can be is understood as before when its list changes', async () => {
    const past = [{ members: members('bc'), generation: 2 ** 48, endedAgoMs: 500 }];
    const says: Record<string, Word | NoWord> = { b: word('b', { past }), c: word('c') };
    const { fleet, views } = await among('abc', says);
    says.c = word('c', { isLeaving: true });
    await fleet.beat();
    expect(readWord(views.at(-1)!.word).generation).toBe(2 ** 48);
  });

  it('at whose address nobody listens is out of the list at the second try, and in it again at the first answer', async () => {
    const says: Record<string, Word | NoWord> = { b: word('b') };
    const { fleet, inForce, views } = await among('ab', says);
    says.b = 'unreachable';
    await fleet.beat();
    expect(inForce()).toBe('ab');
    await fleet.beat();
    expect(inForce()).toBe('a');
    expect(views.at(-1)).toMatchObject({ gone: ['b'], crashed: ['b'] });
    says.b = word('b', { run: '2' });
    await fleet.beat();
    expect(inForce()).toBe('ab');
    expect(views.at(-1)).toMatchObject({ gone: [], crashed: [] });
  });

  it('that is silent is given more time', async () => {
    const says: Record<string, Word | NoWord> = { b: word('b') };
    const { fleet, inForce, views } = await among('ab', says);
    expect(views.at(-1)?.silent).toEqual([]);
    says.b = 'silent';
    for (let i = 0; i < 5; i++) await fleet.beat();
    expect(inForce()).toBe('ab');
    // The list of before this one's time counts yet, so each beat is news for the shards.
    expect(views.at(-1)?.silent).toEqual(['b']);
    await fleet.beat();
    expect(inForce()).toBe('a');
  });

  it('that says that it leaves is out of the list at once, and its traces are still asked for there', async () => {
    const says = { b: word('b') };
    const { clock, fleet, inForce, counting, views } = await among('ab', says);
    says.b = word('b', { isLeaving: true });
    fleet.hear(says.b);
    await setImmediate();
    expect(inForce()).toBe('a');
    expect(counting()).toContain('ab');
    expect(views.at(-1)).toMatchObject({ gone: [], crashed: [] });
    // What comes late from before is not believed, for its address says otherwise.
    clock.pass(200);
    fleet.hear(word('b', { run: '0' }));
    await setImmediate();
    expect(inForce()).toBe('a');
    says.b = word('b', { run: '2' });
    clock.pass(200);
    fleet.hear(says.b);
    await setImmediate();
    expect(inForce()).toBe('ab');
  });

  it('in whose name somebody else says that it leaves is asked, stays, and is not asked as often as that is said', async () => {
    const { clock, fleet, inForce, views, told } = await among('ab', { b: word('b') });
    const published = views.length;
    told.length = 0;
    for (let n = 0; n < 100; n++) {
      clock.pass(10);
      fleet.hear(word('b', { isLeaving: true, run: n % 2 ? '1' : '7', adminPort: 1 }));
      fleet.hear(word('nobody', { isLeaving: true }));
      fleet.hear(word('a', { isLeaving: true }));
      await setImmediate();
    }
    expect(inForce()).toBe('ab');
    expect(views).toHaveLength(published);
    expect(fleet.states()).toMatchObject([{ state: 'self' }, { state: 'reachable', adminPort: 0 }]);
    expect(told.length).toBeGreaterThan(1);
    expect(told.length).toBeLessThanOrEqual(10);
    // From then on too it is believed, at its next word.
    await fleet.beat();
    expect(inForce()).toBe('ab');
  });

  it('that leaves tells everybody, and takes no new traces', async () => {
    const { fleet, inForce, told, views } = await among('abc', { b: word('b'), c: word('c') });
    told.length = 0;
    let hasLeft = false;
    const left = fleet.leave().then(() => {
      hasLeft = true;
    });
    await setImmediate();
    expect(told).toEqual([
      ['b', 'leaving'],
      ['c', 'leaving'],
    ]);
    expect(readWord(views.at(-1)!.word).isLeaving).toBe(true);
    expect(inForce()).toBe('bc');
    // Both ask whether that is so; an end before that would look like a crash.
    fleet.hear(word('b'));
    await setImmediate();
    expect(hasLeft).toBe(false);
    fleet.hear(word('c'));
    await left;
  });

  it('that leaves does not wait for a shard that hangs', async () => {
    const { fleet, views } = await among('ab', {}, () => new Promise(() => {}));
    await fleet.leave();
    expect(readWord(views.at(-1)!.word).isLeaving).toBe(true);
  });

  it('that leaves does not wait for those that do not answer, nor where it is in no list', async () => {
    const { fleet } = await among('abc', {});
    await fleet.leave();
    const agent = await among('bc', { b: word('b'), c: word('c') });
    await agent.fleet.leave();
  });

  it('that its source no longer names is asked as long as traces may wait there', async () => {
    const { fleet, told, clock, inForce } = await among('ab', { b: word('b') });
    fleet.name(members('a'));
    expect(inForce()).toBe('a');
    told.length = 0;
    await fleet.beat();
    expect(told.map(([name]) => name)).toEqual(['b']);
    clock.pass(60_000);
    await fleet.beat();
    told.length = 0;
    await fleet.beat();
    expect(told).toEqual([]);
  });
});
