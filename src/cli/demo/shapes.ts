import { chance, integer, logNormal, pick, type Random, weighted } from './random.ts';
import { Kind } from './span.ts';
import { type Entry, entries, type Service, services } from './topology.ts';

export type Profile = 'calm' | 'incident';

/** What a span does, before it has times, attributes and ids. */
export interface Step {
  /** Index of the parent in the trace; -1 for the first. */
  readonly parent: number;
  readonly depth: number;
  readonly service: Service;
  readonly kind: number;
  readonly work: 'http' | 'rpc' | 'store' | 'inner' | 'message';
  readonly entry: Entry;
  /** The other side of a client's or producer's call. */
  readonly peer: string;
}

/** Sizes of traces in a shop's ordinary traffic: most are two spans of the proxy and one of a service. */
const calmSizes = [
  { weight: 50, low: 1, high: 2 },
  { weight: 690, low: 3, high: 3 },
  { weight: 200, low: 4, high: 8 },
  { weight: 55, low: 9, high: 30 },
  { weight: 2, low: 46, high: 55 },
  { weight: 0.2, low: 450, high: 450 },
  { weight: 0.1, low: 1000, high: 1100 },
];

export function traceSize(random: Random, profile: Profile): number {
  if (profile === 'incident') return Math.min(270, Math.max(1, Math.round(logNormal(random, 52, 0.5))));
  const size = weighted(random, calmSizes);
  return integer(random, size.low, size.high);
}

/** A tree of exactly `size` steps, parents before children, that follows who calls whom. */
export function growTree(random: Random, size: number, entry: Entry = weighted(random, entries)): Step[] {
  const steps = size < 3 ? [lone(random, entry)] : edge(entry);
  while (steps.length < size) addWork(random, steps, size - steps.length);
  return steps;
}

const proxy = services.get('frontend-proxy')!;

function edge(entry: Entry): Step[] {
  const at = { service: proxy, work: 'http', entry, peer: entry.service } as const;
  return [
    { ...at, parent: -1, depth: 1, kind: Kind.server },
    { ...at, parent: 0, depth: 2, kind: Kind.client },
    { ...at, parent: 1, depth: 3, kind: Kind.server, service: services.get(entry.service)!, peer: '' },
  ];
}

/** Traces that the proxy knows nothing of: static files, timers, the far end of a queue. */
function lone(random: Random, entry: Entry): Step {
  const alone = { parent: -1, depth: 1, entry, peer: '' };
  if (chance(random, 0.5)) {
    const image = { ...entry, service: 'images', method: 'GET', path: '/images/lens.jpg' };
    return { ...alone, entry: image, service: services.get('images')!, kind: Kind.server, work: 'http' };
  }
  if (chance(random, 0.3))
    return { ...alone, service: services.get('orders')!, kind: Kind.consumer, work: 'message', peer: 'orders' };
  return { ...alone, service: services.get('email')!, kind: Kind.internal, work: 'inner' };
}

const maxDepth = 16;

/** One more call, as far as `room` spans allow: to another service (two spans), to the store, or within. */
function addWork(random: Random, steps: Step[], room: number): void {
  const parent = callerOf(random, steps);
  const { service, depth, entry } = steps[parent];
  const at = { parent, depth: depth + 1, service, entry };
  if (service.calls.length > 0 && room > 1 && chance(random, 0.7)) {
    const callee = services.get(pick(random, service.calls))!;
    steps.push({ ...at, kind: Kind.client, work: 'rpc', peer: callee.name });
    const called = { parent: steps.length - 1, depth: depth + 2, service: callee, entry, peer: '' };
    steps.push({ ...called, kind: Kind.server, work: 'rpc' });
  } else if (service.store === 'kafka') steps.push({ ...at, kind: Kind.producer, work: 'message', peer: 'orders' });
  else if (service.store) steps.push({ ...at, kind: Kind.client, work: 'store', peer: service.store });
  else steps.push({ ...at, kind: Kind.internal, work: 'inner', peer: '' });
}

/** Who does the next piece of work: often the newest span, so that chains grow deep; never a call itself. */
function callerOf(random: Random, steps: Step[]): number {
  for (let attempt = 0; attempt < 20; attempt++) {
    const newest = attempt === 0 && chance(random, 0.5);
    const index = newest ? steps.length - 1 : integer(random, 0, steps.length - 1);
    if (canCall(steps[index])) return index;
  }
  return Math.max(0, steps.findIndex(canCall));
}

const canCall = (step: Step): boolean =>
  step.kind !== Kind.client && step.kind !== Kind.producer && step.service !== proxy && step.depth < maxDepth - 1;
