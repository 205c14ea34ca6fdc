import { AnyValue } from '../wire/otlp.ts';
import type { Reader } from '../wire/reader.ts';
import type { Writer } from '../wire/writer.ts';
import { mask } from './rule.ts';
import type { Text } from './shapes.ts';

const lenient = new TextDecoder('utf-8', { ignoreBOM: true });
const strict = new TextDecoder('utf-8', { ignoreBOM: true, fatal: true });

/** A string, or bytes that are valid UTF-8; null for other bytes. */
export function textOf(bytes: Uint8Array, type: Text): string | null {
  if (type === 'text') return lenient.decode(bytes);
  try {
    return strict.decode(bytes);
  } catch {
    return null;
  }
}

/** Writes an AnyValue that is the mask as `field`. */
export function writeMask(out: Writer, field: number): void {
  const start = out.open(field);
  out.string(AnyValue.string, mask);
  out.close(start);
}

/** Is the AnyValue under `r` worth hiding? True and false are no secrets. */
export function isSecret(value: Reader): boolean {
  let secret = false;
  while (value.next()) {
    if (value.field === AnyValue.string && value.wireType === 2) {
      const text = value.string();
      secret = text !== '' && text !== mask;
    } else {
      secret = value.field !== AnyValue.bool;
      value.skip();
    }
  }
  return secret;
}
