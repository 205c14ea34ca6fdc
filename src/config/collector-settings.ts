/** What becomes of a setting of the Collector's tail_sampling beside its policies; `value` as it is written. */
type Setting = (value: string) => string;

const set =
  (key: string, why = ''): Setting =>
  (value) =>
    `set elsewhere: ${key} in the boot file (here ${value})${why && `: ${why}`}`;
const notNeeded =
  (why: string): Setting =>
  () =>
    `not needed here: ${why}`;
/** Where it has this value; otherwise it says what holds anyway. */
const notSupported =
  (asked: string, why: string): Setting =>
  (value) =>
    value === asked || asked === '*' ? `not supported: ${why}` : 'not needed here: it is so anyway';

/**
 * All of them. Source: opentelemetry-collector-contrib v0.161.0, processor/tailsamplingprocessor/config.go.
 */
export const collectorSettings: Readonly<Record<string, Setting>> = {
  decision_wait: set('buffer.decision_wait'),
  decision_wait_after_root_received: set('buffer.decision_wait_after_root'),
  maximum_trace_size_bytes: set('buffer.max_trace_bytes', 'a larger trace is decided at once, not dropped'),
  block_on_overflow: set('buffer.on_full', 'decide_oldest, or refuse to have senders wait'),
  decision_cache: set('buffer.remembered_decisions', 'kept and dropped traces together'),
  num_shards: set('shards'),
  num_traces: notNeeded('what waits is bounded in bytes, by buffer.max_bytes in the boot file'),
  expected_new_traces_per_sec: notNeeded('memory is taken as it is used'),
  sample_on_first_match: notNeeded(
    'the verdict is the same; every policy is asked, so that each vote can be explained',
  ),
  sampling_strategy: notSupported('"span-ingest"', 'a trace is decided once, when its wait is over, on all its spans'),
  drop_pending_traces_on_shutdown: notSupported('true', 'what waits at the end is decided on what there is'),
  tail_storage: notSupported('*', 'what waits is held in memory (buffer.max_bytes, buffer.compress_after)'),
};
