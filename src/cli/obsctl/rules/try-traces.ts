import type { Clock } from '../../../clock.ts';
import type { ToldTrace } from '../../../config/rules-test-file.ts';
import { Enricher } from '../../../enrich/enrich.ts';
import { Refusal } from '../../../errors.ts';
import type { Explanation } from '../../../model/explanation.ts';
import type { PolicySet } from '../../../model/verdict.ts';
import { Pipeline } from '../../../pipeline.ts';
import { messageOf } from '../../../receive/message.ts';
import { encodeRequest } from '../../demo/encode.ts';
import { spansOf } from './told-spans.ts';

const waitMs = 1_000;

const options = {
  buffer: {
    decisionWaitMs: waitMs,
    decisionWaitAfterRootMs: 0,
    maxBytes: 64 << 20,
    maxTraceBytes: 16 << 20,
    onFull: 'decide_oldest',
    rememberedDecisions: 10_000,
  },
  batch: { maxBytes: 3 << 20, maxSpans: 8192, maxAgeMs: 0 },
  maxEnvelopeBytes: 1 << 20,
  maxSpanBytes: 4 << 20,
  seed: 1,
} as const;

/** Both clocks, turned by hand: as much time passes as a trace has to wait. */
class TestClock implements Clock {
  #ms = 1_800_000_000_000;
  monotonicMs = (): number => this.#ms;
  unixMs = (): number => this.#ms;

  pass(ms: number): void {
    this.#ms += ms;
  }
}

/**
 * Verdicts by the very path of a gateway with one shard: the traces are sent in the order of their `at`, and judged when
 * their wait is over. The explanations are in the order of the traces.
 */
export function judgeTraces(set: PolicySet, traces: readonly ToldTrace[]): Explanation[] {
  const clock = new TestClock();
  const start = clock.unixMs();
  const enricher = new Enricher({ resource: {}, set: {}, redact: [] });
  const pipeline = new Pipeline(options, { set, name: 'test' }, enricher, () => {}, clock);
  const turn = (untilMs: number): void => {
    while (clock.unixMs() < untilMs) {
      clock.pass(Math.min(100, untilMs - clock.unixMs()));
      while (pipeline.tick(1_000));
    }
  };
  const sent = traces.map((trace, at) => ({ trace, at, spans: spansOf(trace, at + 1, start + trace.at) }));
  const explained: Explanation[] = [];
  const explain = (one: (typeof sent)[number]): void => {
    explained[one.at] = pipeline.explain(one.spans[0]!.traceId)!;
  };
  for (const one of sent.toSorted((a, b) => a.trace.at - b.trace.at)) {
    turn(start + one.trace.at);
    const answer = pipeline.accept(messageOf([encodeRequest(one.spans)]), 'grpc');
    if (answer instanceof Refusal) throw new Error(`${one.trace.name}: refused: ${answer.message}`);
  }
  turn(clock.unixMs() + waitMs + 100);
  sent.forEach(explain);
  return explained;
}
