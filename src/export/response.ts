import { Reader } from '../wire/reader.ts';
import type { Answer } from './answer.ts';

/** opentelemetry/proto/collector/trace/v1/trace_service.proto */
const ExportResponse = { partialSuccess: 1 } as const;
const PartialSuccess = { rejectedSpans: 1, errorMessage: 2 } as const;
/**
 * google/rpc/status.proto, google/protobuf/any.proto, google/rpc/error_details.proto, google/protobuf/duration.proto
 */
const Status = { message: 2, details: 3 } as const;
const Any = { typeUrl: 1, value: 2 } as const;
const RetryInfo = { retryDelay: 1 } as const;
const Duration = { seconds: 1, nanos: 2 } as const;

const retryInfoType = 'google.rpc.RetryInfo';

/** Long enough for any server's sentence, short enough for a status page and a log line. */
const maxMessageLength = 500;

/** What a google.rpc.Status says; `retryDelayMs` is null where it holds no RetryInfo. */
interface RpcStatus {
  readonly message: string;
  readonly retryDelayMs: number | null;
}

export const shorten = (text: string): string => {
  const line = text.replace(/\s+/g, ' ').trim();
  return line.length > maxMessageLength ? `${line.slice(0, maxMessageLength)}…` : line;
};

/** Reads an ExportTraceServiceResponse. Throws MalformedError. */
export function readExportResponse(bytes: Uint8Array): Answer & { kind: 'accepted' } {
  let rejectedSpans = 0;
  let message = '';
  const response = new Reader(bytes);
  while (response.next()) {
    if (response.field !== ExportResponse.partialSuccess || response.wireType !== 2) {
      response.skip();
      continue;
    }
    const partial = response.message();
    while (partial.next()) {
      if (partial.field === PartialSuccess.rejectedSpans && partial.wireType === 0) {
        rejectedSpans = Math.max(0, Number(partial.int64()));
      } else if (partial.field === PartialSuccess.errorMessage && partial.wireType === 2) {
        message = shorten(partial.string());
      } else partial.skip();
    }
  }
  return { kind: 'accepted', rejectedSpans, message };
}

/** Reads a google.rpc.Status. Throws MalformedError. */
export function readRpcStatus(bytes: Uint8Array): RpcStatus {
  let message = '';
  let retryDelayMs: number | null = null;
  const status = new Reader(bytes);
  while (status.next()) {
    if (status.field === Status.message && status.wireType === 2) message = shorten(status.string());
    else if (status.field === Status.details && status.wireType === 2)
      retryDelayMs = readDetail(status.message()) ?? retryDelayMs;
    else status.skip();
  }
  return { message, retryDelayMs };
}

function readDetail(any: Reader): number | null {
  let type = '';
  let value: Reader | null = null;
  while (any.next()) {
    if (any.field === Any.typeUrl && any.wireType === 2) type = any.string();
    else if (any.field === Any.value && any.wireType === 2) value = any.message();
    else any.skip();
  }
  if (!type.endsWith(retryInfoType)) return null;
  return value ? readRetryInfo(value) : 0;
}

function readRetryInfo(info: Reader): number {
  let delayMs = 0;
  while (info.next()) {
    if (info.field === RetryInfo.retryDelay && info.wireType === 2) delayMs = readDuration(info.message());
    else info.skip();
  }
  return delayMs;
}

function readDuration(duration: Reader): number {
  let ms = 0;
  while (duration.next()) {
    if (duration.field === Duration.seconds && duration.wireType === 0) ms += Number(duration.int64()) * 1000;
    else if (duration.field === Duration.nanos && duration.wireType === 0) ms += Number(duration.int64()) / 1e6;
    else duration.skip();
  }
  return Math.max(0, ms);
}
