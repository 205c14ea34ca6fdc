import { adjustedCount, parseThreshold } from '../../model/threshold.ts';
import type { SpanView } from './span-view.ts';

/** What the gateway wrote on a trace when it kept it; empty and undefined where it wrote nothing. */
export interface Sampling {
  readonly policy: string;
  readonly revision: string;
  readonly incomplete: boolean;
  /** How many traces of its kind it stands for. */
  readonly weight: number | undefined;
}

export function samplingOf(spans: readonly SpanView[]): Sampling {
  const marked = spans.find((span) => span.attributes.has('tailgate.policy'));
  const weights = spans.map((span) => weightOf(span.traceState)).filter((weight) => weight !== undefined);
  return {
    policy: marked?.attributes.get('tailgate.policy') ?? '',
    revision: marked?.attributes.get('tailgate.revision') ?? '',
    incomplete: spans.some((span) => span.attributes.get('tailgate.incomplete') === 'true'),
    weight: weights[0],
  };
}

/** 2^56 / (2^56 − T) of the `th` in a tracestate's `ot` member (OpenTelemetry, "TraceState: Probability Sampling"). */
export function weightOf(traceState: string): number | undefined {
  const member = traceState.split(',').find((each) => each.trim().startsWith('ot='));
  const value = member
    ?.trim()
    .slice(3)
    .split(';')
    .find((each) => each.startsWith('th:'));
  const threshold = value === undefined ? null : parseThreshold(value.slice(3).trim());
  return threshold === null ? undefined : adjustedCount(threshold.high, threshold.low);
}

/** `1`, `20`, `14.3`. */
export const weightText = (weight: number): string =>
  String(weight < 100 ? Number(weight.toPrecision(3)) : Math.round(weight));
