import { Writer } from '../wire/writer.ts';
import type { TempoAnswer } from './messages.ts';
import { jsonText, plain, protobuf } from './respond.ts';
import { maxTraceBytes, type StoredParts } from './search.ts';
import { traceToJson } from './trace-json.ts';

/** Answers of /api/traces/{id} and /api/v2/traces/{id}: grafana/tempo, pkg/api and pkg/tempopb/tempo.proto. */
export async function traceV1(found: StoredParts | undefined, accept: string): Promise<TempoAnswer> {
  if (found === undefined) return plain(404, 'trace not found');
  const answer = wantsProtobuf(accept)
    ? protobuf(await collect(found, asProtobuf))
    : jsonText(await collect(found, asJson('batches')));
  return found.read.isWhole ? answer : plain(422, tooLarge);
}

/** An unknown trace is an empty one here, as in Tempo. */
export async function traceV2(found: StoredParts = noParts, accept = ''): Promise<TempoAnswer> {
  const { read } = found;
  if (wantsProtobuf(accept)) return protobuf(traceByIdResponse(await collect(found, asProtobuf), missingOf(read)));
  const trace = await collect(found, asJson('resourceSpans'));
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

/** How a trace is written that comes part by part. */
interface Form<P, T> {
  readonly write: (part: Uint8Array) => P;
  readonly join: (written: readonly P[]) => T;
}

const asProtobuf: Form<Uint8Array, Uint8Array> = { write: (part) => part, join: (parts) => Buffer.concat(parts) };

const asJson = (list: 'batches' | 'resourceSpans'): Form<string, string> => ({
  write: (part) => JSON.stringify(traceToJson(part, list)[list] ?? []).slice(1, -1),
  join: (parts) => (parts.length === 0 ? '{}' : `{"${list}":[${parts.filter((part) => part !== '').join()}]}`),
});

async function collect<P, T>({ parts }: StoredParts, form: Form<P, T>): Promise<T> {
  const written: P[] = [];
  for await (const part of parts) written.push(form.write(part));
  return form.join(written);
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
