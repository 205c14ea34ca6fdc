import { kind } from './kind.ts';
import { string, strings } from './parameters.ts';

export const traceState = kind({
  type: 'trace_state',
  says: "traces in which some span's tracestate has this member with one of these values",
  parameters: { key: string('the member'), values: strings('what it may be') },
  compile: ({ key, values }) => ({ op: 'any', span: { op: 'tracestate', key, values } }),
});
