import { outcomes } from '../../model/outcome.ts';
import type { GatewayStats } from '../../model/stats.ts';
import { byTenant, type Metric, type Row, rowsBy } from './metric.ts';

/** How spans and traces leave, why, and how their decisions are remembered. */
export const decisionsMetrics: readonly Metric[] = [
  {
    name: 'tailgate_outcome_spans_total',
    type: 'counter',
    labels: ['outcome', 'policy'],
    help: 'Spans by how they left, and by the policy that decided.',
    advice:
      'Anything in `lost` broke a promise: see docs/operations.md. `late_*` beyond a few per cent: a longer decision_wait. `invalid`: a sender of spans that are not valid OTLP (docs/otlp.md); `refused` in the log says which.',
    ...byTenant((stats) => outcomeRows(stats, 'spans')),
  },
  {
    name: 'tailgate_outcome_traces_total',
    type: 'counter',
    labels: ['outcome', 'policy'],
    help: 'Traces by how they left, and by the policy that decided; late ones had late spans and count under kept or dropped too.',
    advice:
      'kept over kept + dropped is the share kept. 0 or 1 for ten minutes means a broken rule. The exemplar of `kept` is the trace that the policy kept last.',
    ...byTenant((stats) => outcomeRows(stats, 'traces')),
  },
  {
    name: 'tailgate_shadow_traces_total',
    type: 'counter',
    labels: ['policy', 'vote'],
    help: 'Votes of shadow policies, which decide nothing.',
    advice: 'What a policy would do, before it is moved from `shadow` to `policies`.',
    ...byTenant(({ shadow }) =>
      shadow.map(({ policy, vote, traces }) => ({ labels: { policy, vote }, value: traces })),
    ),
  },
  {
    name: 'tailgate_condition_samples_total',
    type: 'counter',
    labels: ['policy', 'result'],
    help: 'Conditions of ottl_condition policies, asked of spans of a sample of the traces for this count.',
    advice:
      '`no_value`: the condition cannot be evaluated there, such as HasPrefix of an attribute that the span does not have, and does not hold (docs/rules.md, error_mode). Its share of all is what counts; the log has condition and reason as `condition_without_value`.',
    ...byTenant(({ faults }) =>
      faults.flatMap(({ policy, asked, faults }) => [
        { labels: { policy, result: 'value' }, value: asked - faults },
        { labels: { policy, result: 'no_value' }, value: faults },
      ]),
    ),
  },
  {
    name: 'tailgate_decision_triggers_traces_total',
    type: 'counter',
    labels: ['trigger'],
    help: 'Traces by what made their decision fall due.',
    advice: '`full` means the buffer is too small for the wait; `size` means traces above max_trace_bytes.',
    ...byTenant(({ triggers }) => rowsBy('trigger', triggers, (traces) => traces)),
  },
  {
    name: 'tailgate_decision_lateness_seconds',
    type: 'histogram',
    labels: [],
    help: 'How long after it was due a trace was decided.',
    advice: 'Above a second at the 99th percentile the process lacks CPU: see event_loop_delay_p99_seconds.',
    read: ({ gateway }) => gateway.lateness,
  },
  {
    name: 'tailgate_decision_turn_seconds',
    type: 'histogram',
    labels: [],
    help: 'How long a turn of deciding what is due held its event loop.',
    advice: 'Turns end after 5 ms. Above 0.01, single traces are very large, or the process lacks CPU.',
    read: ({ gateway }) => gateway.turns,
  },
  {
    name: 'tailgate_decisions_remembered',
    type: 'gauge',
    labels: [],
    help: 'Decisions remembered for late spans and for explain.',
    advice: 'At its limit, the oldest is forgotten for each new one.',
    ...byTenant(({ remembered }) => remembered.decisions),
  },
  {
    name: 'tailgate_decisions_remembered_limit',
    type: 'gauge',
    labels: [],
    help: 'How many decisions are remembered at most.',
    advice: 'Over decided traces per second it is how many seconds late a span may come and still follow its trace.',
    ...byTenant(({ remembered }) => remembered.limit),
  },
  {
    name: 'tailgate_decisions_forgotten_total',
    type: 'counter',
    labels: [],
    help: 'Remembered decisions that made room for newer ones.',
    advice: 'Normal under load. A span that comes after that starts a new trace.',
    ...byTenant(({ remembered }) => remembered.evicted),
  },
  {
    name: 'tailgate_redactions_total',
    type: 'counter',
    labels: ['rule'],
    help: 'Values that were redacted in kept spans, by rule.',
    advice: 'A rule that starts counting tells of a service that began to send secrets.',
    read: ({ gateway }) => rowsBy('rule', gateway.redactions, (values) => values),
  },
  {
    name: 'tailgate_malformed_tracestates_total',
    type: 'counter',
    labels: [],
    help: 'Kept spans whose OpenTelemetry tracestate could not be read and was left as it is.',
    advice: 'A sender writes broken tracestates: its spans carry no weight.',
    read: ({ gateway }) => gateway.malformedTraceStates,
  },
  {
    name: 'tailgate_inconsistent_thresholds_total',
    type: 'counter',
    labels: [],
    help: 'Kept spans that came with a sampling threshold (`ot=th`) which their randomness does not reach; it was erased.',
    advice: 'A sampler before this gateway writes thresholds that it does not sample by: its spans carry no weight.',
    read: ({ gateway }) => gateway.inconsistentTraceStates,
  },
  {
    name: 'tailgate_mended_spans_total',
    type: 'counter',
    labels: [],
    help: 'Kept spans with text that was no UTF-8, which left with U+FFFD in its place.',
    advice:
      'A service puts bytes into text: a cut string, another encoding. Servers on protobuf’s C library refuse such text.',
    read: ({ gateway }) => gateway.mendedSpans,
  },
];

/**
 * What occurred, by policy, and a zero for each outcome that has not; `none` is what the shard calls the policy where
 * none decided.
 */
function outcomeRows({ outcomes: occurred }: Pick<GatewayStats, 'outcomes'>, unit: 'spans' | 'traces'): Row[] {
  const rows = occurred.map((it) => ({
    labels: { outcome: it.outcome, policy: it.policy },
    value: it[unit],
    ...(unit === 'traces' && { exemplar: it.last }),
  }));
  const missing = outcomes.filter((outcome) => !occurred.some((it) => it.outcome === outcome));
  return [...rows, ...missing.map((outcome) => ({ labels: { outcome, policy: 'none' }, value: 0 }))];
}
