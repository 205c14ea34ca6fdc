import { type Clock, unixMsOf } from './clock.ts';
import { Refusal } from './errors.ts';
import type { Explanation } from './model/explanation.ts';
import type { ExportRequest } from './model/export-request.ts';
import type { Intake, Landing, Receipt } from './model/intake.ts';
import type { Protocol } from './model/outcome.ts';
import type { PolicySet } from './model/verdict.ts';
import { Shard, type ShardOptions } from './shard/shard.ts';

type ShardWriter = ConstructorParameters<typeof Shard>[2];

/**
 * The map. A request's way, and where each step lives:
 *
 *   receive ─ land ─▶ decode ─▶ route ─▶ buffer … wait … decide ─▶ enrich ─▶ batch ─▶ export
 *             └──── accept(): shard/shard.ts ────┘   └── tick(): shard/judge.ts, shard/emit.ts ──┘
 *
 * This is one shard's pipeline; threads/ runs one in each thread, and route/ says which trace is whose.
 */
export class Pipeline implements Intake {
  readonly shard: Shard;
  readonly received = { grpc: tally(), http_protobuf: tally(), http_json: tally() } satisfies Record<Protocol, unknown>;
  readonly #clock: Clock;
  #draining = false;

  constructor(
    options: ShardOptions,
    rules: { readonly set: PolicySet; readonly name: string },
    enrich: ShardWriter,
    emit: (request: ExportRequest) => void,
    clock: Clock,
  ) {
    this.shard = new Shard(options, rules, enrich, emit);
    this.#clock = clock;
  }

  land(length: number): Landing | Refusal {
    if (this.#draining) return new Refusal('draining', 'the gateway is shutting down: send again, to another one');
    return this.shard.land(length, this.#now());
  }

  accept(landing: Landing, protocol: Protocol): Receipt | Refusal {
    const answer = this.shard.accept(landing, this.#now());
    if (answer instanceof Refusal) return answer;
    const tally = this.received[protocol];
    tally.requests++;
    tally.spans += answer.spans;
    tally.bytes += landing.length;
    return answer;
  }

  abandon(landing: Landing): void {
    this.shard.abandon(landing);
  }

  /** Decides what is due; true when there is more than one turn's worth. */
  tick(limit: number): boolean {
    return this.shard.tick(this.#now(), limit);
  }

  /** Puts rules in force. */
  swap(set: PolicySet, name: string): void {
    this.shard.revisions.swap(set, name);
  }

  /** Takes nothing new and decides `limit` of the traces that wait; true when there are more. */
  drain(limit: number): boolean {
    this.#draining = true;
    return this.shard.drain(this.#now(), limit);
  }

  /** Here what the shard has by the monotonic clock becomes wall time: it is shown to people. */
  explain(traceId: string): Explanation | undefined {
    return this.shard.explain(traceId, unixMsOf(0, this.#clock));
  }

  /** The path counts in whole milliseconds. */
  #now(): number {
    return Math.floor(this.#clock.monotonicMs());
  }
}

const tally = (): { requests: number; spans: number; bytes: number } => ({ requests: 0, spans: 0, bytes: 0 });
