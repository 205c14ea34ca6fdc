/** A field of a message, taken apart as far as the schema goes; written as it is here, right or wrong. */
interface Field {
  number: number;
  type: number;
  /** The value without its length; fields, where a message is known. */
  value: Buffer | Field[];
  /** Bytes by which its tag, and its length, are longer than they need be. */
  tagPadding: number;
  lengthPadding: number;
}

type Schema = { readonly [number: number]: Schema };
const any: { [number: number]: Schema } = {};
const keyValue: Schema = { 2: any };
any[5] = { 1: any };
any[6] = { 1: keyValue };
const span: Schema = { 9: keyValue, 11: { 3: keyValue }, 13: { 4: keyValue }, 15: {} };
const scopeSpans: Schema = { 1: { 3: keyValue }, 2: span };
const request: Schema = { 1: { 1: { 1: keyValue }, 2: scopeSpans, 1000: scopeSpans } };

/** Numbers from a seed, the same every time: a source of chance in [0, 1). */
export function seeded(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/**
 * An ExportTraceServiceRequest with one to three faults, or oddities, at places of any depth; and what they are. Throws
 * RangeError for bytes that are none.
 */
export function mutate(bytes: Uint8Array, chance: () => number): { bytes: Buffer; what: string } {
  const root = parse(Buffer.from(bytes), request);
  const what: string[] = [];
  for (let n = 1 + below(3, chance); n > 0; n--) {
    const places = placesIn(root);
    if (places.length === 0) break;
    const place = places[below(places.length, chance)];
    const [name, change] = changes[below(changes.length, chance)];
    what.push(`${place.path}: ${name}`);
    change(place, chance);
  }
  return { bytes: write(root), what: what.join('; ') };
}

/** The same with a field of it up to so many times, at any depth. */
export function repeatField(bytes: Uint8Array, most: number, chance: () => number): Buffer {
  const root = parse(Buffer.from(bytes), request);
  const places = placesIn(root);
  if (places.length === 0) return Buffer.from(bytes);
  const place = places[below(places.length, chance)];
  insert(place, ...Array.from({ length: below(most, chance) }, () => place.field));
  return write(root);
}

interface Place {
  readonly siblings: Field[];
  readonly field: Field;
  readonly path: string;
}
type Change = (place: Place, chance: () => number) => void;

const below = (limit: number, chance: () => number): number => Math.floor(chance() * limit);
const field = (number: number, type: number, value: Buffer | Field[]): Field => ({
  number,
  type,
  value,
  tagPadding: 0,
  lengthPadding: 0,
});
const insert = ({ siblings, field: at }: Place, ...fields: Field[]): void =>
  void siblings.splice(siblings.indexOf(at), 0, ...fields);
const randomBytes = (length: number, chance: () => number): Buffer =>
  Buffer.from(Array.from({ length }, () => below(256, chance)));
const badTexts = [[0xff], [0xc3], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf5, 0x80, 0x80, 0x80], [0x61, 0xe2, 0x82]];

/** A value of that wire type that is right in itself. */
function scalar(type: number, chance: () => number): Buffer {
  if (type === 0) return Buffer.from(varint(below(1000, chance)));
  if (type === 1) return randomBytes(8, chance);
  return type === 5 ? randomBytes(4, chance) : randomBytes(below(20, chance), chance);
}

const wireTypes = [0, 1, 2, 5];
const changes: readonly (readonly [string, Change])[] = [
  ['gone', ({ siblings, field: at }) => void siblings.splice(siblings.indexOf(at), 1)],
  ['twice', (place) => insert(place, structuredCloneOf(place.field))],
  [
    'another wire type',
    ({ field: at }, chance) => {
      at.type = [...wireTypes, 3, 4, 6, 7][below(8, chance)];
      at.value = scalar(at.type, chance);
    },
  ],
  ['another number', ({ field: at }, chance) => void (at.number = below(20, chance))],
  ['a number of before or to come', ({ field: at }, chance) => void (at.number = [1000, 1001, 99][below(3, chance)])],
  ['other bytes', ({ field: at }, chance) => void (at.value = randomBytes(below(20, chance), chance))],
  [
    'a length by one off',
    ({ field: at }, chance) => {
      if (Buffer.isBuffer(at.value))
        at.value = chance() < 0.5 ? at.value.subarray(1) : Buffer.concat([at.value, at.value.subarray(0, 1)]);
    },
  ],
  ['nothing in it', ({ field: at }) => void (at.value = Buffer.alloc(0))],
  ['no UTF-8', ({ field: at }, chance) => void (at.value = Buffer.from(badTexts[below(badTexts.length, chance)]))],
  [
    'a character cut',
    ({ field: at }) => {
      if (at.type === 2 && Buffer.isBuffer(at.value)) at.value = Buffer.concat([at.value, Buffer.from([0xe2, 0x82])]);
    },
  ],
  ['a longer tag', ({ field: at }, chance) => void (at.tagPadding = 1 + below(9, chance))],
  ['a longer length', ({ field: at }, chance) => void (at.lengthPadding = 1 + below(9, chance))],
  [
    'a longer varint',
    ({ field: at }, chance) => {
      if (at.type === 0) at.value = padded(below(200, chance), 1 + below(11, chance), chance);
    },
  ],
  [
    'all of 64 bits',
    ({ field: at }, chance) => {
      if (at.type === 0) at.value = Buffer.from([...new Array(9).fill(0xff), [0, 1, 2, 0x7f][below(4, chance)]]);
    },
  ],
  [
    'an unknown field before',
    (place, chance) => {
      const type = wireTypes[below(4, chance)];
      insert(place, field([21, 99, 1000, 536_870_911][below(4, chance)], type, scalar(type, chance)));
    },
  ],
  [
    'a field of the numbers around it before',
    (place, chance) => {
      const type = wireTypes[below(4, chance)];
      insert(place, field(1 + below(18, chance), type, scalar(type, chance)));
    },
  ],
  [
    'groups before',
    (place, chance) => {
      const depth = chance() < 0.5 ? 1 + below(4, chance) : 90 + below(20, chance);
      const edge = (type: number): Field[] => Array.from({ length: depth }, () => field(30, type, Buffer.alloc(0)));
      insert(place, ...edge(3), ...edge(4));
    },
  ],
  ['a group that never ends before', (place) => insert(place, field(30, 3, Buffer.alloc(0)))],
  [
    'an attribute nested deep',
    (place, chance) => {
      let value: Field[] = [field(3, 0, Buffer.from([7]))];
      for (let depth = 44 + below(6, chance); depth > 0; depth--) value = [field(5, 2, [field(1, 2, value)])];
      const { field: at } = place;
      if (Array.isArray(at.value) && at.number === 9) at.value = [field(1, 2, Buffer.from('deep')), field(2, 2, value)];
      else insert(place, field(9, 2, [field(1, 2, Buffer.from('deep')), field(2, 2, value)]));
    },
  ],
  ['order of fields', ({ siblings }) => void siblings.reverse()],
];

