import { systemClock } from '../clock.ts';
import { noConditions } from '../decide/conditions.ts';
import type { RequestScan } from '../decode/scan.ts';
import { Refusal } from '../errors.ts';
import type { Answer, Intake, Message, Receipt } from '../model/intake.ts';
import type { Source } from '../model/outcome.ts';
import { Slice, type SliceRows } from '../model/slice.ts';
import { refusalFor } from '../pipeline.ts';
import { nextOn, type Path, type Visited } from '../route/fleet-path.ts';
import { ownerOf } from '../route/route.ts';
import { type Part, Splitter } from '../route/split.ts';
import type { Cut, Target } from './cut.ts';
import { Delivery } from './delivery.ts';
import type { FleetTenant } from './fleet-tenant.ts';

/** Of a large message scanned at a time, as in the pipeline. */
const bytesAStep = 64 * 1024;
/** Of the memory that messages are scanned in, kept for the next ones. */
const keptBytes = 1024 * 1024;

const splitter = new Splitter();
const scratch = new Uint8Array(keptBytes);

/**
 * The way in of a gateway with others beside it: route → peer, then what is owned here → the pipeline. Each request is
 * answered when the owners of all its spans have them.
 */
export class FleetIntake implements Intake {
  readonly visited: Visited;
  readonly #of: FleetTenant;

  /** `visited`: by which members its requests came here; none where they are senders'. */
  constructor(of: FleetTenant, visited: Visited = []) {
    this.#of = of;
    this.visited = visited;
  }

  get overload(): string {
    return this.#of.pipeline.overload;
  }

  refuses(length: number): Refusal | undefined {
    const { pipeline, fleet } = this.#of;
    return pipeline.refuses(length) ?? (fleet.takesAll(this.visited) ? undefined : fleet.refuses(length));
  }

  accept(message: Message, protocol: Source): Answer {
    const { pipeline } = this.#of;
    const source = this.#sourceOf(protocol);
    if (this.#takesAll()) return pipeline.accept(message, source);
    const refusal = this.refuses(message.length);
    if (refusal !== undefined) return refusal;
    const bytes = memoryFor(message.length);
    message.copyTo(bytes, 0);
    try {
      this.#of.scan.run(bytes, 0, message.length, noConditions);
    } catch (error) {
      return refusalFor(error);
    }
    const cut = this.#cut(bytes.subarray(0, message.length), this.#of.scan);
    if (cut instanceof Refusal) return cut;
    return cut === undefined ? pipeline.accept(message, source) : this.#deliver(cut, source, this.#of.scan);
  }

  *acceptInSteps(message: Message, protocol: Source, isGone: () => boolean): Generator<undefined, Answer> {
    const { pipeline } = this.#of;
    const source = this.#sourceOf(protocol);
    if (this.#takesAll()) return yield* pipeline.acceptInSteps(message, source, isGone);
    const refusal = this.refuses(message.length);
    if (refusal !== undefined) return refusal;
    const bytes = new Uint8Array(message.length);
    message.copyTo(bytes, 0);
    // Others are scanned in between.
    const scan = this.#of.scan.another();
    try {
      scan.begin(bytes, 0, bytes.length, noConditions);
      while (!scan.step(bytesAStep)) {
        yield;
        if (isGone()) return new Refusal('timeout', 'the sender went away');
      }
    } catch (error) {
      return refusalFor(error);
    }
    const cut = this.#cut(bytes, scan);
    if (cut instanceof Refusal) return cut;
    if (cut === undefined) return yield* pipeline.acceptInSteps(message, source, isGone);
    return this.#deliver(cut, source, scan);
  }

  /** A part of a request that this intake cut before, by what is known now. */
  again({ body, spans }: Part): Cut | Refusal {
    this.#of.scan.run(body, 0, body.length, noConditions);
    return this.#cut(body, this.#of.scan, body.length) ?? { here: [{ body, spans }], away: [] };
  }

  /** A part of which nobody looks at the bytes any more. */
  delivered(part: Part): void {
    splitter.giveBack(part);
  }

  /** The sender will repeat all, of which this was taken. */
  expectAgain({ body }: Part): void {
    const { scan, repeats } = this.#of;
    scan.run(body, 0, body.length, noConditions);
    repeats.expect(body, scan, systemClock.monotonicMs());
  }

  /** As it is, unseen. */
  #takesAll(): boolean {
    const { fleet, repeats } = this.#of;
    if (!repeats.isEmpty) repeats.forget(systemClock.monotonicMs());
    return repeats.isEmpty && fleet.takesAll(this.visited);
  }

  #deliver(cut: Cut, source: Source, { count, invalid, reason }: RequestScan): Promise<Receipt | Refusal> {
    return new Delivery(this, this.#of, source).run(cut, { count, invalid, reason });
  }

  /** What comes on `cluster.listen` has been received before. */
  #sourceOf(protocol: Source): Source {
    return this.visited.length > 0 ? 'cluster' : protocol;
  }

