import { fileURLToPath } from 'node:url';
import protobuf from 'protobufjs';
import { Refusal } from '../../../src/errors.ts';
import type { Intake, Landing, Receipt } from '../../../src/model/intake.ts';
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

/** Bytes around a landing that nobody may touch. */
const guard = 16;
const untouched = 0xa5;

/**
 * An intake that parses with protobufjs and keeps what it accepted. It fails the test when a landing is handed back
 * twice, or when somebody wrote outside of it; `open` tells whether one was forgotten.
 */
export class ParsingIntake implements Intake {
  readonly accepted: { message: Buffer; protocol: Protocol }[] = [];
  abandoned = 0;
  /** Set to refuse instead. */
  refuseLanding: Refusal | undefined = undefined;
  refuseMessage: Refusal | undefined = undefined;
  readonly #open = new Set<Landing>();

  get open(): number {
    return this.#open.size;
  }

  /** Whether these messages were accepted, and no others. */
  took(...messages: readonly Buffer[]): boolean {
    return (
      this.accepted.length === messages.length &&
      messages.every((message, i) => message.equals(this.accepted[i].message))
    );
  }

  land(length: number): Landing | Refusal {
    if (this.refuseLanding !== undefined) return this.refuseLanding;
    const bytes = new Uint8Array(length + 2 * guard).fill(untouched);
    const landing = { bytes, start: guard, length, segment: 0 };
    this.#open.add(landing);
    return landing;
  }

  accept(landing: Landing, protocol: Protocol): Receipt | Refusal {
    const message = this.#handBack(landing);
    if (this.refuseMessage !== undefined) return this.refuseMessage;
    const receipt = parse(message);
    if (!(receipt instanceof Refusal)) this.accepted.push({ message, protocol });
    return receipt;
  }

  abandon(landing: Landing): void {
    this.#handBack(landing);
    this.abandoned++;
  }

  #handBack(landing: Landing): Buffer {
    const { bytes, start, length } = landing;
    if (!this.#open.delete(landing)) throw new Error('a landing handed back twice');
    const outside = [...bytes.subarray(0, start), ...bytes.subarray(start + length)];
    if (outside.some((byte) => byte !== untouched)) throw new Error('written outside of the landing');
    return Buffer.from(bytes.subarray(start, start + length));
  }
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
