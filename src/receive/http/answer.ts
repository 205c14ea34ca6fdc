import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { type Refusal, refusals } from '../../errors.ts';
import type { Receipt } from '../../model/intake.ts';
import { STATUS_CODES } from '../../node-http.ts';
import { encodeExportResponse, exportResponseJson } from '../export-response.ts';
import { encodings } from '../inflate.ts';
import { encodeStatus, statusJson } from '../rpc-status.ts';
import { type BodyType, mediaTypes } from './content.ts';

/** 200 with ExportTraceServiceResponse in the request's type. */
export function answerReceipt(
  response: ServerResponse,
  type: BodyType,
  receipt: Receipt,
  more: OutgoingHttpHeaders,
): void {
  send(response, 200, type, type === 'json' ? exportResponseJson(receipt) : encodeExportResponse(receipt), more);
}

/** The refusal's status with google.rpc.Status in the request's type; in JSON where that is not known. */
export function answerRefusal(
  response: ServerResponse,
  type: BodyType | undefined,
  refusal: Refusal,
  more: OutgoingHttpHeaders,
): void {
  const body = type === 'protobuf' ? encodeStatus(refusal) : statusJson(refusal);
  send(response, refusals[refusal.reason].http, type ?? 'json', body, { ...more, ...hintsOf(refusal) });
}

/** The same where there is no response object, since the request could not even be parsed. Closes the connection. */
export function answerRaw(socket: Duplex, status: number, refusal: Refusal): void {
  if (!socket.writable) return;
  const body = statusJson(refusal);
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\nContent-Type: ${mediaTypes.json}\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}

function send(
  response: ServerResponse,
  status: number,
  type: BodyType,
  body: string | Uint8Array,
  more: OutgoingHttpHeaders,
): void {
  if (response.destroyed || response.headersSent) return;
  response.writeHead(status, { 'content-type': mediaTypes[type], 'content-length': Buffer.byteLength(body), ...more });
  response.end(body);
}

/** What the sender may do about it (RFC 9110: 10.2.1, 10.2.3, 15.5.16). */
function hintsOf(refusal: Refusal): OutgoingHttpHeaders {
  if (refusal.reason === 'wrong_method') return { allow: 'POST, OPTIONS' };
  if (refusal.reason === 'unsupported_encoding') return { 'accept-encoding': encodings.join(', ') };
  if (refusal.reason === 'timeout') return { connection: 'close' };
  return refusal.retryAfterMs > 0 ? { 'retry-after': String(Math.max(1, Math.ceil(refusal.retryAfterMs / 1000))) } : {};
}
