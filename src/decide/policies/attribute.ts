import type { SpanPredicate, TracePredicate, ValueTest } from '../../model/predicates.ts';

/** An attribute of the span or of its resource, as every attribute policy of the Collector has it. */
export const ofSpanOrResource = (key: string, is: ValueTest): SpanPredicate => ({
  op: 'or',
  of: [
    { op: 'attribute', of: 'span', key, is },
    { op: 'attribute', of: 'resource', key, is },
  ],
});

/** Some span fulfils it; with `invert_match`, none does. */
export const someOrNone = (span: SpanPredicate, none: boolean): TracePredicate =>
  none ? { op: 'not', of: { op: 'any', span } } : { op: 'any', span };
