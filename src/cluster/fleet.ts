import { inTime } from '../in-time.ts';
import type { FleetView } from '../model/fleet.ts';
import type { Member } from '../model/member.ts';
import { epochOf, Lists } from './lists.ts';
import { isSame } from './members/list.ts';
import { encodeWord, noLists, type Word } from './word.ts';

/** Members are asked for their word so often; in large fleets less, so that it stays some per cent of a core. */
export const beatMs = (members: number): number => Math.max(1_000, members * 20);
/** A member that was silent so many times in a row is not there; it may have had too much to do. */
const mostSilences = 6;
/** Where nobody listens at its address, twice is enough. */
const silencesAMiss = 3;

/**
 * What else is new within so long after the first change is one change with it: of halves that meet again each would be
 * heard of by itself, and a trace's path passes its owners by every list.
 */
export const gatherMs = 1_000;

/** Of one member; whoever says much in others' names must not have us ask them as often. */
const checkEveryMs = 100;
/** A member that is told that this one leaves asks at once whether that is so, or with its next beat. */
const askBackMs = 2_000;

/** Why a member did not say its word. */
export type NoWord = 'silent' | 'unreachable';

/** How a member stands, as this one sees it. */
type MemberState = 'self' | 'reachable' | 'unreachable' | 'leaving';

interface Seen {
  run: string;
  isReachable: boolean;
  hasCrashed: boolean;
  misses: number;
  /** When it was asked last since somebody said something in its name. */
  checkedAt: number;
  /** The run in which it said so; another run is a new beginning. */
  leavingRun: string | undefined;
  /** As it said last; 0 = not known. */
  adminPort: number;
  /** The list that it said last to have in force, and in which generation. */
  epoch: string;
  generation: number;
}

interface FleetOptions {
  readonly self: string;
  /** This member's name in a list, which may have another for it; undefined where it is not in it. */
  readonly selfIn: (members: readonly Member[]) => string | undefined;
  /** Of this process. */
  readonly run: string;
  /** How long a trace waits, and how far apart members hear of a change: so long a list counts after its end. */
  readonly waitMs: number;
  readonly skewMs: number;
  /** Where this one answers operators; 0 before it does. */
  readonly adminPort: () => number;
  /** A member's word for ours; `anew`: by a new connection, since it has just been heard of. */
  readonly ask: (member: Member, word: Uint8Array, anew: boolean) => Promise<Word | NoWord>;
  /** There is something new for the shards; done when whoever asks is told the new word. */
  readonly publish: (view: FleetView) => void | Promise<void>;
  /** Calls it when `gatherMs` are over. */
  readonly later: (run: () => void) => void;
  readonly log: (event: 'joined' | 'changed' | 'gone' | 'leaving', fields: Record<string, unknown>) => void;
  readonly now: () => number;
}

/**
 * Who is in the fleet, as this member sees it: of those that the source names, the ones that answer and do not leave.
 * Each sees it for itself; that they do not see the same at the same moment is what paths are for
 * (docs/decisions/0014-fleet.md).
 */
export class Fleet {
  readonly #options: FleetOptions;
  readonly #lists: Lists;
  readonly #seen = new Map<string, Seen>();
  /** Called when a member asks, while this one leaves. */
  readonly #askingBack = new Map<string, () => void>();
  #self: string;
  #source: readonly Member[] = [];
  #isLeaving = false;
  #hasJoined = false;
  #isGathering = false;

  constructor(options: FleetOptions) {
    this.#options = options;
    this.#self = options.self;
    const countsMs = options.waitMs + options.skewMs;
    this.#lists = new Lists([], { countsMs, remembersMs: countsMs + 2 * options.skewMs });
  }

