import { type Refusal, refusals } from '../errors.ts';
import { Writer } from '../wire/writer.ts';

const retryInfoType = 'type.googleapis.com/google.rpc.RetryInfo';

/** google.rpc.RetryInfo { retry_delay = 1 } with google.protobuf.Duration { seconds = 1, nanos = 2 }. */
export function encodeRetryInfo(retryAfterMs: number): Uint8Array {
  const w = new Writer(32);
  const delay = w.open(1);
  w.tag(1, 0);
  w.varint(Math.floor(retryAfterMs / 1000));
  w.tag(2, 0);
  w.varint((retryAfterMs % 1000) * 1_000_000);
  w.close(delay);
  return w.finish();
}

/** google.rpc.Status { code = 1, message = 2, details = 3 } of a refusal, with RetryInfo where it may be sent again. */
export function encodeStatus(refusal: Refusal): Uint8Array {
  const w = new Writer(256);
  w.tag(1, 0);
  w.varint(refusals[refusal.reason].grpc);
  w.string(2, refusal.message);
  if (refusal.retryAfterMs > 0) {
    const any = w.open(3);
    w.string(1, retryInfoType);
    w.bytes(2, encodeRetryInfo(refusal.retryAfterMs));
    w.close(any);
  }
  return w.finish();
}

/** The same in ProtoJSON; RetryInfo is left to the Retry-After header. */
export function statusJson(refusal: Refusal): string {
  return JSON.stringify({ code: refusals[refusal.reason].grpc, message: refusal.message });
}
