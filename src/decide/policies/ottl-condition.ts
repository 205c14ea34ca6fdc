import type { FaultTest, SpanPredicate, TracePredicate } from '../../model/predicates.ts';
import type { Problem } from '../../model/rules.ts';
import { type Lowered, lowerCondition } from '../ottl/lower.ts';
import type { Context } from '../ottl/paths.ts';
import { lineAndColumn, OttlError } from '../ottl/problem.ts';
import { kind } from './kind.ts';
import { oneOf, optional, strings } from './parameters.ts';

/**
 * Conditions in the OpenTelemetry Transformation Language; one that holds of any span, or of any event, keeps. Source:
 * opentelemetry-collector-contrib, pkg/ottl (LANGUAGE.md, compare.go) and tailsamplingprocessor, 0.161.
 */
export const ottlCondition = kind({
  type: 'ottl_condition',
  says: 'traces in which a condition in OTTL holds of some span, or of some span event',
  parameters: {
    error_mode: optional(
      oneOf(
        "what a condition that has no value does: does not hold (ignore, silent), or takes the policy's vote away",
        ['ignore', 'silent', 'propagate'],
      ),
      'ignore',
    ),
    span: optional(strings('conditions of spans', 0), []),
    spanevent: optional(strings('conditions of span events', 0), []),
  },
  compile({ error_mode: mode, span, spanevent }) {
    const problems: Problem[] = [];
    const ofSpan = lowered('span', span, problems);
    const all = [...ofSpan, ...lowered('spanevent', spanevent, problems)];
    if (problems.length > 0) return problems;
    if (all.length === 0) return [{ path: ['span'], message: 'missing: expected a condition here, or in spanevent' }];
    const tests = all.flatMap(({ faultTest }) => faultTest ?? []);
    const faults = tests.map((test): FaultTest => ({ ...test, isSilent: mode === 'silent' }));
    const some: TracePredicate = { ...any(all.map(({ holds }) => holds)), ...(faults.length > 0 && { faults }) };
    const failing = all.flatMap(({ faults }, at) => (faults ? [unless(ofSpan.slice(0, at), faults)] : []));
    if (mode !== 'propagate' || failing.length === 0) return some;
    const fails = any(failing);
    return { op: 'and', of: [some, { op: 'not', of: fails }], fails };
  },
});

const any = (of: readonly SpanPredicate[]): Extract<TracePredicate, { op: 'any' }> => ({
  op: 'any',
  span: of.length === 1 ? of[0]! : { op: 'or', of },
});

/** Behind a condition that holds of the span none is asked, of its events neither. */
function unless(before: readonly Lowered[], faults: SpanPredicate): SpanPredicate {
  if (before.length === 0) return faults;
  return { op: 'and', of: [...before.map(({ holds }): SpanPredicate => ({ op: 'not', of: holds })), faults] };
}

function lowered(context: Context, sources: readonly string[], problems: Problem[]): readonly Lowered[] {
  return sources.flatMap((source, index) => {
    try {
      return lowerCondition(source, context);
    } catch (error) {
      if (!(error instanceof OttlError)) throw error;
      problems.push({ path: [context, index], message: told(error, source) });
      return [];
    }
  });
}

/** Where in the condition it is, and what stands there. */
function told({ at, message }: OttlError, source: string): string {
  const { line, column } = lineAndColumn(source, at);
  const place = source.includes('\n') ? `line ${line}, column ${column}` : `column ${column}`;
  return `${place} of the condition: ${message}`;
}
