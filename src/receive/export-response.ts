import type { Receipt } from '../model/intake.ts';
import { Writer } from '../wire/writer.ts';

/** Whether `partial_success` must be left unset (OTLP specification, "Full Success"). */
export function isFullSuccess(receipt: Receipt): boolean {
  return receipt.rejectedSpans === 0 && receipt.message === '';
}

/** ExportTraceServiceResponse { partial_success = 1 { rejected_spans = 1, error_message = 2 } }. */
export function encodeExportResponse(receipt: Receipt): Uint8Array {
  const w = new Writer(256);
  if (isFullSuccess(receipt)) return w.finish();
  const partial = w.open(1);
  if (receipt.rejectedSpans > 0) {
    w.tag(1, 0);
    w.varint(receipt.rejectedSpans);
  }
  if (receipt.message !== '') w.string(2, receipt.message);
  w.close(partial);
  return w.finish();
}

/** The same in OTLP/JSON: 64-bit integers are strings there. */
export function exportResponseJson(receipt: Receipt): string {
  if (isFullSuccess(receipt)) return '{}';
  const { rejectedSpans, message } = receipt;
  return JSON.stringify({ partialSuccess: { rejectedSpans: String(rejectedSpans), errorMessage: message } });
}
