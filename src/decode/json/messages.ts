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

/** How a value is written in JSON and on the wire. `hex` is for ids: OTLP/JSON deviates from ProtoJSON there. */
export type Scalar =
  | 'string'
  | 'hex'
  | 'base64'
  | 'bool'
  | 'double'
  | 'int64'
  | 'uint32'
  | 'fixed32'
  | 'fixed64'
  | 'enum';

export interface Field {
  readonly number: number;
  readonly type: Scalar | Message;
  readonly repeated: boolean;
  /** Names of an enum's values, tolerated beside their numbers. */
  readonly names: Readonly<Record<string, number>> | undefined;
  /** A member of a oneof is written even when it holds its type's default. */
  readonly oneof: boolean;
}

/** A message's fields by their JSON name, lowerCamelCase, and by their snake_case name, which some senders use. */
export class Message {
  readonly fields = new Map<string, Field>();

  add(names: Readonly<Record<string, number>>, type: Scalar | Message, more: Partial<Field> = {}): this {
    for (const [name, number] of Object.entries(names)) {
      const field = { repeated: false, names: undefined, oneof: false, ...more, number, type };
      this.fields.set(name, field);
      this.fields.set(
        name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
        field,
      );
    }
    return this;
  }
}

const pick = <T extends Record<string, number>, K extends keyof T>(fields: T, ...names: K[]): Record<string, number> =>
  Object.fromEntries(names.map((name) => [name, fields[name]]));

const many = { repeated: true };
const oneof = { oneof: true };

/** AnyValue nests: the tables below name it before it has fields. */
export const anyValue = new Message();
const keyValue = new Message().add(pick(KeyValue, 'key'), 'string').add(pick(KeyValue, 'value'), anyValue);
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

const statusCodes = { STATUS_CODE_UNSET: 0, STATUS_CODE_OK: 1, STATUS_CODE_ERROR: 2 };
const status = new Message()
  .add(pick(Status, 'message'), 'string')
  .add(pick(Status, 'code'), 'enum', { names: statusCodes });

const spanKinds = {
  SPAN_KIND_UNSPECIFIED: 0,
  SPAN_KIND_INTERNAL: 1,
  SPAN_KIND_SERVER: 2,
  SPAN_KIND_CLIENT: 3,
  SPAN_KIND_PRODUCER: 4,
  SPAN_KIND_CONSUMER: 5,
};
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
  .add(pick(ResourceSpans, 'scopeSpans'), scopeSpans, many)
  .add({ instrumentationLibrarySpans }, oldScopeSpans, many)
  .add(pick(ResourceSpans, 'schemaUrl'), 'string');

/** ExportTraceServiceRequest. */
export const exportRequest = new Message().add(pick(Request, 'resourceSpans'), resourceSpans, many);
