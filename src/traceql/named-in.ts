import type { Field } from './ast.ts';

/** Every field that a query, or a part of one, names; some perhaps more than once. */
export function namedIn(node: unknown, fields: Field[] = []): Field[] {
  if (typeof node !== 'object' || node === null) return fields;
  const { type } = node as { type?: string };
  if (type === 'attribute' || type === 'intrinsic') fields.push(node as Field);
  else if (type !== 'literal') for (const child of Object.values(node)) namedIn(child, fields);
  return fields;
}
