import { compileAsk } from './ask.ts';
import type { Expression, Field, SpansetExpression, Stage, Value } from './ast.ts';
import { typeOf } from './check.ts';
import { namedIn } from './named-in.ts';
import { type NestedSpan, numberSteps } from './nested-set.ts';
import { compileRead, type SpanFields } from './predicate.ts';
import { related } from './relate.ts';
import { aggregated, groupKey } from './stage-values.ts';
import { holds } from './values.ts';

export { compilePredicate, type SpanFields } from './predicate.ts';

/** What a stage says of a spanset, as answers show it. */
export interface SpansetFact {
  /** `count()`, `by(kind)`. */
  readonly text: string;
  readonly value: Value;
  readonly isDuration: boolean;
}

/** Spans of one trace that a query found together; `by` makes several of one. */
export interface Spanset<T> {
  readonly spans: readonly T[];
  readonly facts: readonly SpansetFact[];
}

/** A query is wrong for this trace: its spansets are more than it can join. */
export class QueryFailure extends Error {
  override readonly name = 'QueryFailure';
}

type Sets<T> = readonly Spanset<T>[];
type Run = <T extends SpanFields & NestedSpan>(input: Sets<T>) => Generator<undefined, Sets<T>>;

export interface CompiledSpansets {
  readonly run: Run;
  /** Whether its spans must have their bounds first. */
  readonly isStructural: boolean;
}

/** So many spans are looked at in a step, or so many bytes of them. */
const spansPerStep = 16;
const bytesPerStep = 64 * 1024;

/** Tells of each span that was looked at whether the step is over with it. */
function steps(): (span: SpanFields) => boolean {
  let spans = 0;
  let bytes = 0;
  return ({ byteLength = 0 }) => {
    bytes += byteLength;
    const isOver = ++spans === spansPerStep || bytes >= bytesPerStep;
    if (isOver) spans = bytes = 0;
    return isOver;
  };
}

export function compileSpansets(expression: SpansetExpression, shown: readonly Field[] = []): CompiledSpansets {
  return { run: compileRun(expression), isStructural: isStructural(expression) || shown.some(isBound) };
}

/** What a query finds among the spans of a trace, in steps, between which the caller may do something else. */
export function* matchSteps<T extends SpanFields & NestedSpan>(
  { run, isStructural: needsBounds }: CompiledSpansets,
  spans: readonly T[],
): Generator<undefined, Sets<T>> {
  if (needsBounds) yield* numberSteps(spans);
  return yield* run([{ spans, facts: [] }]);
}

const isBound = (field: Field): boolean => field.type === 'intrinsic' && field.name.startsWith('nestedSet');

function isStructural(node: SpansetExpression): boolean {
  if (namedIn(node).some(isBound)) return true;
  if (node.type === 'spanset') return false;
  if (node.type !== 'pipeline') return node.type === 'related' || isStructural(node.left) || isStructural(node.right);
  return node.stages.some((stage) => isSpansets(stage) && isStructural(stage));
}

const otherStages: ReadonlySet<string> = new Set(['aggregate', 'by', 'coalesce', 'select']);
export const isSpansets = (stage: Stage): stage is SpansetExpression => !otherStages.has(stage.type);

function compileRun(expression: SpansetExpression): Run {
  switch (expression.type) {
    case 'spanset':
      return filtering(expression.filter);
    case 'pipeline':
      return piping(expression.stages.map(compileStage));
    case 'related':
      return joining(compileRun(expression.left), compileRun(expression.right), (left, right) => {
        if (left.length > 1 || right.length > 1) {
          throw new QueryFailure('structural operators need one spanset on each side: use coalesce() behind by()');
        }
        return left.length + right.length < 2 ? [] : related(expression, left[0].spans, right[0].spans);
      });
    default:
      return joining(compileRun(expression.left), compileRun(expression.right), (left, right) => {
        const isMet = expression.type === 'either' || (left.length > 0 && right.length > 0);
        return isMet ? [...new Set([...left, ...right].flatMap(({ spans }) => spans))] : [];
      });
  }
}

const piping = (stages: readonly Run[]): Run =>
  function* (input) {
    let sets = input;
    for (const stage of stages) {
      sets = yield* stage(sets);
      if (sets.length === 0) break;
    }
    return sets;
  };

/** Joins what both sides find in each spanset. */
const joining = (
  left: Run,
  right: Run,
  join: <T extends SpanFields & NestedSpan>(left: Sets<T>, right: Sets<T>) => T[],
): Run =>
  function* (input) {
    const output = [];
    for (const set of input) {
      const spans = join(yield* left([set]), yield* right([set]));
      if (spans.length > 0) output.push({ spans, facts: set.facts });
    }
    return output;
  };

const filtering = (filter: Expression): Run => {
  const ask = compileAsk(filter);
  return function* <T extends SpanFields>(input: Sets<T>) {
    const output: Spanset<T>[] = [];
    const isStep = steps();
    for (const { spans, facts } of input) {
      const found: T[] = [];
      for (const span of spans) {
        const answer = ask(span);
        if (typeof answer === 'boolean' ? answer : yield* answer) found.push(span);
        if (isStep(span)) yield;
      }
      if (found.length > 0) output.push({ spans: found, facts });
    }
    return output;
  };
};

function compileStage(stage: Stage): Run {
  if (isSpansets(stage)) return compileRun(stage);
  if (stage.type === 'by') return grouping(stage);
  if (stage.type === 'aggregate') return comparing(stage);
  return stage.type === 'select'
    ? function* (input) {
        yield;
        return input;
      }
    : function* (input) {
        yield;
        return [{ spans: input.flatMap(({ spans }) => spans), facts: [] }];
      };
}

/** What is calculated of durations is a number, as in Tempo. */
const isDurationField = (expression: Expression): boolean =>
  expression.type === 'intrinsic' && typeOf(expression) === 'duration';

const comparing = (stage: Stage & { type: 'aggregate' }): Run => {
  const read = stage.operand && compileRead(stage.operand);
  const isDuration = stage.operand !== undefined && isDurationField(stage.operand);
  return function* (input) {
    const output = [];
    for (const { spans, facts } of input) {
      const value = yield* aggregated(stage, { read, isDuration, isStep: steps() }, spans);
      if (holds(stage.op, value, stage.value))
        output.push({ spans, facts: [...facts, { text: stage.text, value, isDuration }] });
      yield;
    }
    return output;
  };
};

const grouping = ({ expression, text }: Stage & { type: 'by' }): Run => {
  const read = compileRead(expression);
  const isDuration = isDurationField(expression);
  return function* <T extends SpanFields>(input: Sets<T>) {
    const output: Spanset<T>[] = [];
    const isStep = steps();
    for (const { spans, facts } of input) {
      const groups = new Map<string, T[]>();
      for (const span of spans) {
        const value = read(span);
        const key = groupKey(value);
        const group = groups.get(key);
        if (group !== undefined) group.push(span);
        else {
          const first = [span];
          groups.set(key, first);
          output.push({ spans: first, facts: [...facts, { text, value, isDuration }] });
        }
        if (isStep(span)) yield;
      }
    }
    return output;
  };
};
