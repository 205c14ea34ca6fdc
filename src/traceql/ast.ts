/** A status or span kind as TraceQL writes it: equal only to itself, never to a string of the same spelling. */
interface Keyword {
  readonly of: 'status' | 'kind';
  readonly name: string;
}

const keyword = (of: Keyword['of'], name: string): Keyword => Object.freeze({ of, name });

/** By OTLP's numbers: Status.StatusCode and Span.SpanKind. */
export const statuses = ['unset', 'ok', 'error'].map((name) => keyword('status', name));
export const kinds = ['unspecified', 'internal', 'server', 'client', 'producer', 'consumer'].map((name) =>
  keyword('kind', name),
);

/**
 * What a field holds or a literal says. An integer is a bigint, of 64 bits; a float or a duration (nanoseconds) is a
 * number; they compare by value. An attribute that is absent (`nil`) is undefined; an array matches by its elements.
 */
export type Value = string | boolean | number | bigint | Keyword | undefined | readonly Value[];

/** Where an attribute is looked up; `any` is the leading dot: the span first, then its resource. */
export type AttributeScope = 'any' | 'resource' | 'span' | 'event' | 'link' | 'instrumentation';

/** The fields every span has, under the one name we use for each; parse.ts knows the other spellings. */
export type Intrinsic =
  | 'name'
  | 'status'
  | 'statusMessage'
  | 'kind'
  | 'duration'
  | 'traceDuration'
  | 'rootName'
  | 'rootServiceName'
  | 'nestedSetLeft'
  | 'nestedSetRight'
  | 'nestedSetParent'
  | 'trace:id'
  | 'span:id'
  | 'span:parentID'
  | 'event:name'
  | 'event:timeSinceStart'
  | 'link:traceID'
  | 'link:spanID'
  | 'instrumentation:name'
  | 'instrumentation:version';

export type Field =
  | { readonly type: 'attribute'; readonly scope: AttributeScope; readonly key: string }
  | { readonly type: 'intrinsic'; readonly name: Intrinsic };

export interface Literal {
  readonly type: 'literal';
  readonly value: Exclude<Value, undefined | readonly Value[]>;
  /** Written with a unit: `1.5s`. */
  readonly isDuration?: true;
}

export type Operator = '=' | '!=' | '>' | '>=' | '<' | '<=';
export type ArithmeticOperator = '+' | '-' | '*' | '/' | '%' | '^';

/** A fully anchored regular expression that runs in linear time. */
export interface Pattern {
  readonly source: string;
  test(text: string): boolean;
  /** The only texts it matches, where it is nothing but literal alternatives (`a|b`). */
  readonly literals: readonly string[] | undefined;
}

/** What stands between the braces, or in the parentheses of a stage. */
export type Expression =
  | Field
  | Literal
  | { readonly type: 'compare'; readonly op: Operator; readonly left: Expression; readonly right: Expression }
  | { readonly type: 'match'; readonly operand: Expression; readonly pattern: Pattern; readonly negated: boolean }
  | { readonly type: 'exists'; readonly operand: Expression; readonly wanted: boolean }
  | { readonly type: 'not' | 'negate'; readonly operand: Expression }
  | Arithmetic
  | { readonly type: 'and' | 'or'; readonly left: Expression; readonly right: Expression };

export interface Arithmetic {
  readonly type: 'arithmetic';
  readonly op: ArithmeticOperator;
  readonly left: Expression;
  readonly right: Expression;
}

/** How spans of the right side stand to spans of the left one: `{} > {}` gives children. */
export type Relation = 'child' | 'parent' | 'descendant' | 'ancestor' | 'sibling';

/** What finds spans in one trace. */
export type SpansetExpression =
  | { readonly type: 'spanset'; readonly filter: Expression }
  /** Both must match some span of the trace, or either. */
  | { readonly type: 'both' | 'either'; readonly left: SpansetExpression; readonly right: SpansetExpression }
  | RelatedSpansets
  /** One after the other, each of what the one before it found. */
  | { readonly type: 'pipeline'; readonly stages: readonly Stage[] };

export interface RelatedSpansets {
  readonly type: 'related';
  readonly relation: Relation;
  /** Which spans it gives: those of the right side that stand so, those that do not, or both ends (`&>`). */
  readonly gives: 'right' | 'unrelated' | 'both';
  readonly left: SpansetExpression;
  readonly right: SpansetExpression;
}

export type AggregateFunction = 'count' | 'min' | 'max' | 'avg' | 'sum';

/** `| avg(duration) > 1s`: keeps the spansets of which it is true. */
export interface AggregateStage {
  readonly type: 'aggregate';
  readonly function: AggregateFunction;
  /** Of count() there is none. */
  readonly operand: Expression | undefined;
  readonly op: Operator;
  readonly value: number | bigint;
  /** As answers name it. */
  readonly text: string;
}

/** `| by(kind)`: a spanset for each value. */
interface GroupStage {
  readonly type: 'by';
  readonly expression: Expression;
  readonly text: string;
}

export type Stage =
  | SpansetExpression
  | AggregateStage
  | GroupStage
  | { readonly type: 'coalesce' }
  | { readonly type: 'select'; readonly fields: readonly Field[] };

export interface Query {
  readonly spansets: SpansetExpression;
  /** Fields named by `| select(…)`, to be shown with each span. */
  readonly select: readonly Field[];
}
