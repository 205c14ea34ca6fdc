import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '../clock.ts';
import { Refusal, refusals } from '../errors.ts';
import type { Answer, Receipt } from '../model/intake.ts';
import type { Source } from '../model/outcome.ts';
import { maxBytesAtOnce } from '../receive/inflate.ts';
import { messageOf } from '../receive/message.ts';
import { turns } from '../receive/turns.ts';
import type { Way } from '../route/fleet-path.ts';
import type { Part } from '../route/split.ts';
import type { Away, Cut } from './cut.ts';
import type { FleetTenant } from './fleet-tenant.ts';
import { timeOf } from './time-of.ts';

/**
 * How a part's try ended: its owner has it, does not take it now, takes nothing from here, never will, is not there, or
 * may have it.
 */
type Try =
  | { readonly ended: 'taken' }
  | { readonly ended: 'full' | 'denied' | 'never' | 'gone' | 'unsure'; readonly part: Part; readonly refusal: Refusal };

/** Whoever cut the request. */
interface Cutter {
  readonly way: Way;
  /** A part of it, cut by what is known now. */
  again(part: Part): Promise<Cut | Refusal>;
  /** Nobody looks at its bytes any more. */
  delivered(part: Part): void;
  /** A part that was taken, of a request that the sender will repeat: it is not taken twice. */
  expectAgain(part: Part): Promise<void>;
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
 * here, or, in an agent, are asked for again, without what was taken: docs/decisions/0014-fleet.md.
 */
export class Delivery {
  readonly #cutter: Cutter;
  readonly #of: FleetTenant;
  readonly #source: Source;
  readonly #untilMs: number;
  readonly #here: Part[] = [];
  /** Of those that were taken, the bytes are kept until the answer. */
  readonly #taken: Part[] = [];
  /** Those of calls that failed, which may still read their bytes, whoever takes them then. */
  readonly #lent = new Set<Part>();
  #rejectedSpans = 0;
  #whyRejected = '';

  constructor(cutter: Cutter, of: FleetTenant, source: Source) {
    this.#cutter = cutter;
    this.#of = of;
    this.#source = source;
    this.#untilMs = systemClock.monotonicMs() + timeOf(of.fleet.options.timeoutMs, cutter.way.visited).inAllMs;
  }

