import { type Encoding, encodings } from '../encodings.ts';

/** Where traces are sent (OTLP specification, "OTLP/HTTP Request"). */
export const tracesPath = '/v1/traces';

/** The path of a request's target, which is a path or, as to a proxy, a whole URL (RFC 9112, 3.2.1 and 3.2.2). */
export function pathOf(target: string): string {
  return target.replace(/^https?:\/\/[^/?#]*/i, '').split('?', 1)[0];
}

export type BodyType = 'protobuf' | 'json';

export const mediaTypes: Readonly<Record<BodyType, string>> = {
  protobuf: 'application/x-protobuf',
  json: 'application/json',
};

/** The type of a body by its Content-Type, parameters aside; undefined for any that OTLP/HTTP does not know. */
export function bodyTypeOf(contentType: string | undefined): BodyType | undefined {
  const mediaType = contentType?.split(';', 1)[0].trim().toLowerCase();
  if (mediaType === mediaTypes.protobuf) return 'protobuf';
  return mediaType === mediaTypes.json ? 'json' : undefined;
}

/** Names in use for the encodings; the Collector calls deflate "zlib" too, and RFC 9110 knows "x-gzip". */
const aliases: Readonly<Record<string, Encoding>> = { 'x-gzip': 'gzip', zlib: 'deflate' };

/** The encoding by Content-Encoding; undefined for one that cannot be unpacked here. */
export function encodingOf(contentEncoding: string | undefined): Encoding | 'identity' | undefined {
  const name = (contentEncoding ?? '').trim().toLowerCase();
  if (name === '' || name === 'identity') return 'identity';
  const encoding = aliases[name] ?? name;
  return encodings.find((known) => known === encoding);
}
