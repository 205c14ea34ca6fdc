import type { PolicyDocument } from '../../src/model/rules.ts';
import type { Told } from './spans.ts';

type Block = Readonly<Record<string, unknown>>;

/**
 * Whether a Collector (v0.161.0) reads some part of these policies otherwise than we do on this trace, in a way that
 * docs/collector-differences.md has. Of such a trace nothing is expected.
 */
export const readsOtherwise = (policies: readonly Block[], trace: readonly Told[]): boolean =>
  policies.some((policy) => {
    const block = (policy[policy.type as string] ?? {}) as Block;
    const inside = block.and_sub_policy ?? block.drop_sub_policy ?? (block.not_sub_policy && [block.not_sub_policy]);
    if (inside) return readsOtherwise(inside as PolicyDocument[], trace);
    return differences[policy.type as string]?.(block, trace) ?? false;
  });

const differences: Record<string, (block: Block, trace: readonly Told[]) => boolean> = {
  latency: ({ threshold_ms = 0, upper_threshold_ms = 0 }, trace) => {
    const [moreThan, atMost] = [Number(threshold_ms), Number(upper_threshold_ms)];
    const isIn = (ms: number) => Math.trunc(ms) > moreThan && (atMost === 0 || Math.trunc(ms) <= atMost);
    return prefixDurations(trace).some(isIn) !== isIn(durationOf(trace));
  },
  numeric_attribute: ({ key, min_value, max_value }, trace) =>
    min_value === 0 || max_value === 0 || valuesOf(trace, key as string).some((value) => !Number.isInteger(value)),
  string_attribute: ({ key, values, enabled_regex_matching: isRegex }, trace) =>
    isRegex === true &&
    (values as string[]).includes('.*') &&
    trace.some(({ resource }) => isNoText(resource?.[key as string])),
  boolean_attribute: ({ key }, trace) => valuesOf(trace, key as string).some((value) => typeof value !== 'boolean'),
  trace_state: (_, trace) => trace.some(({ traceState }) => !isTraceState(traceState ?? '')),
};

/** Of a resource, what is no text is read as an empty one, and compared. */
const isNoText = (value: unknown): boolean => value !== undefined && (typeof value !== 'string' || value === '');

const valuesOf = (trace: readonly Told[], key: string) =>
  trace
    .flatMap(({ attributes, resource }) => [attributes?.[key], resource?.[key]])
    .filter((value) => value !== undefined);

const start = (span: Told): number => span.startMs ?? 0;
const end = (span: Told): number => start(span) + (span.durationMs ?? 0);

/** A Collector asks after each span, and a start of 0 wipes out what it had. */
function prefixDurations(trace: readonly Told[]): number[] {
  let [min, max] = [0, 0];
  return trace.map((span) => {
    if (min === 0 || start(span) < min) min = start(span);
    if (max === 0 || end(span) > max) max = end(span);
    return max - min;
  });
}

function durationOf(trace: readonly Told[]): number {
  const starts = trace.map(start).filter((time) => time !== 0);
  const ends = trace.map(end).filter((time) => time !== 0);
  return starts.length > 0 && ends.length > 0 ? Math.max(...ends) - Math.min(...starts) : 0;
}

/** As OpenTelemetry's ParseTraceState for Go takes it: anything wrong in it, and none of it is read. */
const isTraceState = (text: string): boolean => {
  const members = text.split(',').filter((member) => member !== '');
  const keys = members.map((member) => member.split('=')[0]!.trim());
  const isMember = (member: string) => /^[ \t]*[a-z][A-Za-z0-9_\-*/]*=[ -+\--<>-~]*[!-+\--<>-~][ \t]*$/.test(member);
  return members.every(isMember) && new Set(keys).size === keys.length;
};
