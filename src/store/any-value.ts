import type { Value } from '../traceql/ast.ts';
import { AnyValue, KeyValue, ListValue } from '../wire/otlp.ts';
import type { Reader } from '../wire/reader.ts';

/**
 * An AnyValue as TraceQL compares it; maps, bytes and nothing are nil.
 */
export function readValue(r: Reader, depth = 0): Value {
  let value: Value;
  while (r.next()) {
    if (r.field === AnyValue.string && r.wireType === 2) value = r.string();
    else if (r.field === AnyValue.bool && r.wireType === 0) value = r.varint() !== 0;
    else if (r.field === AnyValue.int && r.wireType === 0) value = r.int64();
    else if (r.field === AnyValue.double && r.wireType === 1) value = r.double();
    else if (r.field === AnyValue.array && r.wireType === 2 && depth === 0) value = readList(r.message());
    else r.skip();
  }
  return value;
}

function readList(r: Reader): Value[] {
  const values: Value[] = [];
  while (r.next()) {
    if (r.field === ListValue.values && r.wireType === 2) values.push(readValue(r.message(), 1));
    else r.skip();
  }
  return values;
}

export type ScalarType = 'string' | 'int' | 'float' | 'bool';

/** A scalar AnyValue as completion lists it; undefined for lists, maps, bytes and nothing. */
export function readScalar(r: Reader): { type: ScalarType; text: string } | undefined {
  let scalar: { type: ScalarType; text: string } | undefined;
  while (r.next()) {
    if (r.field === AnyValue.string && r.wireType === 2) scalar = { type: 'string', text: r.string() };
    else if (r.field === AnyValue.bool && r.wireType === 0) scalar = { type: 'bool', text: String(r.varint() !== 0) };
    else if (r.field === AnyValue.int && r.wireType === 0) scalar = { type: 'int', text: String(r.int64()) };
    else if (r.field === AnyValue.double && r.wireType === 1) scalar = { type: 'float', text: floatText(r.double()) };
    else r.skip();
  }
  return scalar;
}

/** As TraceQL writes a float, so that it is none of the integers. */
function floatText(value: number): string {
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : value < 0 ? '-Inf' : 'NaN';
  const text = String(value);
  return /[.e]/.test(text) ? text : `${text}.0`;
}

/** Reads one KeyValue into `into`; of a key that comes twice the first counts, though it were nil. */
export function readKeyValue(r: Reader, into: Map<string, Value>): void {
  let key = '';
  let value: Value;
  while (r.next()) {
    if (r.field === KeyValue.key && r.wireType === 2) key = r.string();
    else if (r.field === KeyValue.value && r.wireType === 2) value = readValue(r.message());
    else r.skip();
  }
  if (!into.has(key)) into.set(key, value);
}

/**
 * The value of the first attribute called `key` (UTF-8) among the fields of number `field`. Searches ask for one key of
 * a dozen, so the others are passed over undecoded.
 */
export function findAttribute(r: Reader, field: number, key: Uint8Array): Value {
  while (r.next()) {
    if (r.field !== field || r.wireType !== 2) {
      r.skip();
      continue;
    }
    const value = valueIfKey(r.message(), key);
    if (value !== ofAnotherKey) return value;
  }
  return undefined;
}

const ofAnotherKey = Symbol();

function valueIfKey(r: Reader, key: Uint8Array): Value | typeof ofAnotherKey {
  let isIt = key.length === 0;
  let value: Reader | undefined;
  while (r.next()) {
    if (r.field === KeyValue.key && r.wireType === 2) {
      isIt = equal(r.message(), key);
      if (!isIt) return ofAnotherKey;
    } else if (r.field === KeyValue.value && r.wireType === 2) value = r.message();
    else r.skip();
  }
  if (!isIt) return ofAnotherKey;
  return value === undefined ? undefined : readValue(value);
}

function equal(at: Reader, bytes: Uint8Array): boolean {
  if (at.end - at.pos !== bytes.length) return false;
  for (let i = 0; i < bytes.length; i++) if (at.buf[at.pos + i] !== bytes[i]) return false;
  return true;
}
