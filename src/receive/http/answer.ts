import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { systemClock } from '../../clock.ts';
import { type Refusal, refusals, Unauthenticated } from '../../errors.ts';
import type { Receipt } from '../../model/intake.ts';
import { STATUS_CODES } from '../../node-http.ts';
import { encodings } from '../encodings.ts';
import { encodeExportResponse, exportResponseJson } from '../export-response.ts';
import { encodeStatus, statusJson } from '../rpc-status.ts';
import { type BodyType, mediaTypes } from './content.ts';

/** Longer than any sender keeps an idle connection, so that it is never we who close one that is about to be used. */
export const keepAliveMs = 125_000;

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | number>>;
  readonly body: string | Uint8Array;
}

/** 200 with ExportTraceServiceResponse in the request's type. */
export function receiptAnswer(type: BodyType, receipt: Receipt): Answer {
  return answer(200, type, type === 'json' ? exportResponseJson(receipt) : encodeExportResponse(receipt));
}

/** The refusal's status with google.rpc.Status in the request's type; in JSON where that is not known. */
export function refusalAnswer(type: BodyType | undefined, refusal: Refusal): Answer {
  const body = type === 'protobuf' ? encodeStatus(refusal) : statusJson(refusal);
  return answer(refusals[refusal.reason].http, type ?? 'json', body, hintsOf(refusal));
}

/** Sends an answer by node:http, with more headers. */
export function sendAnswer(
  response: ServerResponse,
  { status, headers, body }: Answer,
  more: OutgoingHttpHeaders,
): void {
  if (response.destroyed || response.headersSent) return;
  response.writeHead(status, { ...headers, ...more });
  response.end(body);
}

/** An answer as it goes over the wire. `unixMs` is for the date; `last`: the connection closes behind it. */
export function writeAnswer({ status, headers, body }: Answer, unixMs: number, last: boolean): Buffer {
  const stay = { connection: 'keep-alive', 'keep-alive': `timeout=${keepAliveMs / 1000}` };
  const fields = { ...headers, date: dateOf(unixMs), ...(last ? { connection: 'close' } : stay) };
  let head = `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n`;
  for (const [name, value] of Object.entries(fields)) head += `${name}: ${value}\r\n`;
  return Buffer.concat([Buffer.from(`${head}\r\n`, 'latin1'), Buffer.from(body as Uint8Array)]);
}

let taken: { second: number; bytes: Buffer } = { second: 0, bytes: Buffer.alloc(0) };
/** The answer to nearly every protobuf request, made once a second. Not to be written to. */
export function writeFullSuccess(unixMs: number): Buffer {
  const second = Math.floor(unixMs / 1000);
  if (second !== taken.second) {
    const bytes = writeAnswer(answer(200, 'protobuf', new Uint8Array(0)), unixMs, false);
    taken = { second, bytes };
  }
  return taken.bytes;
}

const unauthenticated = new WeakMap<Unauthenticated, typeof taken>();
/** A refusal of a plain request, on a connection that stays; not to be written to. */
export function writeRefusal(refusal: Refusal, unixMs: number): Buffer {
  if (!(refusal instanceof Unauthenticated)) return writeAnswer(refusalAnswer('protobuf', refusal), unixMs, false);
  const second = Math.floor(unixMs / 1000);
  const made = unauthenticated.get(refusal);
  if (made?.second === second) return made.bytes;
  const bytes = writeAnswer(refusalAnswer('protobuf', refusal), unixMs, false);
  unauthenticated.set(refusal, { second, bytes });
  return bytes;
}

/** As RFC 9110, 6.6.1 has it. */
const dateOf = (unixMs: number): string => new Date(unixMs).toUTCString();

/** What a client hears whose request is not even read. The connection closes behind it. */
export const farewell = (refusal: Refusal): Buffer =>
  writeAnswer(refusalAnswer(undefined, refusal), systemClock.unixMs(), true);

/** A refusal where the request could not even be parsed. Closes the connection. */
export function answerRaw(socket: Duplex, status: number, refusal: Refusal): void {
  if (!socket.writable) return;
  socket.end(writeAnswer(answer(status, 'json', statusJson(refusal)), systemClock.unixMs(), true));
}

const answer = (
  status: number,
  type: BodyType,
  body: string | Uint8Array,
  more: Readonly<Record<string, string>> = {},
): Answer => ({
  status,
  headers: { 'content-type': mediaTypes[type], 'content-length': Buffer.byteLength(body), ...more },
  body,
});

/** What the sender may do about it (RFC 9110: 10.2.1, 10.2.3, 15.5.16). */
function hintsOf(refusal: Refusal): Record<string, string> {
  if (refusal instanceof Unauthenticated) return { 'www-authenticate': refusal.challenge };
  if (refusal.reason === 'wrong_method') return { allow: 'POST, OPTIONS' };
  if (refusal.reason === 'unsupported_encoding') return { 'accept-encoding': encodings.join(', ') };
  if (refusal.reason === 'timeout') return { connection: 'close' };
  return refusal.retryAfterMs > 0 ? { 'retry-after': String(Math.max(1, Math.ceil(refusal.retryAfterMs / 1000))) } : {};
}
