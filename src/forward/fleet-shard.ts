import { Ownership } from '../cluster/ownership.ts';
import { Refusal } from '../errors.ts';
import type { FleetView } from '../model/fleet.ts';
import type { Receipt } from '../model/intake.ts';
import type { Member } from '../model/member.ts';
import type { Source } from '../model/outcome.ts';
import type { ForwardStats } from '../model/stats.ts';
import { FleetPaths, type Way } from '../route/fleet-path.ts';
import type { Part } from '../route/split.ts';
import type { ToMember } from './cut.ts';
import { Outbox } from './outbox.ts';
import type { Peer, Sent } from './peer.ts';
import { RecentCount } from './recent-count.ts';
import { timeOf } from './time-of.ts';
import { metadataOf } from './way-metadata.ts';

/** Before a member that could not be reached is tried again, or one that was silent; or it answers the fleet first. */
const goneMs = 1_000;
const silentMs = 5_000;

/** A part of a request on its way to another shard of this gateway. */
export interface Relayed {
  readonly part: Part;
  readonly tenant: number;
  readonly way: Way;
  readonly source: Source;
}

/** How a shard reaches the rest of the fleet. */
export interface FleetWays {
  /** A connection to a member; whoever asks closes it. */
  readonly connect: (address: string) => Peer;
  /** Another shard of this gateway judges where a part's slices belong. */
  readonly relay: (shard: number, relayed: Relayed) => Promise<Receipt | Refusal>;
  /** Told that a member could not be reached from here. */
  readonly unreachable: (name: string) => void;
  /** A fault of ours. */
  readonly fault: (error: unknown) => void;
}

interface FleetShardOptions {
  /** It decides nothing: what it cannot bring to an owner, its sender keeps. */
  readonly isAgent: boolean;
  /** This shard's number among `shards`. */
  readonly self: number;
  readonly shards: number;
  /** Of bodies on their way to members, in this shard. */
  readonly maxBytes: number;
  /** How long a trace waits, wherever it is. */
  readonly waitMs: number;
  /** How long a part is tried before it comes in here. */
  readonly timeoutMs: number;
}

/** One shard's part of the fleet: who the members are, the ways to them, and what is on its way. */
export class FleetShard {
  readonly options: FleetShardOptions;
  readonly stats: ForwardStats = { members: {}, adoptedSpans: 0, uncertainSpans: 0, heldBytes: 0 };
  readonly #ways: FleetWays;
  readonly #now: () => number;
  #view: FleetView;
  #word: Uint8Array;
  /** By the lists that were agreed on; and, while another one comes, by those with it. */
  #paths: FleetPaths = new FleetPaths([]);
  #coming: FleetPaths | undefined;
  readonly #addresses = new Map<string, string>();
  readonly #peers = new Map<string, Peer>();
  readonly #outboxes = new Map<string, Outbox>();
  readonly #recent = new Map<string, RecentCount>();
  /** When those may be tried again that could not be reached. */
  readonly #goneUntil = new Map<string, number>();

  constructor(options: FleetShardOptions, view: FleetView, ways: FleetWays, now: () => number) {
    this.options = options;
    this.#ways = ways;
    this.#now = now;
    this.#view = view;
    this.#word = view.word;
    this.renew(view);
  }

  get self(): string {
    return this.#view.self;
  }

  /** For whoever asks. */
  get word(): Uint8Array {
    return this.#word;
  }

  /** Members in force. */
  get size(): number {
    return this.#view.lists[this.#view.lists.length - 1].members.length;
  }

  /**
   * Another view is about to be in force: from now on the shard that has a trace is asked where it may matter, and it
   * goes by the last view until `renew`, which comes when all shards are so far. So no shard takes a trace by an old
   * list that its owner among them passes on by a new one.
   */
  prepare(view: FleetView): void {
    // Told from now on, by all shards, as the others are told to ask for it when they are.
    this.#word = view.word;
    this.#coming = this.#pathsOf(view);
  }

