import { kind } from './kind.ts';
import { oneOrMoreOf } from './parameters.ts';

export const statusCode = kind({
  type: 'status_code',
  says: 'traces in which some span has one of these status codes',
  parameters: { status_codes: oneOrMoreOf('status codes, as OTLP has them', ['ERROR', 'OK', 'UNSET']) },
  compile: ({ status_codes: codes }) => ({ op: 'any', span: { op: 'status', codes: [...new Set(codes)].sort() } }),
});
