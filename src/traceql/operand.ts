import type { Field, Literal } from './ast.ts';
import type { Cursor } from './cursor.ts';
import { constantNamed, intrinsicNamed } from './names.ts';

/** What stands beside an operator. */
export function parseOperand(at: Cursor): Field | Literal {
  const { type, text } = at.token;
  const isField = type === 'attribute' || (type === 'word' && intrinsicNamed(text) !== undefined);
  return isField ? parseFieldHere(at, 'a field') : parseValue(at, 'a field or a value');
}

export function parseFieldHere(at: Cursor, expected: string): Field {
  const { token } = at;
  const name = token.type === 'word' ? intrinsicNamed(token.text) : undefined;
  if (token.type !== 'attribute' && name === undefined) throw at.unexpected(expected);
  at.take();
  if (token.type === 'attribute') return { type: 'attribute', scope: token.scope, key: token.key };
  return { type: 'intrinsic', name: name! };
}

/** A value, which may be negative. */
export function parseLiteral(at: Cursor, expected: string): Literal {
  if (!at.skip('-')) return parseValue(at, expected);
  if (at.token.type !== 'number' && at.token.type !== 'duration') throw at.unexpected('a number after "-"');
  const literal = parseValue(at, expected);
  return { ...literal, value: -(literal.value as number) };
}

function parseValue(at: Cursor, expected: string): Literal {
  const { token } = at;
  const value = token.type === 'word' ? constantNamed(token.text) : 'value' in token ? token.value : undefined;
  if (value === undefined) throw at.unexpected(expected);
  at.take();
  return token.type === 'duration' ? { type: 'literal', value, isDuration: true } : { type: 'literal', value };
}
