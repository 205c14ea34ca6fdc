import { systemClock } from '../clock.ts';
import { noConditions } from '../decide/conditions.ts';
import type { RequestScan } from '../decode/scan.ts';
import { Refusal } from '../errors.ts';
import type { Answer, Intake, Message, Receipt } from '../model/intake.ts';
import type { Source } from '../model/outcome.ts';
import { type Found, isOfSameTrace, Slice, type SliceRows } from '../model/slice.ts';
import { refusalFor } from '../pipeline.ts';
import { maxBytesAtOnce } from '../receive/inflate.ts';
import { turns, workThrough } from '../receive/turns.ts';
import { type FleetPaths, fromSender, type Path, type Way } from '../route/fleet-path.ts';
import { ownerOf } from '../route/route.ts';
import { type Part, Splitter } from '../route/split.ts';
import type { Revision } from '../shard/revision.ts';
import { copyBytes } from '../wire/copy.ts';
import type { Cut, Target } from './cut.ts';
import { Delivery } from './delivery.ts';
import type { FleetTenant } from './fleet-tenant.ts';

/** Of a large message scanned at a time, as in the pipeline. */
const bytesAStep = 64 * 1024;
/**
 * Where so few share the traces, much of what comes stays: it is scanned as the rules here ask. Among more members most
 * is scanned again by others, and what stays is scanned again here.
 */
const fewMembers = 4;

const splitter = new Splitter();

/**
 * `asked`: what the scan goes by; `isLent`: the bytes are somebody else's, to be read until we return, rather than a Cut's,
 * which may give them back; `ownBytes`: what is held of it already, which its parts take the place of; `known`: which
 * slices were taken before, where that was looked up.
 */
interface HowToCut {
  readonly asked?: Revision | undefined;
  readonly isLent?: boolean;
  readonly ownBytes?: number;
  readonly known?: Uint8Array | undefined;
}

/** Groups found so far in a request, by what they hang on. */
interface Ways {
  readonly targets: Target[];
  readonly byPath: number[];
  readonly byShard: number[];
  readonly byMember: Map<string, number>;
}

/**
 * The way in of a gateway with others beside it: route → peer, then what is owned here → the pipeline. Each request is
 * answered when the owners of all its spans have them.
 */
export class FleetIntake implements Intake {
  readonly way: Way;
  readonly #of: FleetTenant;

  /** `way`: by which members its requests came here. */
  constructor(of: FleetTenant, way: Way = fromSender) {
    this.#of = of;
    this.way = way;
  }

  get tenant(): string {
    return this.#of.tenant.name;
  }

  get overload(): string {
    return this.#of.pipeline.overload;
  }

  refuses(length: number): Refusal | undefined {
    const { pipeline, fleet } = this.#of;
    return pipeline.refuses(length) ?? (fleet.takesAll(this.way) ? undefined : fleet.refuses(length));
  }

