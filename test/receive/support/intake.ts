import { fileURLToPath } from 'node:url';
import protobuf from 'protobufjs';
import { Refusal } from '../../../src/errors.ts';
import type { Intake, Message, Receipt } from '../../../src/model/intake.ts';
import type { Protocol } from '../../../src/model/outcome.ts';

const root = new protobuf.Root();
const protoDirectory = fileURLToPath(new URL('../../../proto/', import.meta.url));
root.resolvePath = (_origin, target) => protoDirectory + target;
root.loadSync('opentelemetry/proto/collector/trace/v1/trace_service.proto');

/** The protobufjs type of a message, by its full name. */
export const typeOf = (name: string): protobuf.Type => root.lookupType(name);
export const ExportRequest = typeOf('opentelemetry.proto.collector.trace.v1.ExportTraceServiceRequest');
export const ExportResponse = typeOf('opentelemetry.proto.collector.trace.v1.ExportTraceServiceResponse');

interface Spans {
  resourceSpans?: { scopeSpans?: { spans?: { traceId: Uint8Array; spanId: Uint8Array }[] }[] }[];
}

/** Bytes around a message's place that nobody may touch. */
const guard = 16;
const untouched = 0xa5;

/** An intake that parses with protobufjs and keeps what it accepted. It fails when a message writes outside its place. */
export class ParsingIntake implements Intake {
  readonly accepted: { message: Buffer; protocol: Protocol }[] = [];
  /** Set to refuse instead: before the message comes, or when it is there. */
  refuseLength: Refusal | undefined = undefined;
  refuseMessage: Refusal | undefined = undefined;

  /** Whether these messages were accepted, and no others. */
  took(...messages: readonly Buffer[]): boolean {
    return (
      this.accepted.length === messages.length &&
      messages.every((message, i) => message.equals(this.accepted[i].message))
    );
  }

  refuses(): Refusal | undefined {
    return this.refuseLength;
  }

  *acceptInSteps(message: Message, protocol: Protocol): Generator<undefined, Receipt | Refusal> {
    yield;
    return this.accept(message, protocol);
  }

  accept(message: Message, protocol: Protocol): Receipt | Refusal {
    const bytes = copyOf(message);
    if (this.refuseMessage !== undefined) return this.refuseMessage;
    const receipt = parse(bytes);
    if (!(receipt instanceof Refusal)) this.accepted.push({ message: bytes, protocol });
    return receipt;
  }
}

function copyOf(message: Message): Buffer {
  const { length } = message;
  const bytes = Buffer.alloc(length + 2 * guard, untouched);
  message.copyTo(bytes, guard);
  const outside = [...bytes.subarray(0, guard), ...bytes.subarray(guard + length)];
  if (outside.some((byte) => byte !== untouched)) throw new Error('written outside of the place');
  return Buffer.from(bytes.subarray(guard, guard + length));
}

function parse(message: Uint8Array): Receipt | Refusal {
  try {
    const request = ExportRequest.decode(message) as unknown as Spans;
    const spans = (request.resourceSpans ?? []).flatMap((r) => (r.scopeSpans ?? []).flatMap((s) => s.spans ?? []));
    const rejectedSpans = spans.filter((span) => span.traceId.length !== 16 || span.spanId.length !== 8).length;
    const reason = rejectedSpans > 0 ? `${rejectedSpans} of ${spans.length} spans have an invalid id` : '';
    return { spans: spans.length, rejectedSpans, message: reason };
  } catch (error) {
    return new Refusal('malformed', (error as Error).message);
  }
}
