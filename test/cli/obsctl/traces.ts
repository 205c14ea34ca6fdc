import type { EventView, SpanView } from '../../../src/cli/obsctl/span-view.ts';

/** 2026-11-25T17:02:11.123Z. */
export const startNs = 1_795_626_131_123_000_000n;

export interface Plan {
  readonly id: string;
  readonly parent?: string;
  readonly service?: string;
  readonly name?: string;
  readonly kind?: number;
  /** Milliseconds from the start of the trace; null = no time. */
  readonly at?: number | null;
  readonly ms?: number;
  readonly error?: string;
  readonly exception?: readonly [type: string, message: string];
  readonly attributes?: Record<string, string>;
  readonly traceState?: string;
}

/** A span of a test's trace, told by what matters in it. */
export function view(plan: Plan): SpanView {
  const at = plan.at === null ? 0n : startNs + BigInt(Math.round((plan.at ?? 0) * 1e6));
  const end = at === 0n ? 0n : at + BigInt(Math.round((plan.ms ?? 0) * 1e6));
  return {
    traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
    spanId: plan.id.padStart(16, '0'),
    parentSpanId: plan.parent?.padStart(16, '0') ?? '',
    service: plan.service ?? 'shop',
    name: plan.name ?? plan.id,
    kind: plan.kind ?? 1,
    startNs: at,
    endNs: end,
    error: plan.error !== undefined,
    statusMessage: plan.error ?? '',
    traceState: plan.traceState ?? '',
    attributes: new Map(Object.entries(plan.attributes ?? {})),
    events: plan.exception ? [exception(plan.exception, end)] : [],
  };
}

function exception([type, message]: readonly [string, string], timeNs: bigint): EventView {
  const attributes = new Map([
    ['exception.type', type],
    ['exception.message', message],
  ]);
  return { name: 'exception', timeNs, attributes };
}
