import { AnyValue, KeyValue, ListValue } from '../../wire/otlp.ts';
import { Reader } from '../../wire/reader.ts';

/** What has no value: the Collector calls it an error, and a condition that meets one does not hold. */
export const fault = Symbol('fault');

/** A trace or span id, as hex digits: equal to none of the other length. */
export class Id {
  readonly hex: string;

  constructor(hex: string) {
    this.hex = hex;
  }
}

/** Nanoseconds since 1970. */
export class Moment {
  readonly ns: bigint;

  constructor(ns: bigint) {
    this.ns = ns;
  }
}

export class Duration {
  readonly ns: bigint;

  constructor(ns: bigint) {
    this.ns = BigInt.asIntN(64, ns);
  }
}

/** Go's nil, string, bool, int64, float64, []byte, Time, Duration, TraceID and SpanID, Slice, Map. */
export type Value =
  | null
  | string
  | boolean
  | bigint
  | number
  | Uint8Array
  | Moment
  | Duration
  | Id
  | readonly Value[]
  | ReadonlyMap<string, Value>;

export type ValueOrFault = Value | typeof fault;

export const isList = (value: ValueOrFault): value is readonly Value[] => Array.isArray(value);

/** Quicker than TextDecoder on short texts; it works on any Uint8Array. */
const utf8Slice = Buffer.prototype.utf8Slice;
export const textAt = (buf: Uint8Array, start: number, end: number): string => utf8Slice.call(buf, start, end);

/** The AnyValue message at buf[start, end): well-formed, and of bounded depth. An empty one is nil. */
export function readAnyValue(buf: Uint8Array, start: number, end: number): Value {
  return anyValue(new Reader(buf, start, end));
}

function anyValue(r: Reader): Value {
  let value: Value = null;
  while (r.next()) {
    if (r.field === AnyValue.string && r.wireType === 2) value = text(r);
    else if (r.field === AnyValue.bool && r.wireType === 0) value = r.varint() !== 0;
    else if (r.field === AnyValue.int && r.wireType === 0) value = r.int64();
    else if (r.field === AnyValue.double && r.wireType === 1) value = r.double();
    else if (r.field === AnyValue.bytes && r.wireType === 2) value = r.bytes();
    else if (r.field === AnyValue.array && r.wireType === 2) value = list(r.message());
    else if (r.field === AnyValue.kvlist && r.wireType === 2) value = readKeyValues(r.message(), ListValue.values);
    else r.skip();
  }
  return value;
}

function list(r: Reader): readonly Value[] {
  const values: Value[] = [];
  while (r.next()) {
    if (r.field === ListValue.values && r.wireType === 2) values.push(anyValue(r.message()));
    else r.skip();
  }
  return values;
}

/** The KeyValue messages in field `field` of the message under `r`; of equal keys the first counts. */
export function readKeyValues(r: Reader, field: number): ReadonlyMap<string, Value> {
  const values = new Map<string, Value>();
  while (r.next()) {
    if (r.field === field && r.wireType === 2) addKeyValue(r.message(), values);
    else r.skip();
  }
  return values;
}

function addKeyValue(r: Reader, values: Map<string, Value>): void {
  let key = '';
  let value: Value = null;
  while (r.next()) {
    if (r.field === KeyValue.key && r.wireType === 2) key = text(r);
    else if (r.field === KeyValue.value && r.wireType === 2) value = anyValue(r.message());
    else r.skip();
  }
  if (!values.has(key)) values.set(key, value);
}

function text(r: Reader): string {
  const bytes = r.bytes();
  return textAt(bytes, 0, bytes.length);
}