  accept(message: Message, protocol: Source): Answer {
    const { pipeline, scan } = this.#of;
    const source = this.#sourceOf(protocol);
    if (this.#takesAll()) return pipeline.accept(message, source);
    const refusal = this.refuses(message.length);
    if (refusal !== undefined) return refusal;
    const { whole } = message;
    const isLent = whole !== undefined;
    const bytes = whole ?? copyOf(message);
    const asked = this.#asked;
    const cut = this.#scanAndCut(bytes, { asked, isLent });
    if (isCut(cut)) return this.#deliver(cut, source, scan);
    const answer =
      cut ?? (asked ? pipeline.acceptFound(bytes, foundBy(scan, asked), source) : pipeline.accept(message, source));
    if (!isLent) splitter.giveBack(bytes);
    return answer;
  }

  *acceptInSteps(message: Message, protocol: Source, isGone: () => boolean): Generator<undefined, Answer> {
    const { pipeline } = this.#of;
    const source = this.#sourceOf(protocol);
    if (this.#takesAll()) return yield* pipeline.acceptInSteps(message, source, isGone);
    const refusal = this.refuses(message.length);
    if (refusal !== undefined) return refusal;
    const bytes = new Uint8Array(message.length);
    message.copyTo(bytes, 0);
    const scan = this.#of.scan.another();
    const cut = yield* this.#scanAndCutInSteps(bytes, scan, {}, isGone);
    if (isCut(cut)) return this.#deliver(cut, source, scan);
    return cut ?? (yield* pipeline.acceptInSteps(message, source, isGone));
  }

  /** A part of a request that this intake cut before, by what is known now. A call that failed may still read its bytes. */
  async again(part: Part): Promise<Cut | Refusal> {
    const { body } = part;
    const bytes = copyOf(body);
    const how = { ownBytes: body.length };
    const cut =
      body.length <= maxBytesAtOnce
        ? this.#scanAndCut(bytes, how)
        : await turns.take(this.#scanAndCutInSteps(bytes, this.#of.scan.another(), how, never), never);
    if (isCut(cut)) return cut;
    splitter.giveBack(bytes);
    return cut ?? { here: [part], away: [] };
  }

  /** A part of which nobody looks at the bytes any more, or at the rows. */
  delivered({ body, found }: Part): void {
    splitter.giveBack(body);
    if (found !== undefined) splitter.giveBack(found.rows);
  }

  /** By what requests are scanned: as the pipeline does where much may stay, see `fewMembers`. */
  get #asked(): Revision | undefined {
    const { pipeline, fleet } = this.#of;
    return fleet.options.isAgent || fleet.size > fewMembers ? undefined : pipeline.shard.revisions.current;
  }

  /** The sender will repeat all, of which this was taken. */
  async expectAgain({ body }: Part): Promise<void> {
    const { scan } = this.#of;
    if (body.length <= maxBytesAtOnce) workThrough(this.#expectInSteps(body, scan));
    else await turns.take(this.#expectInSteps(body, scan.another()), never);
  }

  *#expectInSteps(body: Uint8Array, scan: RequestScan): Generator<undefined, void> {
    scan.begin(body, 0, body.length, noConditions);
    while (!scan.step(bytesAStep)) yield;
    yield* this.#of.repeats.expect(body, scan, systemClock.monotonicMs());
  }

  /** As it is, unseen. */
  #takesAll(): boolean {
    return !this.#mayKnow() && this.#of.fleet.takesAll(this.way);
  }

  /** Whether some of what comes may have been taken before; what is remembered is as of now then. */
  #mayKnow(): boolean {
    const { repeats } = this.#of;
    if (!repeats.isEmpty) repeats.forget(systemClock.monotonicMs());
    return !repeats.isEmpty;
  }

  #deliver(cut: Cut, source: Source, { count, invalid, reason }: RequestScan): Promise<Receipt | Refusal> {
    return new Delivery(this, this.#of, source).run(cut, { count, invalid, reason });
  }

  get #isMembers(): boolean {
    return this.way.visited.length > 0;
  }

