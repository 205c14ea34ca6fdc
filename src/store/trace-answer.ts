import { Writer } from '../wire/writer.ts';
import type { TempoAnswer } from './messages.ts';
import { inTurn, type Pace } from './pace.ts';
import { jsonText, plain, protobuf } from './respond.ts';
import { maxTraceBytes, type StoredParts } from './search.ts';
import { resourceSpansJson } from './trace-json.ts';

/** How an answer is written: `accept` of the request, and in which steps. */
interface Asked {
  readonly accept: string;
  readonly pace: Pick<Pace, 'isOver' | 'next'>;
}

/** Answers of /api/traces/{id} and /api/v2/traces/{id}: grafana/tempo, pkg/api and pkg/tempopb/tempo.proto. */
export async function traceV1(found: StoredParts | undefined, { accept, pace }: Asked): Promise<TempoAnswer> {
  if (found === undefined) return plain(404, 'trace not found');
  const answer = wantsProtobuf(accept)
    ? protobuf(await asProtobuf(found))
    : jsonText(await asJson(found, 'batches', pace));
  const { isWhole, bytes, missing } = found.read;
  if (bytes === 0 && missing !== undefined) return plain(404, missing);
  return isWhole ? answer : plain(422, tooLarge);
}

/** An unknown trace is an empty one here, as in Tempo. */
export async function traceV2(found: StoredParts = noParts, { accept, pace }: Asked): Promise<TempoAnswer> {
  const { read } = found;
  if (wantsProtobuf(accept)) return protobuf(traceByIdResponse(await asProtobuf(found), missingOf(read)));
  const trace = await asJson(found, 'resourceSpans', pace);
  const metrics = read.bytes === 0 ? {} : { inspectedBytes: String(read.bytes) };
  const missing = missingOf(read);
  const status = missing === '' ? {} : { status: 'PARTIAL', message: missing };
  return jsonText(`{"trace":${trace},${JSON.stringify({ metrics, ...status }).slice(1)}`);
}

/** Does one of the two say that there is no such trace? */
export function saysNoTrace({ status, body }: TempoAnswer): boolean {
  if (status === 404) return true;
  const start =
    typeof body === 'string' ? body.slice(0, noTraceJson.length) : Buffer.from(body.subarray(0, 11)).toString();
  return status === 200 && (start === noTraceJson || (typeof body !== 'string' && body[0] === 10 && body[1] === 0));
}
const noTraceJson = '{"trace":{}';

/** Tempo's words. */
const tooLarge = `trace exceeds max size (max bytes: ${maxTraceBytes})`;

/** Known at the end only; '' where nothing is missing. */
const missingOf = ({ isWhole, missing = '' }: StoredParts['read']): string =>
  isWhole ? missing : `${tooLarge}: its first part`;

const noParts: StoredParts = { read: { bytes: 0, isWhole: true }, parts: (async function* () {})() };

async function asProtobuf({ parts }: StoredParts): Promise<Uint8Array> {
  const written: Uint8Array[] = [];
  for await (const part of parts) written.push(part);
  return Buffer.concat(written);
}

async function asJson({ parts }: StoredParts, list: 'batches' | 'resourceSpans', pace: Asked['pace']): Promise<string> {
  const written: string[] = [];
  for await (const part of parts) written.push(await inTurn(resourceSpansJson(part), pace));
  return written.length === 0 ? '{}' : `{"${list}":[${written.filter((part) => part !== '').join()}]}`;
}

const wantsProtobuf = (accept: string): boolean => accept.toLowerCase().includes('application/protobuf');

/**
 * tempopb.TraceByIDResponse: trace = 1, metrics = 2 { inspectedBytes = 1 }, status = 3 (PARTIAL = 1), message = 4.
 */
function traceByIdResponse(trace: Uint8Array, missing: string): Uint8Array {
  const w = new Writer(trace.length + 32);
  w.bytes(1, trace);
  const metrics = w.open(2);
  if (trace.length > 0) {
    w.tag(1, 0);
    w.varint(trace.length);
  }
  w.close(metrics);
  if (missing !== '') {
    w.tag(3, 0);
    w.varint(1);
    w.string(4, missing);
  }
  return w.finish();
}
