import { JsonReader, spareBytes } from './json/reader.ts';
import { slackBytes } from './json/text.ts';

export { JsonReader, spareBytes } from './json/reader.ts';
export { slackBytes } from './json/text.ts';

/**
 * An ExportTraceServiceRequest in OTLP/JSON → the same in protobuf, at once; the JsonReader does it in pieces. Nothing
 * is lost: 64-bit integers keep every digit, as string or number. Enum names and snake_case keys are tolerated, unknown
 * keys ignored, null is unset. Throws MalformedError that says where.
 */
export function decodeJson(text: Uint8Array): Uint8Array {
  const from = spareBytes(text.length);
  const bytes = Buffer.allocUnsafe(from + text.length + slackBytes);
  bytes.set(text, from);
  const reader = new JsonReader(bytes, from);
  while (!reader.read(text.length));
  return reader.message();
}
