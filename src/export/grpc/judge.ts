import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import { messageEncodings } from '../accept-encoding.ts';
import { type Answer, Code, judgeGrpc } from '../answer.ts';
import { readExportResponse, readRpcStatus, shorten } from '../response.ts';
import type { Reply, ReplyHeaders } from './call.ts';

/** grpc/doc/http-grpc-status-mapping.md: for answers of what stands between, which speaks no gRPC. */
const codeOfHttpStatus: Readonly<Record<number, number>> = {
  400: Code.INTERNAL,
  401: Code.UNAUTHENTICATED,
  403: Code.PERMISSION_DENIED,
  404: Code.UNIMPLEMENTED,
  429: Code.UNAVAILABLE,
  502: Code.UNAVAILABLE,
  503: Code.UNAVAILABLE,
  504: Code.UNAVAILABLE,
};

const maxUnpackedBytes = 4 * 1024 * 1024;

const unpackings = new Map<string, typeof gunzipSync | typeof zstdDecompressSync>([
  ['gzip', gunzipSync],
  ['zstd', zstdDecompressSync],
]);

/** Judges a call, with what the far end says that it reads in grpc-accept-encoding. */
export function judgeReply(reply: Reply): Answer {
  const reads = listed(reply.head) ?? listed(reply.trailers);
  return { ...judge(reply), ...(reads && { reads }) };
}

const listed = (headers: ReplyHeaders | undefined) => messageEncodings(String(headers?.['grpc-accept-encoding'] ?? ''));

function judge({ head, trailers, body, error }: Reply): Answer {
  const status = trailers?.['grpc-status'] === undefined ? head : trailers;
  const code = /^\d+$/.test(String(status?.['grpc-status'])) ? Number(status!['grpc-status']) : null;
  if (code === Code.OK) return error ? unfit(error) : judgeMessage(head, body);
  if (code !== null) return judgeGrpc(code, shorten(decoded(status!['grpc-message'])), retryInfoMs(status!));
  if (head === undefined) return lost(error || 'the connection was lost');
  const http = Number(head[':status']);
  if (http !== 200) return judgeGrpc(codeOfHttpStatus[http] ?? Code.UNKNOWN, `Received HTTP status code ${http}`, null);
  const type = String(head['content-type'] ?? '');
  if (!/^application\/grpc\b/.test(type)) return unfit(`content type "${shorten(type)}"`);
  return error.startsWith('an answer') ? unfit(error) : lost(error || 'the answer ended without a status');
}

/** Whatever breaks on the way is worth another try. */
const lost = (message: string) => judgeGrpc(Code.UNAVAILABLE, shorten(message), null);

const unfit = (what: string): Answer => ({ kind: 'rejected', message: `not an OTLP/gRPC answer: ${what}` });

function judgeMessage(head: ReplyHeaders | undefined, body: Uint8Array): Answer {
  try {
    return readExportResponse(unframed(body, String(head?.['grpc-encoding'] ?? 'identity')));
  } catch (error) {
    return { kind: 'rejected', message: `OK, but not an OTLP response: ${shorten((error as Error).message)}` };
  }
}

/** The message of a frame; grpc-go compresses answers as the request was. */
function unframed(body: Uint8Array, encoding: string): Uint8Array {
  if (body.length < 5) return new Uint8Array(0);
  const length = Buffer.from(body.buffer, body.byteOffset).readUInt32BE(1);
  const message = body.subarray(5, 5 + length);
  if (message.length < length) throw new Error('the message is cut short');
  if (body[0] === 0) return message;
  const unpack = unpackings.get(encoding.trim().toLowerCase());
  if (!unpack) throw new Error(`compressed as "${encoding}"`);
  return unpack(message, { maxOutputLength: maxUnpackedBytes });
}

/** grpc-message is percent-encoded; what does not decode is shown as it is. */
function decoded(message: ReplyHeaders[string]): string {
  const text = String(message ?? '');
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function retryInfoMs(status: ReplyHeaders): number | null {
  const [details] = String(status['grpc-status-details-bin'] ?? '').split(',');
  if (details === '') return null;
  try {
    return readRpcStatus(Buffer.from(details, 'base64')).retryDelayMs;
  } catch {
    // Details are a courtesy; broken ones say nothing.
    return null;
  }
}
