import type { Intrinsic, Literal } from './ast.ts';
import { kinds, statuses } from './ast.ts';

/** A duration is a number that is shown with its unit. */
export type FieldType = 'string' | 'number' | 'duration' | 'boolean' | 'status' | 'kind' | 'any';

const typed: Record<Intrinsic, FieldType> = {
  name: 'string',
  status: 'status',
  statusMessage: 'string',
  kind: 'kind',
  duration: 'duration',
  traceDuration: 'duration',
  rootName: 'string',
  rootServiceName: 'string',
  'trace:id': 'string',
  'span:id': 'string',
  'span:parentID': 'string',
  'event:name': 'string',
  'event:timeSinceStart': 'duration',
  'link:traceID': 'string',
  'link:spanID': 'string',
  nestedSetLeft: 'number',
  nestedSetRight: 'number',
  nestedSetParent: 'number',
  'instrumentation:name': 'any',
  'instrumentation:version': 'any',
};

/** Tempo's scoped spellings of the older intrinsics. */
const aliases: Record<string, Intrinsic> = {
  'span:name': 'name',
  'span:status': 'status',
  'span:statusMessage': 'statusMessage',
  'span:kind': 'kind',
  'span:duration': 'duration',
  'trace:duration': 'traceDuration',
  'trace:rootName': 'rootName',
  'trace:rootService': 'rootServiceName',
};

export const intrinsicTypes: Readonly<Record<Intrinsic, FieldType>> = typed;

/** The intrinsic field a word stands for, if any. */
export const intrinsicNamed = (word: string): Intrinsic | undefined =>
  Object.hasOwn(typed, word) ? (word as Intrinsic) : Object.hasOwn(aliases, word) ? aliases[word] : undefined;

const constants = new Map<string, Literal['value']>([
  ['true', true],
  ['false', false],
  ...[...statuses, ...kinds].map((keyword) => [keyword.name, keyword] as const),
]);

/** `true`, `error`, `server` and the like. */
export const constantNamed = (word: string): Literal['value'] | undefined => constants.get(word);

/** Words of TraceQL that are read nowhere here; Tempo does not run the first two either. */
export const unsupportedWords = new Set(['childCount', 'parent']);

/** What makes a metric of a query: Tempo's /api/metrics. */
export const metricsFunctions = new Set(
  'rate count_over_time min_over_time max_over_time avg_over_time sum_over_time quantile_over_time histogram_over_time compare topk bottomk'.split(
    ' ',
  ),
);
