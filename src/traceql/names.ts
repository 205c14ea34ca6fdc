import type { Intrinsic, Literal } from './ast.ts';
import { kinds, statuses } from './ast.ts';

export type FieldType = 'string' | 'number' | 'boolean' | 'status' | 'kind' | 'any';

const typed: Record<Intrinsic, FieldType> = {
  name: 'string',
  status: 'status',
  statusMessage: 'string',
  kind: 'kind',
  duration: 'number',
  traceDuration: 'number',
  rootName: 'string',
  rootServiceName: 'string',
  'trace:id': 'string',
  'span:id': 'string',
  'span:parentID': 'string',
  'event:name': 'string',
  'event:timeSinceStart': 'number',
  'link:traceID': 'string',
  'link:spanID': 'string',
  'instrumentation:name': 'string',
  'instrumentation:version': 'string',
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
  'trace:rootServiceName': 'rootServiceName',
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

/** Words of TraceQL that this dialect knows of but does not run. */
export const unsupportedWords = new Set(
  'childCount parent nestedSetLeft nestedSetRight nestedSetParent count avg max min sum by coalesce rate'.split(' '),
);
