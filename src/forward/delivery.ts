import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '../clock.ts';
import { Refusal, refusals } from '../errors.ts';
import type { Answer, Receipt } from '../model/intake.ts';
import type { Source } from '../model/outcome.ts';
import { maxBytesAtOnce } from '../receive/inflate.ts';
import { messageOf } from '../receive/message.ts';
import { turns } from '../receive/turns.ts';
import type { Visited } from '../route/fleet-path.ts';
import type { Part } from '../route/split.ts';
import type { Away, Cut } from './cut.ts';
import type { FleetTenant } from './fleet-tenant.ts';
import { timeOf } from './time-of.ts';

/** How a part's try ended: its owner has it, does not take it now, never will, is not there, or may have it. */
type Try =
  | { readonly ended: 'taken' }
  | { readonly ended: 'full' | 'never' | 'gone' | 'unsure'; readonly part: Part; readonly refusal: Refusal };

/** Whoever cut the request. */
interface Cutter {
  readonly visited: Visited;
  /** A part of it, cut by what is known now. */
  again(part: Part): Cut | Refusal;
  /** A part that its owner has: nobody looks at its bytes any more. */
  delivered(part: Part): void;
}

/** What is known of the request as a whole. */
interface Scanned {
  readonly count: number;
  readonly invalid: number;
  readonly reason: string;
}

const firstPauseMs = 50;
const longestPauseMs = 1_000;

/**
 * Brings the parts of one request to their owners, and what stays here in last. Where nothing was taken yet and an owner
 * refuses, the sender is refused; once a part was taken, the others are tried until the time is over, and then come in
 * here: docs/decisions/0014-fleet.md.
 */
export class Delivery {
  readonly #cutter: Cutter;
  readonly #of: FleetTenant;
  readonly #source: Source;
  readonly #untilMs: number;
  readonly #here: Part[] = [];
  #isTaken = false;

  constructor(cutter: Cutter, of: FleetTenant, source: Source) {
    this.#cutter = cutter;
    this.#of = of;
    this.#source = source;
    this.#untilMs = systemClock.monotonicMs() + timeOf(of.fleet.options.timeoutMs, cutter.visited).inAllMs;
  }

  /** Never rejects. */
  async run({ here, away }: Cut, scanned: Scanned): Promise<Receipt | Refusal> {
    const { fleet, pipeline } = this.#of;
    const heldBytes = bytesOf(here) + bytesOf(away.map(({ part }) => part));
    fleet.stats.heldBytes += heldBytes;
    this.#here.push(...here);
    try {
      const refusal = (await this.#bring(away)) ?? (await this.#takeIn());
      return refusal ?? pipeline.passedOn(this.#source, scanned, this.#here.length);
    } catch (error) {
      fleet.fault(error);
      return new Refusal('internal', 'the gateway failed on this request');
    } finally {
      fleet.stats.heldBytes -= heldBytes;
    }
  }

  async #bring(away: readonly Away[]): Promise<Refusal | undefined> {
    let left = away;
    for (let pauseMs = firstPauseMs; left.length > 0; pauseMs = Math.min(longestPauseMs, 2 * pauseMs)) {
      const failed = (await Promise.all(left.map((each) => this.#try(each)))).filter((it) => it.ended !== 'taken');
      this.#isTaken ||= failed.length < left.length;
      const full = failed.find(({ ended }) => ended === 'full');
      if (full !== undefined && !this.#isTaken) return full.refusal;
      const leftMs = this.#untilMs - systemClock.monotonicMs();
      const isWorthIt = ({ ended }: Try): boolean => ended !== 'never' && leftMs > 0;
      const hopeless = failed.filter((it) => !isWorthIt(it));
      if (hopeless.length > 0 && this.#of.fleet.options.isAgent) return hopeless[0].refusal;
      this.#adopt(hopeless.map(({ part }) => part));
      const again = failed.filter(isWorthIt);
      // Of one that is gone, whoever comes after it is asked at once.
      if (again.some(({ ended }) => ended !== 'gone')) await sleep(Math.min(leftMs, pauseMs));
      const cut = this.#cutAgain(again.map(({ part }) => part));
      if (cut instanceof Refusal) return cut;
      left = cut;
    }
    return undefined;
  }

  async #try({ part, to }: Away): Promise<Try> {
    const { fleet, tenant, pipeline } = this.#of;
    const { visited } = this.#cutter;
    if ('shard' in to) {
      const answer = await fleet.relay(to.shard, { part, tenant: tenant.index, visited, source: this.#source });
      return answer instanceof Refusal ? { ended: 'full', part, refusal: answer } : { ended: 'taken' };
    }
    const sent = await fleet.send(part, to.member, visited, tenant.name);
    if (sent.kind === 'taken') {
      pipeline.forwarded(this.#source, part.spans, part.body.length);
      this.#cutter.delivered(part);
      return { ended: 'taken' };
    }
    const why = `${to.member} owns some of these traces and did not take them: ${sent.message}`;
    return { ended: endings[sent.kind], part, refusal: new Refusal('owner_refused', why) };
  }

  /** Lists may have changed, and a member may be gone. */
  #cutAgain(parts: readonly Part[]): Away[] | Refusal {
    const left: Away[] = [];
    for (const part of parts) {
      const cut = this.#cutter.again(part);
      if (!(cut instanceof Refusal)) {
        this.#here.push(...cut.here);
        left.push(...cut.away);
      } else if (this.#of.fleet.options.isAgent) return cut;
      else this.#adopt([part]);
    }
    return left;
  }

  /** Nobody else took it in time: its traces are judged here, as far as they come here. */
  #adopt(parts: readonly Part[]): void {
    for (const { spans } of parts) this.#of.fleet.stats.adoptedSpans += spans;
    this.#here.push(...parts);
  }

  async #takeIn(): Promise<Refusal | undefined> {
    for (const { body } of this.#here) {
      const receipt = await this.#takeInTime(body);
      if (receipt instanceof Refusal) return receipt;
      this.#isTaken = true;
    }
    return undefined;
  }

  /** Of a request that was taken in part, the rest is tried here as it is elsewhere: to ask for all of it doubles that part. */
  async #takeInTime(body: Uint8Array): Promise<Receipt | Refusal> {
    for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(longestPauseMs, 2 * pauseMs)) {
      const receipt = await this.#takeOne(body);
      const leftMs = this.#untilMs - systemClock.monotonicMs();
      if (!(receipt instanceof Refusal) || !this.#isTaken || leftMs <= 0) return receipt;
      if (receipt.reason === 'draining' || !refusals[receipt.reason].retryable) return receipt;
      await sleep(Math.min(leftMs, pauseMs));
    }
  }

  #takeOne(body: Uint8Array): Answer {
    const { pipeline } = this.#of;
    const message = messageOf([body]);
    if (body.length <= maxBytesAtOnce) return pipeline.accept(message, this.#source);
    const work = pipeline.acceptInSteps(message, this.#source, () => false);
    return turns.take(work, () => false) as Promise<Receipt | Refusal>;
  }
}

const endings = { refused: 'full', rejected: 'never', unreachable: 'gone', uncertain: 'unsure' } as const;

const bytesOf = (parts: readonly Part[]): number => parts.reduce((sum, { body }) => sum + body.length, 0);
