import { bodyEnd, fieldNumber, fieldType, malformed, open, readTag, skipValue } from '../wire/cursor.ts';

/**
 * The messages inside a request that nobody needs to read but whose form must be right, because a broken one would make
 * the far end refuse the whole batch it leaves in. One row a kind: by field number, the wire type it must have, and the
 * kind of the message in it. Fields that are not listed are unknown: skipped, and kept as they are.
 */
const kinds = {
  resource: { 1: 'keyValue', 2: 'varint', 3: 'entityRef' },
  entityRef: { 1: 'bytes', 2: 'bytes', 3: 'bytes', 4: 'bytes' },
  scope: { 1: 'bytes', 2: 'bytes', 3: 'keyValue', 4: 'varint' },
  event: { 1: 'fixed64', 2: 'bytes', 3: 'keyValue', 4: 'varint' },
  link: { 1: 'bytes', 2: 'bytes', 3: 'bytes', 4: 'keyValue', 5: 'varint', 6: 'fixed32' },
  status: { 2: 'bytes', 3: 'varint' },
  keyValue: { 1: 'bytes', 2: 'anyValue' },
  anyValue: { 1: 'bytes', 2: 'varint', 3: 'varint', 4: 'fixed64', 5: 'array', 6: 'kvlist', 7: 'bytes' },
  array: { 1: 'anyValue' },
  kvlist: { 1: 'keyValue' },
} as const;

export type Kind = keyof typeof kinds;
const kindNames = Object.keys(kinds) as Kind[];
const scalarTypes = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const;

/** A row of 8 a kind: the expected wire type + 1 in the low nibble (0 = unknown field), the nested kind + 1 above it. */
const table = new Uint8Array(kindNames.length * 8);
for (const [row, name] of kindNames.entries()) {
  for (const [field, expected] of Object.entries<string>(kinds[name])) {
    const scalar = scalarTypes[expected as keyof typeof scalarTypes];
    table[row * 8 + Number(field)] =
      scalar === undefined ? 3 | ((kindNames.indexOf(expected as Kind) + 1) << 4) : scalar + 1;
  }
}

export const kindOf = (name: Kind): number => kindNames.indexOf(name);

/** Values nest; deeper than this is nobody's telemetry. */
const maxDepth = 100;

/** Throws MalformedError unless buf[pos, end) is a well-formed message of the kind. */
export function validate(kind: number, buf: Uint8Array, pos: number, end: number, depth = 0): void {
  if (depth > maxDepth) throw malformed(pos, `values nested more than ${maxDepth} deep`);
  while (pos < end) {
    let type: number;
    let number: number;
    const tag = buf[pos];
    if (tag < 0x80) {
      type = tag & 7;
      number = tag >>> 3;
      if (number === 0) throw malformed(pos, 'field number 0');
      pos++;
    } else {
      pos = readTag(buf, pos, end);
      type = fieldType;
      number = fieldNumber;
    }
    const expected = number < 8 ? table[kind * 8 + number] : 0;
    if (expected === 0) {
      pos = skipValue(buf, pos, end, number, type);
      continue;
    }
    if (type !== (expected & 15) - 1) {
      throw malformed(pos, `${kindNames[kind]} field ${number} has wire type ${type}, not ${(expected & 15) - 1}`);
    }
    if (type === 2) {
      pos = open(buf, pos, end);
      const inner = bodyEnd;
      if (expected > 15) validate((expected >>> 4) - 1, buf, pos, inner, depth + 1);
      pos = inner;
    } else {
      pos = skipValue(buf, pos, end, number, type);
    }
  }
}