  /** undefined: all of it stays here. `ownBytes`: what is held of it already, which its parts take the place of. */
  #cut(bytes: Uint8Array, scan: RequestScan, ownBytes = 0): Cut | Refusal | undefined {
    const { slices: rows, stride, count, invalid } = scan;
    if (this.#of.fleet.isChanging) this.#of.pipeline.catchUp();
    const groups = new Int32Array(count);
    const targets = this.#group({ bytes, rows, stride, count }, groups);
    const { fleet } = this.#of;
    if (fleet.options.isAgent && groups.includes(0)) return noOwner();
    if (targets.length === 0) return undefined;
    const heldBytes = fleet.stats.heldBytes - ownBytes;
    const room = fleet.options.maxBytes - heldBytes;
    const { added } = this.#of;
    if (targets.length === 1 && added === undefined && invalid === 0 && bytes.length <= room && !groups.includes(0))
      return { here: [], away: [{ part: splitter.whole(bytes, count), to: targets[0] }] };
    const parts = splitter.split({ bytes, rows, stride, count, added }, groups, targets.length + 1, room);
    if (parts === undefined) return fleet.refuses(heldBytes === 0 ? room + 1 : room) ?? overBudget();
    const [here, ...others] = parts;
    return {
      here: here.spans > 0 ? [here] : [],
      away: others.map((part, i) => ({ part, to: targets[i] })),
    };
  }

  /** Says for each slice where it goes: 0 is here, n is `targets[n − 1]`. */
  #group({ bytes, rows, stride, count }: Omit<SliceRows, 'segment' | 'conditions'>, groups: Int32Array): Target[] {
    const { fleet, pipeline, repeats } = this.#of;
    let takenGroup = 0;
    const { now, coming } = fleet.paths;
    const targets: Target[] = [];
    const byPath: number[] = [];
    const byShard: number[] = [];
    const byMember = new Map<string, number>();
    const { shards, self } = fleet.options;
    for (let i = 0, row = 0; i < count; i++, row += stride) {
      const high = rows[row + Slice.traceIdC];
      const low = rows[row + Slice.traceIdD];
      if (!repeats.isEmpty && repeats.has(bytes, rows, row)) {
        groups[i] = takenGroup ||= targets.push('taken');
        continue;
      }
      const path = coming.of(high, low);
      if (this.#asksOwner(path)) {
        const shard = ownerOf(low, shards);
        if (shard !== self) {
          groups[i] = byShard[shard] ??= targets.push({ shard });
          continue;
        }
        if (pipeline.knows(rows, row + Slice.traceIdA)) continue;
      }
      const agreed = coming === now ? path : now.of(high, low);
      groups[i] = byPath[agreed.number] ??= this.#targetOf(agreed, targets, byMember);
    }
    return targets;
  }

  /** Whether it matters that the trace may be here already: then its own shard is asked. */
  #asksOwner({ names }: Path): boolean {
    const { self } = this.#of.fleet;
    if (names.length === 1 && names[0] === self) return false;
    return this.visited.length > 0 || names.includes(self);
  }

  #targetOf(path: Path, targets: Target[], byMember: Map<string, number>): number {
    const { self } = this.#of.fleet;
    const member = nextOn(path, self, this.visited, false);
    if (member === undefined || member === self) return 0;
    const known = byMember.get(member);
    if (known !== undefined) return known;
    const group = targets.push({ member });
    byMember.set(member, group);
    return group;
  }
}

/** Until the message is cut, in one go. */
function memoryFor(length: number): Uint8Array {
  if (length <= scratch.length) return scratch;
  return new Uint8Array(length);
}

const noOwner = (): Refusal =>
  new Refusal('owner_refused', 'no gateway can be reached that owns these traces: try again later');

const overBudget = (): Refusal =>
  new Refusal('forward_full', 'too much is on its way to other gateways: try again later');
