import type { Expression, Field, Literal } from './ast.ts';
import { durationText } from './duration.ts';

/** An expression as Tempo writes it, by which answers name what stages made (pkg/traceql/ast_stringer.go). */
export function textOf(expression: Expression): string {
  switch (expression.type) {
    case 'attribute':
    case 'intrinsic':
      return fieldText(expression);
    case 'literal':
      return literalText(expression);
    case 'not':
      return `!${wrapped(expression.operand)}`;
    case 'negate':
      return `-${wrapped(expression.operand)}`;
    case 'exists':
      return `${wrapped(expression.operand)} ${expression.wanted ? '!=' : '='} nil`;
    case 'match':
      return `${wrapped(expression.operand)} ${expression.negated ? '!~' : '=~'} \`${expression.pattern.source}\``;
    case 'and':
    case 'or':
      return `${wrapped(expression.left)} ${expression.type === 'and' ? '&&' : '||'} ${wrapped(expression.right)}`;
    default:
      return `${wrapped(expression.left)} ${expression.op} ${wrapped(expression.right)}`;
  }
}

const wrapped = (expression: Expression): string => {
  const { type } = expression;
  return type === 'attribute' || type === 'intrinsic' || type === 'literal'
    ? textOf(expression)
    : `(${textOf(expression)})`;
};

const fieldText = (field: Field): string =>
  field.type === 'intrinsic' ? field.name : `${field.scope === 'any' ? '' : field.scope}.${field.key}`;

function literalText({ value, isDuration }: Literal): string {
  if (typeof value === 'string') return `\`${value}\``;
  if (typeof value === 'object') return value.name;
  if (isDuration) return durationText(value as number);
  const text = String(value);
  return typeof value === 'number' && !/[e.]/.test(text) ? `${text}.0` : text;
}
