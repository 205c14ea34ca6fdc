import { Reader } from '../../wire/reader.ts';
import { Writer } from '../../wire/writer.ts';
import { healthService, traceService } from './services.ts';

/** HealthCheckResponse.ServingStatus. */
export const ServingStatus = { SERVING: 1, NOT_SERVING: 2, SERVICE_UNKNOWN: 3 } as const;

/** The service a HealthCheckRequest { service = 1 } asks about; empty = the whole server. Throws MalformedError. */
export function readHealthRequest(request: Uint8Array): string {
  const r = new Reader(request);
  let service = '';
  while (r.next()) {
    if (r.field === 1 && r.wireType === 2) service = r.string();
    else r.skip();
  }
  return service;
}

/** The status of `service`; what is not offered here is SERVICE_UNKNOWN. Source: grpc/doc/health-checking.md. */
export function healthOf(service: string, serving: boolean): number {
  if (service !== '' && service !== traceService && service !== healthService) return ServingStatus.SERVICE_UNKNOWN;
  return serving ? ServingStatus.SERVING : ServingStatus.NOT_SERVING;
}

/** HealthCheckResponse { status = 1 }. */
export function encodeHealth(status: number): Uint8Array {
  const w = new Writer(2);
  w.tag(1, 0);
  w.varint(status);
  return w.finish();
}