  renew(view: FleetView): void {
    for (const name of view.crashed) if (!this.#view.crashed.includes(name)) this.#countLost(name);
    // Those that are back are connected to at once: what failed to connect waits before it tries again.
    for (const name of new Set([...this.#view.gone, ...this.#goneUntil.keys()])) {
      if (view.gone.includes(name) || view.silent.includes(name)) continue;
      this.#disconnect(name);
      this.#goneUntil.delete(name);
    }
    this.#view = view;
    this.#word = view.word;
    this.#addresses.clear();
    for (const { name, address } of view.lists.flatMap(({ members }) => members)) this.#addresses.set(name, address);
    for (const [name, peer] of this.#peers) {
      if (this.#addresses.get(name) !== peer.address) this.#disconnect(name);
    }
    this.#paths = this.#pathsOf(view);
    this.#coming = undefined;
  }

  /** Whether a trace may be with another member than the list in force says. */
  get isChanging(): boolean {
    return this.#coming !== undefined || this.#view.lists.length > 1;
  }

  /** Whether all that came this way is to be taken as it is, unseen. */
  takesAll({ visited, at }: Way): boolean {
    return !this.isChanging && (this.#isAlone || (visited.length > 0 && at?.isLast !== false));
  }

  /** By which it is decided, and by which it is found out who is to decide. */
  get paths(): { readonly now: FleetPaths; readonly coming: FleetPaths } {
    this.#forgetGone();
    return { now: this.#paths, coming: this.#coming ?? this.#paths };
  }

  /** Why nothing may be sent on at present. */
  refuses(bytes: number): Refusal | undefined {
    const { maxBytes } = this.options;
    if (bytes > maxBytes)
      return new Refusal('too_large', `a request of ${bytes} bytes is larger than cluster.max_forward_bytes`);
    if (this.stats.heldBytes + bytes <= maxBytes) return undefined;
    return new Refusal('forward_full', 'too much is on its way to other gateways: try again later');
  }

  /** To a member of the lists; always answers. `visited`: by whom it came here. What becomes of it is counted. */
  async send(part: Part, { member: name, at }: ToMember, { visited }: Way, tenant: string): Promise<Sent> {
    const sent = await this.#outbox(name, { visited: [...visited, name], at }, tenant).send(part);
    const counts = (this.stats.members[name] ??= { spans: 0, bytes: 0, failedSpans: 0, atRiskSpans: 0 });
    if (sent.kind === 'taken') {
      this.#recentOf(name).add(part.spans, this.#now());
      counts.spans += part.spans;
      counts.bytes += part.body.length;
      return sent;
    }
    counts.failedSpans += part.spans;
    if (sent.kind === 'uncertain') this.stats.uncertainSpans += part.spans;
    if (sent.kind === 'unreachable') this.#lose(name, goneMs);
    if (sent.kind === 'uncertain' && sent.isSilent) this.#lose(name, silentMs);
    return sent;
  }

  relay(shard: number, relayed: Relayed): Promise<Receipt | Refusal> {
    return this.#ways.relay(shard, relayed);
  }

  fault(error: unknown): void {
    this.#ways.fault(error);
  }

  /** Connections are made anew, with what they are made with now; calls under way end. */
  reconnect(): void {
    this.close();
  }

  close(): void {
    for (const peer of this.#peers.values()) peer.close();
    this.#peers.clear();
  }

  #disconnect(name: string): void {
    this.#peers.get(name)?.close();
    this.#peers.delete(name);
  }

  get #isAlone(): boolean {
    const [list] = this.#view.lists;
    return list.members.length === 1 && list.members[0].name === this.self;
  }

  #outbox(name: string, way: Way, tenant: string): Outbox {
    const metadata = metadataOf(way, tenant);
    const key = Object.values(metadata).join(' ');
    let outbox = this.#outboxes.get(key);
    if (outbox === undefined) {
      // Ways change with lists: those that nobody uses go, so that they never are many.
      for (const [other, { isIdle }] of this.#outboxes) if (isIdle) this.#outboxes.delete(other);
      const { oneCallMs: withinMs } = timeOf(this.options.timeoutMs, way.visited.slice(1));
      const fault = (error: unknown): void => this.fault(error);
      outbox = new Outbox(() => this.#peer(name), { metadata, withinMs, fault });
      this.#outboxes.set(key, outbox);
    }
    return outbox;
  }

  #peer(name: string): Peer {
    let peer = this.#peers.get(name);
    if (peer === undefined) {
      peer = this.#ways.connect(this.#addresses.get(name) as string);
      this.#peers.set(name, peer);
    }
    return peer;
  }

  /** Its traces have the next owner by the same hash, so that all who see it gone agree. */
  #lose(name: string, forMs: number): void {
    if (this.#goneUntil.has(name)) return;
    this.#goneUntil.set(name, this.#now() + forMs);
    this.#paths = this.#pathsOf(this.#view);
    this.#ways.unreachable(name);
  }

  /** What it was given in the last wait may not have been decided. */
  #countLost(name: string): void {
    const counts = this.stats.members[name];
    if (counts !== undefined) counts.atRiskSpans += this.#recentOf(name).sum(this.#now());
    this.#recent.delete(name);
  }

  #recentOf(name: string): RecentCount {
    let recent = this.#recent.get(name);
    if (recent === undefined) {
      recent = new RecentCount(this.options.waitMs);
      this.#recent.set(name, recent);
    }
    return recent;
  }

  #forgetGone(): void {
    if (this.#goneUntil.size === 0) return;
    const now = this.#now();
    const back = [...this.#goneUntil].filter(([, until]) => until <= now);
    for (const [name] of back) this.#goneUntil.delete(name);
    if (back.length > 0) this.#paths = this.#pathsOf(this.#view);
  }

  #pathsOf({ lists, first, gone }: FleetView): FleetPaths {
    const away = new Set([...gone, ...this.#goneUntil.keys()]);
    const inForce = lists.length - 1;
    const present = (members: readonly Member[], i: number): readonly Member[] =>
      i === inForce ? members.filter(({ name }) => !away.has(name)) : members;
    return new FleetPaths(
      lists.map(({ members, ...place }, i) => ({ ...place, owners: Ownership.of(present(members, i)) })),
      first,
      away,
    );
  }
}