  /** What comes on `cluster.listen` has been received before. */
  #sourceOf(protocol: Source): Source {
    return this.#isMembers ? 'cluster' : protocol;
  }

  #scanAndCut(bytes: Uint8Array, how: HowToCut): Cut | Refusal | undefined {
    const { scan } = this.#of;
    try {
      scan.run(bytes, 0, bytes.length, how.asked?.set.conditions ?? noConditions);
    } catch (error) {
      return refusalFor(error);
    }
    return this.#cut(bytes, scan, how);
  }

  /** The same for what is large, by a scan of its own: others are scanned in between. */
  *#scanAndCutInSteps(
    bytes: Uint8Array,
    scan: RequestScan,
    how: HowToCut,
    isGone: () => boolean,
  ): Generator<undefined, Cut | Refusal | undefined> {
    try {
      scan.begin(bytes, 0, bytes.length, noConditions);
      while (!scan.step(bytesAStep)) {
        yield;
        if (isGone()) return new Refusal('timeout', 'the sender went away');
      }
    } catch (error) {
      return refusalFor(error);
    }
    const known = this.#mayKnow() ? yield* this.#of.repeats.known(bytes, scan) : undefined;
    return this.#cut(bytes, scan, { ...how, known });
  }

  /** undefined: all of it stays here. */
  #cut(bytes: Uint8Array, scan: RequestScan, how: HowToCut): Cut | Refusal | undefined {
    const { asked, isLent = false, ownBytes = 0, known } = how;
    const { slices: rows, stride, count, invalid } = scan;
    const { fleet, pipeline, added } = this.#of;
    if (fleet.isChanging) pipeline.catchUp();
    const groups = splitter.groupsFor(count);
    const { targets, staying } = this.#group({ bytes, rows, stride, count }, groups, known);
    if (fleet.options.isAgent && staying > 0) return noOwner();
    if (targets.length === 0) return undefined;
    const heldBytes = fleet.stats.heldBytes - ownBytes;
    const room = fleet.options.maxBytes - heldBytes;
    if (targets.length === 1 && added === undefined && invalid === 0 && bytes.length <= room && staying === 0)
      return { here: [], away: [{ part: { body: isLent ? copyOf(bytes) : bytes, spans: count }, to: targets[0] }] };
    const scanned = { bytes, rows, stride, count, added, conditions: asked?.conditions };
    const parts = splitter.split(scanned, groups, targets.length + 1, room);
    if (parts === undefined) return fleet.refuses(heldBytes === 0 ? room + 1 : room) ?? overBudget();
    if (!isLent) splitter.giveBack(bytes);
    const [here, ...others] = parts;
    return {
      here: here.spans > 0 ? [here] : [],
      away: others.map((part, i) => ({ part, to: targets[i] })),
    };
  }

  /** Says for each slice where it goes: 0 is here, n is `targets[n − 1]`; `staying`: how many stay. */
  #group(
    { bytes, rows, stride, count }: Omit<SliceRows, 'segment' | 'conditions'>,
    groups: Int32Array,
    known: Uint8Array | undefined,
  ) {
    const { repeats } = this.#of;
    const mayKnow = known === undefined && this.#mayKnow();
    const targets: Target[] = [];
    const ways = { targets, byPath: [], byShard: [], byMember: new Map<string, number>() };
    let [staying, takenGroup, group, last] = [0, 0, 0, -1];
    for (let i = 0, row = 0; i < count; i++, row += stride) {
      if (mayKnow ? repeats.has(bytes, rows, row) : known?.[i] === 1) {
        groups[i] = takenGroup ||= targets.push('taken');
        continue;
      }
      // Spans of one trace mostly come together.
      if (last < 0 || !isOfSameTrace(rows, row, last)) group = this.#groupOf(rows, row, ways);
      groups[i] = group;
      last = row;
      if (group === 0) staying++;
    }
    return { targets, staying };
  }

  #groupOf(rows: Int32Array, row: number, { targets, byPath, byShard, byMember }: Ways): number {
    const { fleet, pipeline } = this.#of;
    const { shards, self } = fleet.options;
    const { now, coming } = fleet.paths;
    const high = rows[row + Slice.traceIdC];
    const low = rows[row + Slice.traceIdD];
    const path = coming.of(high, low);
    if (this.#asksOwner(path)) {
      const shard = ownerOf(low, shards);
      if (shard !== self) return (byShard[shard] ??= targets.push({ shard }));
      if (pipeline.knows(rows, row + Slice.traceIdA)) return 0;
    }
    const agreed = coming === now ? path : now.of(high, low);
    return (byPath[agreed.number] ??= this.#targetOf(agreed, now, { targets, byMember }));
  }

  /** Whether it matters that the trace may be here already: then its own shard is asked. */
  #asksOwner({ names }: Path): boolean {
    const { self } = this.#of.fleet;
    if (names.length === 1 && names[0] === self) return false;
    return this.#isMembers || names.includes(self);
  }

  #targetOf(path: Path, paths: FleetPaths, { targets, byMember }: Pick<Ways, 'targets' | 'byMember'>): number {
    const { self } = this.#of.fleet;
    const next = paths.next(path, self, this.way);
    if (next === undefined) return 0;
    const { name: member, at } = next;
    const key = `${member} ${at.generation} ${at.epoch} ${at.isLast}`;
    const known = byMember.get(key);
    if (known !== undefined) return known;
    const group = targets.push({ member, at });
    byMember.set(key, group);
    return group;
  }
}

/** In memory that is given back. */
function copyOf(message: Message | Uint8Array): Uint8Array {
  const { length } = message;
  const bytes = splitter.memoryFor(length).subarray(0, length);
  if (message instanceof Uint8Array) copyBytes(message, 0, length, bytes, 0);
  else message.copyTo(bytes, 0);
  return bytes;
}

const never = (): boolean => false;

const isCut = (cut: Cut | Refusal | undefined): cut is Cut => cut !== undefined && !(cut instanceof Refusal);

/** Of a request that stays whole. The rows are the scan's. */
const foundBy = ({ slices: rows, stride, count, invalid, reason }: RequestScan, { conditions }: Revision): Found => {
  return { rows, stride, count, conditions, invalid, reason };
};

const noOwner = (): Refusal =>
  new Refusal('owner_refused', 'no gateway can be reached that owns these traces: try again later');

const overBudget = (): Refusal =>
  new Refusal('forward_full', 'too much is on its way to other gateways: try again later');
