import type { Enricher } from '../src/enrich/enrich.ts';
import { Refusal } from '../src/errors.ts';
import { Pipeline } from '../src/pipeline.ts';
import { messageOf } from '../src/receive/message.ts';
import { number, prepare, tracesIn } from './corpus.ts';
import { shardOptions } from './path.ts';
import { compiled } from './policies.ts';
import { allocated, median, print, shape, timed } from './turns.ts';

/**
 * The clock of the shards between two requests; and requests in a turn, enough for a batch to become old and leave in
 * every turn.
 */
const stepMs = 5;
const requestsInTurn = 256;
const rounds = 40;

/**
 * The whole path with 100,000 spans waiting. What a shard that keeps takes longer than one that keeps nothing is
 * enrichment, redaction, envelopes and batches: the same traffic goes to both in turns, and the median of the rounds
 * counts; its quartiles say how much to believe it.
 */
export function reportWhole(enricher: Enricher): void {
  const nothing = new Path(null, enricher);
  reportKept(nothing, nothing, 0);
  for (const percent of [1, 100]) reportKept(nothing, new Path(percent, enricher), percent);
}

function reportKept(nothing: Path, path: Path, percent: number): void {
  path.warm();
  const pairs = Array.from({ length: rounds }, (_, round) => {
    if (round % 2 === 0) return { without: nothing.turn(), ns: path.turn() };
    const ns = path.turn();
    return { ns, without: nothing.turn() };
  });
  const shares = pairs.map(({ ns, without }) => 100 * (1 - without / ns)).sort((a, b) => a - b);
  const [low, middle, high] = [1, 2, 3].map((quarter) => shares[(quarter * rounds) / 4].toFixed(1));
  const more = path === nothing ? '' : `   keeping is ${middle} % of it (quartiles ${low}, ${high})`;
  const name = `the whole path, ${percent} % kept; a span`;
  print(name, median(pairs.map(({ ns }) => ns)), path.bytes(), more);
}

/** A shard that keeps a share, and its traffic. */
class Path {
  readonly #pipeline: Pipeline;
  readonly #prepared = prepare(shape, 0, 1_790_000_000_000, false);
  #now = 1_790_000_000_000;
  #trace = 0;

  constructor(percent: number | null, enricher: Enricher) {
    const set = compiled({ baseline_percent: percent });
    const clock = { monotonicMs: () => this.#now, unixMs: () => this.#now };
    this.#pipeline = new Pipeline(shardOptions(1000), { set, name: '1' }, enricher, () => {}, clock);
  }

  /** Until as many verdicts are remembered as may be. */
  warm(): void {
    while (this.#pipeline.shard.decisions.evicted === 0) this.turn();
    for (let i = 0; i < 4; i++) this.turn();
  }

  /** Nanoseconds a span. */
  turn(): number {
    return timed(() => {
      for (let i = 0; i < requestsInTurn; i++) this.#request();
      return requestsInTurn * shape.spansPerRequest;
    });
  }

  /** Bytes of the heap a span, over some turns. */
  bytes(): number {
    const before = allocated();
    for (let i = 0; i < 8; i++) this.turn();
    return (allocated() - before) / (8 * requestsInTurn * shape.spansPerRequest);
  }

  #request(): void {
    const prepared = this.#prepared;
    number(prepared, (this.#trace += tracesIn(shape)));
    const answer = this.#pipeline.accept(messageOf([prepared.bytes]), 'grpc');
    if (answer instanceof Refusal) throw answer;
    this.#now += stepMs;
    while (this.#pipeline.tick(200));
  }
}
