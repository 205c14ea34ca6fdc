import { AnyValue, KeyValue, Request, Resource, ResourceSpans, WireType } from '../wire/otlp.ts';
import { Reader } from '../wire/reader.ts';

/** Enough to know whom to ask. */
const maxServices = 5;
const maxNameLength = 100;

/**
 * The `service.name` of the resources in a serialized ExportTraceServiceRequest, each once, the first few of them; for
 * a log line. Skips the spans. Empty for what is not protobuf.
 */
export function servicesOf(body: Uint8Array): string[] {
  const names = new Set<string>();
  try {
    for (const resourceSpans of messages(new Reader(body), Request.resourceSpans)) {
      for (const resource of messages(resourceSpans, ResourceSpans.resource)) names.add(serviceOf(resource));
      if (names.size === maxServices) break;
    }
  } catch {
    // What could be read of it will do.
  }
  return [...names];
}

/** Of a Resource message. */
export function serviceOf(resource: Reader): string {
  for (const attribute of messages(resource, Resource.attributes)) {
    const name = serviceNameIn(attribute);
    if (name !== null) return name.slice(0, maxNameLength);
  }
  return 'unknown_service';
}

function serviceNameIn(attribute: Reader): string | null {
  let key = '';
  let name = '';
  while (attribute.next()) {
    if (attribute.wireType !== WireType.length) attribute.skip();
    else if (attribute.field === KeyValue.key) key = attribute.string();
    else if (attribute.field === KeyValue.value) name = textOf(attribute.message());
    else attribute.skip();
  }
  return key === 'service.name' ? name : null;
}

function textOf(value: Reader): string {
  let text = '';
  while (value.next()) {
    if (value.field === AnyValue.string && value.wireType === WireType.length) text = value.string();
    else value.skip();
  }
  return text;
}

function* messages(reader: Reader, field: number): Generator<Reader> {
  while (reader.next()) {
    if (reader.field === field && reader.wireType === WireType.length) yield reader.message();
    else reader.skip();
  }
}
