import { missingParent, type ToldSpan, type ToldTrace } from '../../../config/rules-test-file.ts';
import { type DemoSpan, Kind } from '../../demo/span.ts';

const statusCodes = { unset: 0, ok: 1, error: 2 } as const;

/** A span of which nobody sent anything. */
const elsewhere = 'ffffffffffffffff';

/** 56 bits of randomness in 14 hex digits: the end of the trace id, as W3C's random flag has it. */
const randomBits = (share: number): string => {
  const high = Math.floor(share * 2 ** 28);
  const low = Math.floor((share * 2 ** 28 - high) * 2 ** 28);
  return high.toString(16).padStart(7, '0') + low.toString(16).padStart(7, '0');
};

/**
 * A trace of a test as spans, beginning at `startMs` (Unix). The first span is the root; whose parent is not said, is
 * its child; what has no service has its parent's.
 */
export function spansOf({ spans, randomness }: ToldTrace, number: number, startMs: number): DemoSpan[] {
  const traceId = number.toString(16).padStart(18, '0') + randomBits(randomness);
  const idOf = (at: number) => (at + 1).toString(16).padStart(16, '0');
  const parentAt = ({ parent }: ToldSpan, at: number): number => {
    if (parent === undefined) return at === 0 ? -1 : 0;
    return spans.findIndex((each) => each.name === parent);
  };
  const resources = new Map<string, DemoSpan['resource']>();
  const serviceOf = (at: number, depth = 0): string => {
    const { service } = spans[at]!;
    if (service !== undefined || depth > spans.length) return service ?? 'unknown_service';
    const parent = parentAt(spans[at]!, at);
    return parent < 0 ? 'unknown_service' : serviceOf(parent, depth + 1);
  };
  return spans.map((span, at): DemoSpan => {
    const service = serviceOf(at);
    const resource = { attributes: { 'service.name': service, ...span.resource }, schemaUrl: '' };
    const key = JSON.stringify(resource);
    if (!resources.has(key)) resources.set(key, resource);
    const parent = parentAt(span, at);
    const startNs = BigInt(Math.round((startMs + span.start) * 1e3)) * 1000n;
    return {
      traceId,
      spanId: idOf(at),
      parentSpanId: span.parent === missingParent ? elsewhere : parent < 0 ? '' : idOf(parent),
      traceState: span.tracestate,
      flags: 0,
      name: span.name,
      kind: Kind[span.kind],
      startNs,
      endNs: startNs + BigInt(Math.round(span.duration * 1e6)),
      attributes: span.attributes,
      events: span.events.map(({ name, attributes }) => ({ name, timeNs: startNs, attributes })),
      links: [],
      droppedAttributes: 0,
      status: { code: statusCodes[span.status], message: span.message },
      service,
      resource: resources.get(key)!,
      scope: { name: span.scope, version: '' },
    };
  });
}
