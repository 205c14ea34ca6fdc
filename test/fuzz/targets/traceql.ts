import { type Field, kinds, statuses, type Value } from '../../../src/traceql/ast.ts';
import { TraceQLError } from '../../../src/traceql/error.ts';
import { compileSpansets, QueryFailure } from '../../../src/traceql/evaluate.ts';
import { parseQuery } from '../../../src/traceql/parse.ts';
import { matchedSpans } from '../../support/matched-spans.ts';
import { changeBytes } from '../bytes.ts';
import { type Chance, type Target, wordsOf } from '../target.ts';

const long = 'a'.repeat(5_000);
const fieldsOfOne: Record<string, Value> = {
  'span.text': 'hello',
  'span.long': long,
  'span.number': 500n,
  'span.huge': 9223372036854775807n,
  'span.yes': true,
  'span.list': ['a', 'b'],
  name: 'GET /',
  status: statuses[2],
  kind: kinds[2],
  duration: 600e6,
};
const spans = [1, 2].map((id) => ({
  spanId: String(id),
  parentId: id === 1 ? '' : '1',
  isRoot: id === 1,
  kind: 2,
  left: 0,
  right: 0,
  parent: 0,
  field: (field: Field): Value =>
    field.type === 'intrinsic' ? fieldsOfOne[field.name] : fieldsOfOne[`${field.scope}.${field.key}`],
}));

function run(input: Buffer): string {
  try {
    const { spansets } = parseQuery(input.toString());
    return `${matchedSpans(compileSpansets(spansets), spans).length} spans`;
  } catch (error) {
    if (!(error instanceof TraceQLError || error instanceof QueryFailure)) throw error;
    if (error.message.length > 600) throw new Error(`a message of ${error.message.length} characters`);
    return wordsOf({ message: error.message.replace(/(after|before|found|character) .*/s, '$1 …') });
  }
}

const words = [
  ...['{', '}', '(', ')', '&&', '||', '!', '=', '!=', '=~', '!~', '>', '<=', '"', '`', '.a', 'span.', 'resource.'],
  ...[
    'name',
    'status',
    'error',
    'kind',
    'duration',
    '5ms',
    '1e9',
    '-',
    'nil',
    'true',
    '| select(',
    '| by(',
    '| count() > ',
    '| avg(',
    '| coalesce()',
    'nestedSetLeft',
    '&>>',
    '!~',
    '^',
    '%',
    '/*',
    '*/',
    '//',
    'with (',
    '>>',
    ',',
  ],
  ...['"(a+)+$"', '"(a|a)*b"', '"[a-z]{1,999}"', '"(?i)x"', '"(((a*)*)*)*c"', 'span.long =~ ', '\\u{', '"a|b|c"', 'é'],
];
const change = (parent: Buffer, chance: Chance): Buffer => changeBytes(parent, chance, words);

/** A query: parsed, compiled, and asked on two spans. */
export const traceqlTarget: Target = {
  name: 'traceql',
  // An expression of up to 4,096 characters runs over values of 5,000: that, and its repetitions, is what takes time.
  budget: { cpuUs: 20_000, cpuUsPerByte: 30, memoryBytes: 16 * 2 ** 20, memoryBytesPerByte: 3_000 },
  // As long as a search takes.
  maxBytes: 128 * 1024,
  seeds: () =>
    [
      '{}',
      '{ span.text = "hello" && duration > 500ms }',
      '{ status = error } && { kind = server || name =~ "GET.*" } | select(span.text, duration)',
      '{ span.long =~ "(a|b)*c" }',
      '{ !(span.number >= 5.5e2) && span.huge != nil } with (most_recent=true)',
      '{ span.list = "b" || span.yes }',
      '{ nestedSetParent < 0 } >> { kind = server } !~ {} | by(name) | avg(duration) > 1ms | coalesce()',
      '{ -span.number * 2 ^ 3 % 7 > 1.5 / duration } /* what\never */ | count() > 3 // so',
      `{ name =~ "${Array.from({ length: 200 }, (_, i) => `n${i}`).join('|')}" }`,
    ].map((text) => Buffer.from(text)),
  change,
  run,
};
