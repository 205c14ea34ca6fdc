import { chance, hexId, integer, pick, type Random } from './random.ts';
import type { DemoSpan } from './span.ts';

/**
 * What real traffic has and clean generators leave out, each at a low rate: traces whose root nobody sends,
 * times of zero, ids used twice, old 64-bit trace ids, names in every script, flags, links, dropped counts.
 */
export function makeOdd(random: Random, spans: DemoSpan[]): DemoSpan[] {
  oddTrace(random, spans);
  for (const span of spans) oddSpan(random, span, spans);
  return spans;
}

function oddTrace(random: Random, spans: DemoSpan[]): void {
  const root = spans[0];
  if (chance(random, 0.35)) root.parentSpanId = hexId(random, 8);
  else if (chance(random, 0.008)) root.parentSpanId = '0000000000000000';
  if (spans.length > 3 && chance(random, 0.1)) spans.splice(integer(random, 1, spans.length - 2), 1);
  if (chance(random, 0.02)) for (const span of spans) span.traceState = `vendor=${hexId(random, 4)},other=1`;
}

const names = ['商品を検索', 'оплата заказа', 'Größe prüfen', '🛒 add to cart', 'خدمة'];

function oddSpan(random: Random, span: DemoSpan, spans: readonly DemoSpan[]): void {
  if (chance(random, 0.19)) span.flags = pick(random, [256, 257, 257, 768]);
  const kind = random() * 1000;
  if (kind < 1) span.startNs = span.endNs = 0n;
  else if (kind < 3) shareId(span, spans);
  else if (kind < 7) span.name = pick(random, names);
  else if (kind < 14) span.links = [{ traceId: hexId(random, 16), spanId: hexId(random, 8) }];
  else if (kind < 16) span.droppedAttributes = integer(random, 1, 12);
  else if (kind < 17) span.name = `${span.name} ${'with a very long name '.repeat(19)}`;
  else if (kind < 18) span.resource = nameless;
  else if (kind < 20) span.attributes['app.payload'] = 'x'.repeat(2600);
}

const nameless = { attributes: { 'host.name': 'ip-10-0-3-44' }, schemaUrl: '' };

/** Client and server under one id, as Zipkin's libraries do. */
function shareId(span: DemoSpan, spans: readonly DemoSpan[]): void {
  const parent = spans.find((each) => each.spanId === span.parentSpanId);
  if (!parent || parent === span) return;
  for (const each of spans) if (each.parentSpanId === span.spanId) each.parentSpanId = parent.spanId;
  span.spanId = parent.spanId;
  span.parentSpanId = parent.parentSpanId;
}
