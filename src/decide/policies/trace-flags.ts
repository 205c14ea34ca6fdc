import { kind } from './kind.ts';

export const traceFlags = kind({
  type: 'trace_flags',
  says: 'traces in which some span has the W3C `sampled` flag',
  parameters: {},
  compile: () => ({ op: 'any', span: { op: 'sampled' } }),
});
