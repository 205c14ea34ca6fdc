import { kind } from './kind.ts';
import { optional, whole } from './parameters.ts';

export const spanCount = kind({
  type: 'span_count',
  says: 'traces of so many spans, as far as they have come when the trace is decided',
  parameters: {
    min_spans: optional(whole('the fewest'), 0),
    max_spans: optional(whole('the most; 0 = however many'), 0),
  },
  compile: ({ min_spans: min, max_spans: max }) => {
    if (max !== 0 && max < min)
      return [{ path: ['max_spans'], message: `${max} is less than min_spans: no number lies between` }];
    return { op: 'spans', count: max === 0 ? { min } : { min, max } };
  },
});
