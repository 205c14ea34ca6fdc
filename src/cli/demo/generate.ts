import { attributesOf, nameOf } from './attributes.ts';
import { failures } from './faults.ts';
import { makeOdd } from './oddities.ts';
import { chance, hexId, pick, type Random } from './random.ts';
import { growTree, type Profile, type Step, traceSize } from './shapes.ts';
import { type DemoEvent, type DemoSpan, lastEndNs } from './span.ts';
import { type Interval, timeSteps } from './timing.ts';

export { encodeRequest } from './encode.ts';
export type { Random } from './random.ts';
export { seeded } from './random.ts';
export type { Profile } from './shapes.ts';
export type { DemoSpan } from './span.ts';

/**
 * One trace of the shop, all its spans, parents before children. It begins about `now` (Unix ms; clocks are a little
 * apart) and may end seconds later. The same numbers from `random` and the same `now` give the same trace.
 */
export function generateTrace(random: Random, now: number, profile: Profile = 'calm'): DemoSpan[] {
  const steps = growTree(random, traceSize(random, profile));
  const failed = failures(random, steps, profile);
  const times = timeSteps(random, steps, profile);
  const traceId = chance(random, 0.005) ? '0'.repeat(16) + hexId(random, 8) : hexId(random, 16);
  const ids = steps.map(() => hexId(random, 8));
  const baseNs = BigInt(Math.floor(now)) * 1_000_000n + BigInt(Math.floor(random() * 1e6));
  const spans = steps.map((step, i) => {
    const parentSpanId = step.parent < 0 ? '' : ids[step.parent];
    return makeSpan(random, step, times[i], failed.has(i), { traceId, spanId: ids[i], parentSpanId, baseNs });
  });
  return makeOdd(random, spans);
}

/** The same trace, moved in time so that its last span ends at `now` (Unix ms). Zero times stay zero. */
export function endingAt(spans: readonly DemoSpan[], now: number): DemoSpan[] {
  const last = lastEndNs(spans);
  const shift = last === 0n ? 0n : BigInt(Math.floor(now)) * 1_000_000n - last;
  const move = (ns: bigint): bigint => (ns === 0n ? 0n : ns + shift);
  return spans.map((span) => ({
    ...span,
    startNs: move(span.startNs),
    endNs: move(span.endNs),
    events: span.events.map((event) => ({ ...event, timeNs: move(event.timeNs) })),
  }));
}

interface Place {
  traceId: string;
  spanId: string;
  parentSpanId: string;
  baseNs: bigint;
}

function makeSpan(random: Random, step: Step, time: Interval, failed: boolean, place: Place): DemoSpan {
  const { baseNs, ...ids } = place;
  const startNs = baseNs + BigInt(Math.round(time.start * 1e6));
  const endNs = startNs + BigInt(Math.round(time.duration * 1e6));
  const fault = failed ? pick(random, faults[step.service.style]) : undefined;
  return {
    ...ids,
    traceState: '',
    flags: 0,
    name: nameOf(step),
    kind: step.kind,
    startNs,
    endNs,
    attributes: attributesOf(random, step, failed),
    events: fault && chance(random, 0.5) ? [exception(fault, endNs)] : [],
    links: [],
    droppedAttributes: 0,
    status: fault ? { code: 2, message: fault.message } : { code: chance(random, 0.02) ? 1 : 0, message: '' },
    service: step.service.name,
    resource: step.service.resource,
    scope: step.service.scope,
  };
}

interface Fault {
  readonly type: string;
  readonly message: string;
}

const faults: Record<Step['service']['style'], readonly Fault[]> = {
  envoy: [{ type: 'upstream', message: 'upstream connect error or disconnect/reset before headers' }],
  nginx: [{ type: 'open', message: 'open() failed (2: No such file or directory)' }],
  node: [
    { type: 'TypeError', message: "Cannot read properties of undefined (reading 'price')" },
    { type: 'Error', message: '14 UNAVAILABLE: No connection established' },
  ],
  python: [
    { type: 'psycopg2.OperationalError', message: 'server closed the connection unexpectedly' },
    { type: 'requests.exceptions.ReadTimeout', message: 'HTTPConnectionPool: Read timed out. (read timeout=5)' },
  ],
  go: [
    { type: '*net.OpError', message: 'dial tcp 10.0.3.12:5432: connect: connection refused' },
    { type: '*errors.errorString', message: 'context deadline exceeded' },
  ],
};

const exception = (fault: Fault, timeNs: bigint): DemoEvent => ({
  name: 'exception',
  timeNs,
  attributes: {
    'exception.type': fault.type,
    'exception.message': fault.message,
    'exception.stacktrace': `${fault.type}: ${fault.message}\n    at handle (/app/src/handler:42)\n    at serve (/app/src/server:17)`,
  },
});
