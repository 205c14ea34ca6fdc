import type { NumberRange, SpanPredicate } from '../../model/predicates.ts';
import { kind } from './kind.ts';
import { number, oneOrMoreOf, optional, strings } from './parameters.ts';
import { routePredicate, routesParameter } from './route.ts';

const nsPerMs = 1e6;

/** SpanKind by its number in OTLP. */
const spanKinds = ['UNSPECIFIED', 'INTERNAL', 'SERVER', 'CLIENT', 'PRODUCER', 'CONSUMER'] as const;

/** Whichever span is slow, where `latency` asks how long the trace took; to the nanosecond, as `latency_threshold_ms`. */
export const spanLatency = kind({
  type: 'span_latency',
  says: 'traces in which one span took so long (not in the Collector)',
  parameters: {
    threshold_ms: number('longer than so many milliseconds', 0),
    upper_threshold_ms: optional(number('and at most so many', 0), undefined),
    services: optional(strings('only spans of these services'), undefined),
    routes: optional(routesParameter('only spans on these paths, as `route` has them'), undefined),
    kinds: optional(oneOrMoreOf('only spans of these kinds', spanKinds), undefined),
  },
  compile: ({ threshold_ms: moreThan, upper_threshold_ms: atMost, services, routes, kinds }) => {
    if (atMost !== undefined && atMost <= moreThan)
      return [
        { path: ['upper_threshold_ms'], message: `${atMost} is not more than threshold_ms: nothing lies between` },
      ];
    const longer: NumberRange = { min: moreThan * nsPerMs, minExclusive: true };
    const ns = atMost === undefined ? longer : { ...longer, max: atMost * nsPerMs };
    const of: SpanPredicate[] = [{ op: 'duration', ns }];
    if (kinds) of.push({ op: 'kind', kinds: kinds.map((each) => spanKinds.indexOf(each)) });
    if (services)
      of.push({ op: 'attribute', of: 'resource', key: 'service.name', is: { is: 'string', values: services } });
    if (routes) of.push(routePredicate(routes));
    return { op: 'any', span: of.length === 1 ? of[0]! : { op: 'and', of } };
  },
});
