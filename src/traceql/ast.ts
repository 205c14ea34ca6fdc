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
 * What a field holds or a literal says. Integers, floats and durations (nanoseconds) are one kind, numeric: a number,
 * or a bigint where a number would round. An attribute that is absent (`nil`) is undefined; an array matches by its
 * elements.
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
}

export type Operator = '=' | '!=' | '>' | '>=' | '<' | '<=';

/** A fully anchored regular expression that runs in linear time. */
export interface Pattern {
  readonly source: string;
  test(text: string): boolean;
  /** The only texts it matches, where it is nothing but literal alternatives (`a|b`). */
  readonly literals: readonly string[] | undefined;
}

/** What stands between the braces. */
export type Expression =
  | Field
  | Literal
  | { readonly type: 'compare'; readonly op: Operator; readonly left: Field | Literal; readonly right: Field | Literal }
  | { readonly type: 'match'; readonly field: Field; readonly pattern: Pattern; readonly negated: boolean }
  | { readonly type: 'exists'; readonly field: Field; readonly wanted: boolean }
  | { readonly type: 'not'; readonly operand: Expression }
  | { readonly type: 'and' | 'or'; readonly left: Expression; readonly right: Expression };

/** Spansets joined on the level of the trace: both must match some span of it, or either. */
export type SpansetExpression =
  | { readonly type: 'spanset'; readonly filter: Expression }
  | { readonly type: 'both' | 'either'; readonly left: SpansetExpression; readonly right: SpansetExpression };

export interface Query {
  readonly spansets: SpansetExpression;
  /** Fields named by `| select(…)`, to be shown with each span. */
  readonly select: readonly Field[];
}
