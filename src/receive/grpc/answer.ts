import type { OutgoingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import { type Refusal, refusals } from '../../errors.ts';
import { encodings } from '../inflate.ts';
import { encodeRetryInfo, encodeStatus } from '../rpc-status.ts';

const contentType = 'application/grpc';
const acceptEncoding = ['identity', ...encodings].join(',');

/** Sent as they are for every message answered. */
const messageHeaders = { ':status': 200, 'content-type': contentType };
const messageOptions = { waitForTrailers: true, sendDate: false };
const okTrailers = { 'grpc-status': '0' };
const endOptions = { endStream: true, sendDate: false };

/** A message with its 5-byte prefix: not compressed, big-endian length. */
export function frame(message: Uint8Array): Buffer {
  const framed = Buffer.allocUnsafe(5 + message.length);
  framed[0] = 0;
  framed.writeUInt32BE(message.length, 1);
  framed.set(message, 5);
  return framed;
}

/** Starts an answer that carries messages. */
export function startMessages(stream: ServerHttp2Stream): void {
  stream.respond(messageHeaders, messageOptions);
}

function sendOkTrailers(this: ServerHttp2Stream): void {
  this.sendTrailers(okTrailers);
}

/** Ends an answer that carried messages with status OK. */
export function endOk(stream: ServerHttp2Stream, lastFrame?: Buffer): void {
  stream.on('wantTrailers', sendOkTrailers);
  if (lastFrame === undefined) stream.end();
  else stream.end(lastFrame);
}

/** The whole answer of a unary call that went well. `framed` may be shared by many calls. */
export function answerOk(stream: ServerHttp2Stream, framed: Buffer): void {
  if (isGone(stream)) return;
  startMessages(stream);
  endOk(stream, framed);
}

/** A status alone ("Trailers-Only"), and no interest in what the client may still send. */
export function answerStatus(
  stream: ServerHttp2Stream,
  code: number,
  message: string,
  more: OutgoingHttpHeaders = {},
): void {
  if (isGone(stream)) return;
  const headers = {
    ':status': 200,
    'content-type': contentType,
    'grpc-status': String(code),
    'grpc-message': percentEncode(message),
    ...more,
  };
  stream.respond(headers, endOptions);
  stopReading(stream);
}

/** Status, message and, where the request may be sent again, RetryInfo: the standard way and the one Python reads. */
export function answerRefusal(stream: ServerHttp2Stream, refusal: Refusal): void {
  answerStatus(stream, refusals[refusal.reason].grpc, refusal.message, refusalMetadata(refusal));
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
export function answerHttp(stream: ServerHttp2Stream, status: number): void {
  if (isGone(stream)) return;
  stream.respond({ ':status': status }, endOptions);
  stopReading(stream);
}

/** Drops what still comes, and asks the client to stop; not before the answer has left, or the reset would overtake it. */
function stopReading(stream: ServerHttp2Stream): void {
  stream.resume();
  setImmediate(() => {
    if (!stream.readableEnded) stream.close();
  });
}

/** Reset by the client, or its connection broke: nobody is left to answer. */
const isGone = (stream: ServerHttp2Stream): boolean => stream.destroyed || stream.closed;

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');

/** Percent-encodes all but printable ASCII, and the percent sign (PROTOCOL-HTTP2, "Status-Message"). */
export function percentEncode(message: string): string {
  return message.replace(/[^\x20-\x24\x26-\x7e]+/g, (rest) => {
    let encoded = '';
    for (const byte of Buffer.from(rest)) encoded += `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
    return encoded;
  });
}
