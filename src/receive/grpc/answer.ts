import { type Refusal, refusals, Unauthenticated } from '../../errors.ts';
import { encodings } from '../encodings.ts';
import { encodeHeaders } from '../http2/encode-headers.ts';
import type { Stream } from '../http2/stream.ts';
import { encodeRetryInfo, encodeStatus } from '../rpc-status.ts';

const contentType = 'application/grpc';
const acceptEncoding = ['identity', ...encodings].join(',');
/** Of a message in a header, which must fit a frame together with RetryInfo. */
const maxMessageChars = 1000;

/** Sent as they are for every message answered. */
const messageHeaders = encodeHeaders({ ':status': '200', 'content-type': contentType });
const okTrailers = encodeHeaders({ 'grpc-status': '0' });

/** A message with its 5-byte prefix: not compressed, big-endian length. */
export function frame(message: Uint8Array): Buffer {
  const framed = Buffer.allocUnsafe(5 + message.length);
  framed[0] = 0;
  framed.writeUInt32BE(message.length, 1);
  framed.set(message, 5);
  return framed;
}

/** Starts an answer that carries messages. */
export function startMessages(stream: Stream): void {
  stream.respond(messageHeaders);
}

/** Ends an answer that carried messages with status OK. */
export function endOk(stream: Stream): void {
  stream.end(okTrailers);
}

/** The whole answer of a unary call that went well. `framed` may be shared by many calls. */
export function answerOk(stream: Stream, framed: Uint8Array): void {
  startMessages(stream);
  stream.write(framed);
  endOk(stream);
}

/** A status alone ("Trailers-Only"), and no interest in what the client may still send. */
export function answerStatus(stream: Stream, code: number, message: string): void {
  stream.respond(statusBlock(code, message), true);
}

function statusBlock(code: number, message: string, more: Record<string, string> = {}): Uint8Array {
  return encodeHeaders({
    ':status': '200',
    'content-type': contentType,
    'grpc-status': String(code),
    'grpc-message': percentEncode(message.slice(0, maxMessageChars)),
    ...more,
  });
}

/** Status, message and, where the request may be sent again, RetryInfo: the standard way and the one Python reads. */
export function answerRefusal(stream: Stream, refusal: Refusal): void {
  stream.respond(refusal instanceof Unauthenticated ? unauthenticatedBlock(refusal) : refusalBlock(refusal), true);
}

const refusalBlock = (refusal: Refusal): Uint8Array =>
  statusBlock(refusals[refusal.reason].grpc, refusal.message, refusalMetadata(refusal));

const unauthenticatedBlocks = new WeakMap<Unauthenticated, Uint8Array>();

/** Made once for each; not to be written to. */
function unauthenticatedBlock(refusal: Unauthenticated): Uint8Array {
  const made = unauthenticatedBlocks.get(refusal) ?? refusalBlock(refusal);
  unauthenticatedBlocks.set(refusal, made);
  return made;
}

/** Trailers of a refusal beside its status; `-bin` values as base64. */
export function refusalMetadata(refusal: Refusal): Record<string, string> {
  if (refusal.reason === 'unsupported_encoding') return { 'grpc-accept-encoding': acceptEncoding };
  if (refusal.retryAfterMs === 0) return {};
  return {
    'grpc-status-details-bin': base64(encodeStatus(refusal)),
    'google.rpc.retryinfo-bin': base64(encodeRetryInfo(refusal.retryAfterMs)),
  };
}

/** An answer below gRPC: the client spoke something else (PROTOCOL-HTTP2, "Responses"). */
export function answerHttp(stream: Stream, status: number): void {
  stream.respond(encodeHeaders({ ':status': String(status) }), true);
}

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');

/** Percent-encodes all but printable ASCII, and the percent sign (PROTOCOL-HTTP2, "Status-Message"). */
export function percentEncode(message: string): string {
  return message.replace(/[^\x20-\x24\x26-\x7e]+/g, (rest) => {
    let encoded = '';
    for (const byte of Buffer.from(rest)) encoded += `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
    return encoded;
  });
}