  /** Never rejects. */
  async run({ here, away }: Cut, scanned: Scanned): Promise<Receipt | Refusal> {
    const { fleet, pipeline } = this.#of;
    const heldBytes = bytesOf(here) + bytesOf(away.map(({ part }) => part));
    fleet.stats.heldBytes += heldBytes;
    this.#here.push(...here);
    try {
      const refusal = (await this.#bring(away)) ?? (await this.#takeIn()) ?? this.#rejection(scanned);
      if (refusal !== undefined && refusals[refusal.reason].retryable)
        for (const part of this.#taken) await this.#cutter.expectAgain(part);
      const rejected = { spans: this.#rejectedSpans, why: this.#whyRejected };
      return refusal ?? pipeline.passedOn(this.#source, scanned, this.#here.length, rejected);
    } catch (error) {
      fleet.fault(error);
      return new Refusal('internal', 'the gateway failed on this request');
    } finally {
      for (const part of this.#taken) if (!this.#lent.has(part)) this.#cutter.delivered(part);
      fleet.stats.heldBytes -= heldBytes;
    }
  }

  async #bring(away: readonly Away[]): Promise<Refusal | undefined> {
    const { isAgent } = this.#of.fleet.options;
    let left = away;
    for (let pauseMs = firstPauseMs; left.length > 0; pauseMs = Math.min(longestPauseMs, 2 * pauseMs)) {
      const failed = (await Promise.all(left.map((each) => this.#try(each)))).filter((it) => it.ended !== 'taken');
      const full = failed.find(({ ended }) => ended === 'full' || (isAgent && ended === 'denied'));
      if (full !== undefined && !this.#isTaken) return full.refusal;
      const leftMs = this.#untilMs - systemClock.monotonicMs();
      const again = failed.filter(({ ended }) => leftMs > 0 && ended !== 'never' && (isAgent || ended !== 'denied'));
      const hopeless = failed.filter((it) => !again.includes(it));
      const asked = isAgent ? this.#reject(hopeless) : this.#adopt(hopeless.map(({ part }) => part));
      if (asked !== undefined) return asked;
      // Of one that is gone, whoever comes after it is asked at once.
      if (again.some(({ ended }) => ended !== 'gone')) await sleep(Math.min(leftMs, pauseMs));
      const cut = await this.#cutAgain(again.map(({ part }) => part));
      if (cut instanceof Refusal) return cut;
      left = cut;
    }
    return undefined;
  }

  async #try({ part, to }: Away): Promise<Try> {
    const { fleet, tenant, pipeline } = this.#of;
    const { way } = this.#cutter;
    if (to === 'taken') return { ended: 'taken' };
    if ('shard' in to) {
      const answer = await fleet.relay(to.shard, { part, tenant: tenant.index, way, source: this.#source });
      if (answer instanceof Refusal)
        return { ended: refusals[answer.reason].retryable ? 'full' : 'never', part, refusal: answer };
      this.#taken.push(part);
      return { ended: 'taken' };
    }
    const sent = await fleet.send(part, to, way, tenant.name);
    if (sent.kind === 'taken') {
      pipeline.forwarded(this.#source, part.spans, part.body.length);
      this.#taken.push(part);
      return { ended: 'taken' };
    }
    this.#lent.add(part);
    const why = `${to.member} owns some of these traces and did not take them: ${sent.message}`;
    const reason = sent.kind === 'rejected' ? 'owner_rejected' : 'owner_refused';
    return { ended: endings[sent.kind], part, refusal: new Refusal(reason, why) };
  }

  /** Lists may have changed, and a member may be gone. */
  async #cutAgain(parts: readonly Part[]): Promise<Away[] | Refusal> {
    const left: Away[] = [];
    for (const part of parts) {
      const cut = await this.#cutter.again(part);
      if (!(cut instanceof Refusal)) {
        this.#here.push(...cut.here);
        left.push(...cut.away);
      } else if (this.#of.fleet.options.isAgent) return cut;
      else this.#adopt([part]);
    }
    return left;
  }

  /** Nobody else took it in time: its traces are judged here, as far as they come here. */
  #adopt(parts: readonly Part[]): undefined {
    for (const { spans } of parts) this.#of.fleet.stats.adoptedSpans += spans;
    this.#here.push(...parts);
  }

  /** An agent adopts nothing: what owners never take is rejected; for the rest, the sender is to ask again. */
  #reject(failed: readonly Exclude<Try, { ended: 'taken' }>[]): Refusal | undefined {
    for (const { ended, part, refusal } of failed) {
      if (ended !== 'never') return refusal;
      this.#rejectedSpans += part.spans;
      this.#whyRejected ||= refusal.message;
    }
    return undefined;
  }

  /** The request as a whole, where nothing of it was taken. */
  #rejection({ count }: Scanned): Refusal | undefined {
    if (this.#rejectedSpans === 0 || this.#rejectedSpans < count) return undefined;
    return new Refusal('owner_rejected', this.#whyRejected);
  }

  get #isTaken(): boolean {
    return this.#taken.length > 0;
  }

  async #takeIn(): Promise<Refusal | undefined> {
    for (const part of this.#here) {
      const receipt = await this.#takeInTime(part);
      if (receipt instanceof Refusal) return receipt;
      this.#taken.push(part);
    }
    return undefined;
  }

  /** Of a request that was taken in part, the rest is tried here as it is elsewhere: to ask for all of it doubles that part. */
  async #takeInTime(part: Part): Promise<Receipt | Refusal> {
    for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(longestPauseMs, 2 * pauseMs)) {
      const receipt = await this.#takeOne(part);
      const leftMs = this.#untilMs - systemClock.monotonicMs();
      if (!(receipt instanceof Refusal) || !this.#isTaken || leftMs <= 0) return receipt;
      if (receipt.reason === 'draining' || !refusals[receipt.reason].retryable) return receipt;
      await sleep(Math.min(leftMs, pauseMs));
    }
  }

  #takeOne({ body, found }: Part): Answer {
    const { pipeline } = this.#of;
    if (found !== undefined) return pipeline.acceptFound(body, found, this.#source);
    const message = messageOf([body]);
    if (body.length <= maxBytesAtOnce) return pipeline.accept(message, this.#source);
    const work = pipeline.acceptInSteps(message, this.#source, () => false);
    return turns.take(work, () => false) as Promise<Receipt | Refusal>;
  }
}

const endings = {
  refused: 'full',
  denied: 'denied',
  rejected: 'never',
  unreachable: 'gone',
  uncertain: 'unsure',
} as const;

const bytesOf = (parts: readonly Part[]): number =>
  parts.reduce((sum, { body, found }) => sum + body.length + (found?.rows.byteLength ?? 0), 0);
