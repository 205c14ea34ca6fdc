import { byTenant, type Metric, rowsBy } from './metric.ts';

/** What waits no more, and can be found all the same. */
export const windowMetrics: readonly Metric[] = [
  {
    name: 'tailgate_window_bytes',
    type: 'gauge',
    labels: [],
    help: 'Memory of the window: what waits no more, kept or dropped, compressed, with the ids that are in it.',
    advice: 'At window_limit_bytes the oldest makes room for the newest: more bytes reach further back.',
    ...byTenant(({ window }) => window.bytes),
  },
  {
    name: 'tailgate_window_limit_bytes',
    type: 'gauge',
    labels: [],
    help: 'window.max_bytes of the boot file; 0 = there is no window.',
    advice: 'The line to draw above window_bytes.',
    ...byTenant(({ window }) => window.limitBytes),
  },
  {
    name: 'tailgate_window_oldest_seconds',
    type: 'gauge',
    labels: [],
    help: 'Age of the oldest that is in the window.',
    advice: 'How far back a dropped trace is found. Far below window.max_age: raise window.max_bytes.',
    ...byTenant(({ window }) => window.oldestSeconds),
  },
  {
    name: 'tailgate_window_spans',
    type: 'gauge',
    labels: [],
    help: 'Spans in the window, not counting those in segments where others wait still.',
    advice: 'window_bytes over it is what a span costs there.',
    ...byTenant(({ window }) => window.spans),
  },
  {
    name: 'tailgate_window_missed_spans_total',
    type: 'counter',
    labels: [],
    help: 'Spans that never came into the window: the compressor was behind, or they are more than it holds.',
    advice: 'The path went first. Rising all the time: more cores or shards, or a larger window.max_bytes.',
    ...byTenant(({ window }) => window.missedSpans),
  },
  {
    name: 'tailgate_window_kept_traces_total',
    type: 'counter',
    labels: ['reason'],
    help: 'Traces that were dropped and brought back: `rescue` by a span that came late, `id` and `query` by hand.',
    advice: '`rescue` rising: such spans come later than decision_wait; a longer one keeps such traces the first time.',
    ...byTenant(({ window }) => rowsBy('reason', window.keptTraces, (traces) => traces)),
  },
];
