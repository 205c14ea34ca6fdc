import { Reader } from '../../wire/reader.ts';
import { Writer } from '../../wire/writer.ts';
import { healthService, reflectionServices, traceService } from './services.ts';

const listServices = 7;
const NOT_FOUND = 5;

/**
 * Answers one ServerReflectionRequest: the list of services. File descriptors are not carried along; who asks for one
 * is told where the definitions are. Throws MalformedError. Source: proto/grpc/reflection/v1.
 */
export function reflect(request: Uint8Array): Uint8Array {
  const w = new Writer(512);
  w.bytes(2, request);
  if (asksFor(request) === listServices) writeServices(w);
  else writeNoDescriptors(w);
  return w.finish();
}

/** The field of the request that is set: `message_request`. */
function asksFor(request: Uint8Array): number {
  const r = new Reader(request);
  let asked = 0;
  while (r.next()) {
    if (r.field > 1) asked = r.field;
    r.skip();
  }
  return asked;
}

function writeServices(w: Writer): void {
  const list = w.open(6);
  for (const name of [traceService, healthService, ...reflectionServices]) {
    const service = w.open(1);
    w.string(1, name);
    w.close(service);
  }
  w.close(list);
}

function writeNoDescriptors(w: Writer): void {
  const error = w.open(7);
  w.tag(1, 0);
  w.varint(NOT_FOUND);
  w.string(2, 'file descriptors are not served; give your client the .proto files of opentelemetry-proto instead');
  w.close(error);
}
