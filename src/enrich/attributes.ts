import { AnyValue, KeyValue } from '../wire/otlp.ts';
import type { Reader } from '../wire/reader.ts';
import { Writer } from '../wire/writer.ts';

export type AttributeValue = string | number | boolean;

/** Writes an attribute as `field` of the message being written. Whole numbers become integers, others doubles. */
export function writeAttribute(out: Writer, field: number, key: string, value: AttributeValue): void {
  const attribute = out.open(field);
  out.string(KeyValue.key, key);
  const any = out.open(KeyValue.value);
  writeValue(out, value);
  out.close(any);
  out.close(attribute);
}

/** The bytes that `writeAttribute` writes. */
export function attributeBytes(field: number, key: string, value: AttributeValue): Uint8Array {
  const out = new Writer(64);
  writeAttribute(out, field, key, value);
  return out.finish();
}

/** The key of the attribute under `r`, a cursor over it, which is then at its end. */
export function keyOf(r: Reader): string {
  let key = '';
  while (r.next()) {
    if (r.field === KeyValue.key && r.wireType === 2) key = r.string();
    else r.skip();
  }
  return key;
}

function writeValue(out: Writer, value: AttributeValue): void {
  if (typeof value === 'string') out.string(AnyValue.string, value);
  else if (typeof value === 'boolean') {
    out.tag(AnyValue.bool, 0);
    out.varint(value ? 1 : 0);
  } else if (Number.isSafeInteger(value)) {
    out.tag(AnyValue.int, 0);
    out.int64(BigInt(value));
  } else {
    out.tag(AnyValue.double, 1);
    out.double(value);
  }
}
