import type { Field, Literal } from './ast.ts';
import type { Cursor } from './cursor.ts';
import { constantNamed, intrinsicNamed } from './names.ts';

/** Either side of a comparison. */
export function parseOperand(at: Cursor): Field | Literal {
  const { type, text } = at.token;
  const isField = type === 'attribute' || (type === 'word' && intrinsicNamed(text) !== undefined);
  return isField ? parseFieldHere(at, 'a field') : parseLiteral(at, 'a field or a value');
}

export function parseFieldHere(at: Cursor, expected: string): Field {
  const { token } = at;
  const name = token.type === 'word' ? intrinsicNamed(token.text) : undefined;
  if (token.type !== 'attribute' && name === undefined) throw at.unexpected(expected);
  at.take();
  if (token.type === 'attribute') return { type: 'attribute', scope: token.scope, key: token.key };
  return { type: 'intrinsic', name: name! };
}

export function parseLiteral(at: Cursor, expected: string): Literal {
  const isNegative = at.skip('-');
  const { token } = at;
  const value = token.type === 'word' ? constantNamed(token.text) : 'value' in token ? token.value : undefined;
  const isNumber = typeof value === 'number' || typeof value === 'bigint';
  if (value === undefined || (isNegative && !isNumber)) {
    throw at.unexpected(isNegative ? 'a number after "-"' : expected);
  }
  at.take();
  return { type: 'literal', value: isNegative && isNumber ? -value : value };
}
