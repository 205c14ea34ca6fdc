/** A condition as it is written. `at` and `end` are where it stands in the text. */
export type Node = ValueNode | ConditionNode;

interface Placed {
  readonly at: number;
  readonly end: number;
}

/** What a literal may be. */
export type Literal = null | string | boolean | bigint | number | Uint8Array;

export interface PathField extends Placed {
  readonly name: string;
  readonly keys: readonly (Placed & { readonly key: string | bigint })[];
}

export interface Argument extends Placed {
  readonly name: string | undefined;
  readonly value: Node;
}

type LiteralNode = Placed & { readonly is: 'literal'; readonly value: Literal };
export type PathNode = Placed & { readonly is: 'path'; readonly fields: readonly PathField[] };
export type CallNode = Placed & { readonly is: 'call'; readonly name: string; readonly args: readonly Argument[] };
type ListNode = Placed & { readonly is: 'list'; readonly items: readonly Node[] };
export type MathOperator = '+' | '-' | '*' | '/';

export type ValueNode =
  | LiteralNode
  | PathNode
  | CallNode
  | ListNode
  | (Placed & { readonly is: 'enum'; readonly name: string })
  | (Placed & { readonly is: 'negated'; readonly of: Node })
  | (Placed & { readonly is: 'math'; readonly op: MathOperator; readonly left: Node; readonly right: Node });

export type CompareOperator = '==' | '!=' | '<' | '<=' | '>' | '>=';
export type ComparisonNode = Placed & {
  readonly is: 'comparison';
  readonly op: CompareOperator;
  readonly left: Node;
  readonly right: Node;
};

type ConditionNode =
  | ComparisonNode
  | (Placed & { readonly is: 'not'; readonly of: Node })
  | (Placed & { readonly is: 'and' | 'or'; readonly of: readonly Node[] });
