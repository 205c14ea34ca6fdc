import { bodyEnd, fieldNumber, fieldType, malformed, maxDepth, open, readTag, skipValue } from '../wire/cursor.ts';

/**
 * The messages inside a request that nobody needs to read but whose form must be right, because a broken one would make
 * the far end refuse the whole batch it leaves in. One row a kind: by field number, the wire type it must have, and the
 * kind of the message in it. `traceId` and `spanId` have 16 and 8 bytes, or none. Fields that are not listed are
 * unknown: skipped, and kept as they are. The `…Strindex` fields are of opentelemetry-proto v1.9 and mean something in
 * profiles only.
 */
const kinds = {
  resource: { 1: 'keyValue', 2: 'varint', 3: 'entityRef' },
  entityRef: { 1: 'bytes', 2: 'bytes', 3: 'bytes', 4: 'bytes' },
  scope: { 1: 'bytes', 2: 'bytes', 3: 'keyValue', 4: 'varint' },
  event: { 1: 'fixed64', 2: 'bytes', 3: 'keyValue', 4: 'varint' },
  link: { 1: 'traceId', 2: 'spanId', 3: 'bytes', 4: 'keyValue', 5: 'varint', 6: 'fixed32' },
  status: { 2: 'bytes', 3: 'varint' },
  /** 3: keyStrindex. */
  keyValue: { 1: 'bytes', 2: 'anyValue', 3: 'varint' },
  /** 8: stringValueStrindex. */
  anyValue: { 1: 'bytes', 2: 'varint', 3: 'varint', 4: 'fixed64', 5: 'array', 6: 'kvlist', 7: 'bytes', 8: 'varint' },
  array: { 1: 'anyValue' },
  kvlist: { 1: 'keyValue' },
} as const;

export type Kind = keyof typeof kinds;
const kindNames = Object.keys(kinds) as Kind[];
const scalarTypes = { varint: 0, fixed64: 1, bytes: 2, traceId: 2, spanId: 2, fixed32: 5 } as const;
const idBytes: Readonly<Record<string, number>> = { traceId: 16, spanId: 8 };

/**
 * Of a row of 16 a kind: the wire type + 1 (0 = unknown field), the nested kind + 1 four bits up, an id's length eight
 * up.
 */
const table = new Uint16Array(kindNames.length * 16);
for (const [row, name] of kindNames.entries()) {
  for (const [field, expected] of Object.entries<string>(kinds[name])) {
    const scalar = scalarTypes[expected as keyof typeof scalarTypes];
    table[row * 16 + Number(field)] =
      scalar === undefined
        ? 3 | ((kindNames.indexOf(expected as Kind) + 1) << 4)
        : (scalar + 1) | ((idBytes[expected] ?? 0) << 8);
  }
}

export const kindOf = (name: Kind): number => kindNames.indexOf(name);

/**
 * Throws MalformedError unless buf[pos, end) is a well-formed message of the kind. `depth` is how deep it lies in the
 * request: a ResourceSpans lies 1 deep.
 */
export function validate(kind: number, buf: Uint8Array, pos: number, end: number, depth: number): void {
  if (depth > maxDepth) throw malformed(pos, `values nested more than ${maxDepth} deep, counted from the request`);
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
    const expected = number < 16 ? table[kind * 16 + number] : 0;
    if (expected === 0) {
      pos = skipValue(buf, pos, end, type);
      continue;
    }
    if (type !== (expected & 15) - 1) {
      throw malformed(pos, `${kindNames[kind]} field ${number} has wire type ${type}, not ${(expected & 15) - 1}`);
    }
    if (type === 2) {
      pos = open(buf, pos, end);
      const inner = bodyEnd;
      const nested = (expected >>> 4) & 15;
      if (nested !== 0) validate(nested - 1, buf, pos, inner, depth + 1);
      else if (expected > 255) validateId(kind, number, expected >>> 8, inner - pos, pos);
      pos = inner;
    } else {
      pos = skipValue(buf, pos, end, type);
    }
  }
}

function validateId(kind: number, field: number, bytes: number, found: number, pos: number): void {
  if (found === bytes || found === 0) return;
  throw malformed(pos, `${kindNames[kind]} field ${field}: an id of ${found} bytes, not ${bytes}`);
}