function structuredCloneOf(of: Field): Field {
  return { ...of, value: Array.isArray(of.value) ? of.value.map(structuredCloneOf) : of.value };
}

function placesIn(siblings: Field[], path = 'request', found: Place[] = []): Place[] {
  for (const each of siblings) {
    const here = `${path}.${each.number}`;
    found.push({ siblings, field: each, path: here });
    if (Array.isArray(each.value)) placesIn(each.value, here, found);
  }
  return found;
}

function parse(bytes: Buffer, schema: Schema): Field[] {
  const fields: Field[] = [];
  for (let at = 0; at < bytes.length; ) {
    const tag = readVarint(bytes, at);
    const number = Math.floor(tag.value / 8);
    const type = tag.value & 7;
    const start = type === 2 ? readVarint(bytes, tag.end).end : tag.end;
    if (type === 0) at = readVarint(bytes, start).end;
    else at = type === 2 ? start + readVarint(bytes, tag.end).value : start + (type === 1 ? 8 : 4);
    if (at > bytes.length) throw new RangeError('a field runs past the end');
    const value = bytes.subarray(start, at);
    fields.push(field(number, type, (type === 2 && parseWithin(value, schema[number])) || value));
  }
  return fields;
}

/** Undefined for what is no message, by the schema or by what it holds. */
function parseWithin(bytes: Buffer, schema: Schema | undefined): Field[] | undefined {
  try {
    return schema && parse(bytes, schema);
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/** Written from the end to the beginning, so that a length is known when its turn comes. */
let out = Buffer.alloc(1 << 16);
let outAt = 0;

function write(fields: readonly Field[]): Buffer {
  outAt = out.length;
  writeFields(fields);
  return Buffer.from(out.subarray(outAt));
}

function writeFields(fields: readonly Field[]): void {
  for (let i = fields.length - 1; i >= 0; i--) {
    const { number, type, value, tagPadding, lengthPadding } = fields[i];
    const bytesAfter = out.length - outAt;
    if (Array.isArray(value)) writeFields(value);
    else put(value);
    if (type === 2) put(varint(out.length - outAt - bytesAfter, lengthPadding));
    put(varint(number * 8 + type, tagPadding));
  }
}

function put(bytes: Uint8Array): void {
  if (bytes.length > outAt) {
    const larger = Buffer.alloc(2 * (out.length + bytes.length));
    out.copy(larger, larger.length - out.length + outAt, outAt);
    outAt += larger.length - out.length;
    out = larger;
  }
  outAt -= bytes.length;
  out.set(bytes, outAt);
}

function readVarint(bytes: Buffer, at: number): { value: number; end: number } {
  let value = 0;
  for (let i = 0; ; i++) {
    if (at + i >= bytes.length || i > 9) throw new RangeError('a varint runs past the end');
    value += (bytes[at + i] & 0x7f) * 2 ** (7 * i);
    if (bytes[at + i] < 0x80) return { value, end: at + i + 1 };
  }
}

/** Those of one byte, by their value: nearly all there are. */
const shortVarints = Array.from({ length: 0x80 }, (_, value) => Uint8Array.of(value));

function varint(value: number, padding = 0): Uint8Array {
  if (padding === 0 && value < 0x80) return shortVarints[value];
  const bytes: number[] = [];
  for (; value >= 0x80; value = Math.floor(value / 128)) bytes.push((value % 128) | 0x80);
  bytes.push(value);
  if (padding === 0) return Uint8Array.from(bytes);
  bytes[bytes.length - 1] |= 0x80;
  return Uint8Array.from([...bytes, ...new Array(padding - 1).fill(0x80), 0]);
}

const padded = (value: number, padding: number, chance: () => number): Buffer => {
  const bytes = Buffer.from(varint(value, padding));
  if (chance() < 0.3) bytes[bytes.length - 1] = below(128, chance);
  return bytes;
};