  /** What the source of members says. */
  name(members: readonly Member[]): void {
    this.#source = members;
    this.#self = this.#options.selfIn(members) ?? this.#self;
    if (!this.#hasJoined) return;
    for (const member of this.#others()) if (!this.#seen.has(member.name)) void this.#ask(member);
    this.#update();
  }

  /** Asks everybody, so that lists of before our time are known, and only then is one of them. */
  async join(): Promise<void> {
    await Promise.all(this.#others().map((member) => this.#ask(member)));
    this.#hasJoined = true;
    const { now, log } = this.#options;
    const list = this.#effective();
    // Whoever was there had the traces until now.
    this.#change(
      list.filter(({ name }) => name !== this.#self),
      now() - 1,
    );
    this.#change(list, now());
    log('joined', { members: list.map(({ name }) => name) });
    void this.#publish();
  }

  /** From time to time, see beatMs. */
  async beat(): Promise<void> {
    await Promise.all(this.#others().map((member) => this.#ask(member)));
    const wasChanging = this.#lists.past.length > 0;
    this.#lists.expire(this.#options.now());
    const others = new Set(this.#others().map(({ name }) => name));
    for (const name of this.#seen.keys()) if (!others.has(name)) this.#seen.delete(name);
    // What is told of a list's end is as old as the word.
    if (wasChanging) void this.#publish();
  }

  /**
   * What was said in a member's name, unasked. Whoever reaches the port can say it, so it is a reason to ask that member,
   * at its own address, and nothing more.
   */
  hear({ name, run, isLeaving: saysLeaving }: Word): void {
    const member = this.#others().find((it) => it.name === name);
    if (member === undefined) return;
    this.#askingBack.get(name)?.();
    const seen = this.#of(name);
    const at = this.#options.now();
    const isNews = !seen.isReachable || seen.run !== run || (saysLeaving && !isLeaving(seen));
    if (!isNews || at - seen.checkedAt < checkEveryMs) return;
    seen.checkedAt = at;
    void this.#ask(member, !seen.isReachable);
  }

  /** A shard could not reach it: is it there? */
  suspect(name: string): void {
    const member = this.#others().find((it) => it.name === name);
    if (member === undefined) return;
    const seen = this.#of(name);
    seen.misses = Math.max(seen.misses, mostSilences - silencesAMiss);
    void this.#ask(member);
  }

  /** Says to everybody that this one takes no new traces; resolves when they know, or do not answer. */
  async leave(): Promise<void> {
    this.#isLeaving = true;
    this.#update();
    // A shard that hangs says what it said before; the end does not wait for it.
    await inTime(this.#publish(), askBackMs, { ref: false });
    await Promise.all(this.#others().map((member) => this.#tellOfLeaving(member)));
  }

  /** It believes what it is told when it has asked back. */
  async #tellOfLeaving(member: Member): Promise<void> {
    const { promise: asked, resolve } = Promise.withResolvers<void>();
    this.#askingBack.set(member.name, resolve);
    const isKnown = this.#source.some(({ name }) => name === this.#self);
    if ((await this.#ask(member)) && isKnown) await inTime(asked, askBackMs, { ref: false });
    this.#askingBack.delete(member.name);
  }

  get lists(): Lists {
    return this.#lists;
  }

  /** Every member that the source names. */
  states(): (Member & { readonly state: MemberState; readonly adminPort: number })[] {
    return this.#source.map((member) => ({
      ...member,
      state: this.#stateOf(member),
      adminPort: this.#seen.get(member.name)?.adminPort ?? 0,
    }));
  }

  /** This one's name in the list. */
  get self(): string {
    return this.#self;
  }

  #stateOf({ name }: Member): MemberState {
    if (name === this.#self) return this.#isLeaving ? 'leaving' : 'self';
    const seen = this.#seen.get(name);
    if (seen === undefined || !seen.isReachable) return 'unreachable';
    return isLeaving(seen) ? 'leaving' : 'reachable';
  }

  /** Whether it answered. */
  async #ask(member: Member, anew = false): Promise<boolean> {
    const { ask } = this.#options;
    const word = await ask(member, encodeWord({ ...this.#own, ...noLists }), anew);
    const seen = this.#of(member.name);
    const wasLeaving = isLeaving(seen);
    const isThere = typeof word !== 'string' && word.name === member.name;
    if (!isThere) {
      seen.misses += word === 'silent' ? 1 : silencesAMiss;
      if (seen.misses >= mostSilences) this.#lose(member, seen);
    } else {
      seen.misses = 0;
      if (seen.isReachable && seen.run !== word.run && !isLeaving(seen)) this.#tellOfRestart(member, seen);
      seen.isReachable = true;
      seen.hasCrashed = false;
      seen.adminPort = word.adminPort;
      seen.epoch = word.epoch;
      seen.generation = word.generation;
      this.#note(seen, member.name, word.run, word.isLeaving);
      if (this.#learn(word) && this.#hasJoined) void this.#publish();
    }
    // Whoever leaves takes nothing new any more, and waits until all have heard of it.
    if (isLeaving(seen) && !wasLeaving) this.#update();
    else this.#gather();
    return isThere;
  }

  /** True where that is news. */
  #learn({ epoch, generation, past }: Word): boolean {
    let isNews = epoch === this.#lists.inForce.epoch && this.#lists.advance(generation);
    for (const list of past)
      isNews = this.#lists.learn(list, list.endedAgoMs, this.#options.now(), this.#hasJoined) || isNews;
    return isNews;
  }

  #note(seen: Seen, name: string, run: string, saysLeaving: boolean): void {
    if (saysLeaving && seen.leavingRun !== run) this.#options.log('leaving', { member: name });
    seen.run = run;
    if (saysLeaving) seen.leavingRun = run;
  }

  #lose({ name }: Member, seen: Seen): void {
    if (!seen.isReachable) return;
    seen.isReachable = false;
    seen.hasCrashed = !isLeaving(seen);
    this.#options.log('gone', { member: name, ...(seen.hasCrashed && { withoutAWord: true }) });
  }

  /** It crashed and is there again before anybody missed it: what waited there is lost all the same. */
  #tellOfRestart({ name }: Member, seen: Seen): void {
    this.#options.log('gone', { member: name, withoutAWord: true });
    if (!this.#hasJoined) return;
    seen.hasCrashed = true;
    void this.#publish();
    seen.hasCrashed = false;
    void this.#publish();
  }

  #of(name: string): Seen {
    let seen = this.#seen.get(name);
    if (seen === undefined) {
      seen = {
        run: '',
        isReachable: false,
        hasCrashed: false,
        misses: 0,
        checkedAt: Number.NEGATIVE_INFINITY,
        leavingRun: undefined,
        adminPort: 0,
        epoch: '',
        generation: 0,
      };
      this.#seen.set(name, seen);
    }
    return seen;
  }

  /** Those that the source names, and those that it named when traces began that may still wait there. */
  #others(): readonly Member[] {
    const byName = new Map(this.#lists.past.flatMap(({ members }) => members.map((it) => [it.name, it] as const)));
    for (const member of this.#source) byName.set(member.name, member);
    byName.delete(this.#self);
    return [...byName.values()];
  }

  #effective(): readonly Member[] {
    return this.#source.filter((member) => ['self', 'reachable'].includes(this.#stateOf(member)));
  }

  #gather(): void {
    if (!this.#hasJoined || this.#isGathering || isSame(this.#effective(), this.#lists.inForce.members)) return;
    this.#isGathering = true;
    this.#options.later(() => {
      this.#isGathering = false;
      this.#update();
    });
  }

  #update(): void {
    if (!this.#hasJoined) return;
    const { now, log } = this.#options;
    const list = this.#effective();
    if (!this.#change(list, now())) return;
    log('changed', { members: list.map(({ name }) => name) });
    void this.#publish();
  }

  /** Those that have the list in force before this one say in which generation. */
  #change(list: readonly Member[], at: number): boolean {
    const epoch = epochOf(list);
    const heard = [...this.#seen.values()].filter((it) => it.epoch === epoch).map(({ generation }) => generation);
    return this.#lists.change(list, at, Math.max(0, ...heard));
  }

  get #own(): Pick<Word, 'name' | 'run' | 'isLeaving' | 'adminPort'> {
    const { run, adminPort } = this.#options;
    return { name: this.#self, run, isLeaving: this.#isLeaving, adminPort: adminPort() };
  }

  async #publish(): Promise<void> {
    const { now, publish } = this.#options;
    const { epoch, generation } = this.#lists.inForce;
    const at = now();
    const past = this.#lists.past.map(({ endedAt, ...list }) => ({ ...list, endedAgoMs: at - endedAt }));
    const others = this.#others().map(({ name }) => name);
    await publish({
      self: this.#self,
      lists: this.#lists.all,
      first: this.#lists.first(at),
      gone: others.filter((name) => this.#seen.get(name)?.isReachable !== true),
      crashed: others.filter((name) => this.#seen.get(name)?.hasCrashed),
      silent: others.filter((name) => this.#seen.get(name)?.misses !== 0),
      word: encodeWord({ ...this.#own, epoch, generation, past }),
    });
  }
}

const isLeaving = ({ run, leavingRun }: Seen): boolean => leavingRun !== undefined && leavingRun === run;
