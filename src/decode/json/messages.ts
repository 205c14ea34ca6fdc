import {
  AnyValue,
  Event,
  instrumentationLibrarySpans,
  KeyValue,
  Link,
  ListValue,
  Request,
  Resource,
  ResourceSpans,
  Scope,
  ScopeSpans,
  Span,
  Status,
} from '../../wire/otlp.ts';
import { Message } from './members.ts';

const many = { repeated: true };
const oneof = { oneof: true };
const envelopes = { repeated: true, dropEmpty: true };

const pick = <T extends Record<string, number>, K extends keyof T>(fields: T, ...names: K[]): Record<string, number> =>
  Object.fromEntries(names.map((name) => [name, fields[name]]));

/** AnyValue nests: the tables below name it before it has fields. */
export const anyValue = new Message();
export const keyValue = new Message().add(pick(KeyValue, 'key'), 'string').add(pick(KeyValue, 'value'), anyValue);
anyValue
  .add({ stringValue: AnyValue.string }, 'string', oneof)
  .add({ boolValue: AnyValue.bool }, 'bool', oneof)
  .add({ intValue: AnyValue.int }, 'int64', oneof)
  .add({ doubleValue: AnyValue.double }, 'double', oneof)
  .add({ arrayValue: AnyValue.array }, new Message().add(pick(ListValue, 'values'), anyValue, many))
  .add({ kvlistValue: AnyValue.kvlist }, new Message().add(pick(ListValue, 'values'), keyValue, many))
  .add({ bytesValue: AnyValue.bytes }, 'base64', oneof);

const entityRef = new Message()
  .add({ schemaUrl: 1, type: 2 }, 'string')
  .add({ idKeys: 3, descriptionKeys: 4 }, 'string', many);

const resource = new Message()
  .add(pick(Resource, 'attributes'), keyValue, many)
  .add(pick(Resource, 'droppedAttributesCount'), 'uint32')
  .add(pick(Resource, 'entityRefs'), entityRef, many);

const scope = new Message()
  .add(pick(Scope, 'name', 'version'), 'string')
  .add(pick(Scope, 'attributes'), keyValue, many)
  .add(pick(Scope, 'droppedAttributesCount'), 'uint32');

const event = new Message()
  .add(pick(Event, 'timeUnixNano'), 'fixed64')
  .add(pick(Event, 'name'), 'string')
  .add(pick(Event, 'attributes'), keyValue, many)
  .add(pick(Event, 'droppedAttributesCount'), 'uint32');

const link = new Message()
  .add(pick(Link, 'traceId', 'spanId'), 'hex')
  .add(pick(Link, 'traceState'), 'string')
  .add(pick(Link, 'attributes'), keyValue, many)
  .add(pick(Link, 'droppedAttributesCount'), 'uint32')
  .add(pick(Link, 'flags'), 'fixed32');

const statusCodes = new Map([
  ['STATUS_CODE_UNSET', 0],
  ['STATUS_CODE_OK', 1],
  ['STATUS_CODE_ERROR', 2],
]);
const status = new Message()
  .add(pick(Status, 'message'), 'string')
  .add(pick(Status, 'code'), 'enum', { names: statusCodes });

const spanKinds = new Map(
  ['UNSPECIFIED', 'INTERNAL', 'SERVER', 'CLIENT', 'PRODUCER', 'CONSUMER'].map((name, code) => [
    `SPAN_KIND_${name}`,
    code,
  ]),
);
const span = new Message()
  .add(pick(Span, 'traceId', 'spanId', 'parentSpanId'), 'hex')
  .add(pick(Span, 'traceState', 'name'), 'string')
  .add(pick(Span, 'kind'), 'enum', { names: spanKinds })
  .add(pick(Span, 'startTimeUnixNano', 'endTimeUnixNano'), 'fixed64')
  .add(pick(Span, 'attributes'), keyValue, many)
  .add(pick(Span, 'events'), event, many)
  .add(pick(Span, 'links'), link, many)
  .add(pick(Span, 'droppedAttributesCount', 'droppedEventsCount', 'droppedLinksCount'), 'uint32')
  .add(pick(Span, 'status'), status)
  .add(pick(Span, 'flags'), 'fixed32');

const scopeSpans = new Message()
  .add(pick(ScopeSpans, 'scope'), scope)
  .add(pick(ScopeSpans, 'spans'), span, many)
  .add(pick(ScopeSpans, 'schemaUrl'), 'string');

/** As SDKs of 2021 have it: the same under the names of before. */
const oldScopeSpans = new Message()
  .add({ instrumentationLibrary: ScopeSpans.scope }, scope)
  .add(pick(ScopeSpans, 'spans'), span, many)
  .add(pick(ScopeSpans, 'schemaUrl'), 'string');

const resourceSpans = new Message()
  .add(pick(ResourceSpans, 'resource'), resource)
  .add(pick(ResourceSpans, 'scopeSpans'), scopeSpans, envelopes)
  .add({ instrumentationLibrarySpans }, oldScopeSpans, envelopes)
  .add(pick(ResourceSpans, 'schemaUrl'), 'string');

/**
 * ExportTraceServiceRequest. Empty ResourceSpans and ScopeSpans say nothing and cost a look each, so they are left out.
 */
export const exportRequest = new Message().add(pick(Request, 'resourceSpans'), resourceSpans, envelopes);
