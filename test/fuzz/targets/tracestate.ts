import { weighTraceState } from '../../../src/enrich/tracestate.ts';
import { emptyStamp } from '../../../src/model/stamp.ts';
import { parseRandomness, randomness } from '../../../src/wire/tracestate.ts';
import { changeBytes } from '../bytes.ts';
import type { Chance, Target } from '../target.ts';

const stamp = { ...emptyStamp(), thresholdHigh: 0xe66666, thresholdLow: 0x66666666 };
/** The same where luck had a part in it. */
const lucky = { ...stamp, luckTo: 0.95, randomnessHigh: 0xf00000, randomnessLow: 1 };

function run(input: Buffer): string {
  const found = parseRandomness(input, 0, input.length);
  const text = input.toString('latin1');
  const raised = weighTraceState(text, stamp);
  const how = raised === text ? 'as it was' : raised?.includes('th:e666666666666') ? 'raised' : 'erased';
  const withLuck = weighTraceState(text, lucky);
  if ((raised === null) !== (withLuck === null) && text.length < 200) throw new Error('malformed by luck');
  return `${found ? 'rv' : 'none'}, ${raised === null ? 'malformed' : how}`;
}

/** The first `ot` member's first `rv`, by other means. */
function explicit(text: string): string | undefined {
  const member = text.split(',').find((part) => /^[ \t]*ot=./s.test(part));
  const value = member
    ?.replace(/^[ \t]*ot=/, '')
    .split(';')
    .find((part) => part.startsWith('rv:'));
  return value === undefined ? undefined : /^rv:([0-9a-f]{14})[ \t]*$/.exec(value)?.[1];
}

function check(input: Buffer, outcome: string): void {
  const text = input.toString('latin1');
  const expected = explicit(text);
  if (parseRandomness(input, 0, input.length)) {
    const { high, low } = randomness;
    const got = high.toString(16).padStart(6, '0') + low.toString(16).padStart(8, '0');
    if (got !== expected) throw new Error(`randomness ${got} where ${expected} is written`);
  } else if (expected !== undefined) throw new Error(`no randomness where ${expected} is written`);
  if (!outcome.endsWith('raised')) return;
  const raised = weighTraceState(text, stamp) as string;
  if (weighTraceState(raised, stamp) !== raised) throw new Error('raised twice it is something else');
  if (!/^ot=([^,]*;)?th:e6666666666666?(;|,|$)/.test(raised)) throw new Error(`no threshold in ${raised}`);
  if (raised.split(',').length > 32) throw new Error('more than 32 members');
}

const words = [
  'ot=',
  'rv:',
  'th:',
  '0123456789abcd',
  ';',
  ',',
  ' ',
  '\t',
  'ot=th:0',
  'ot=rv:ffffffffffffff',
  '=',
  'e66666',
];
const change = (parent: Buffer, chance: Chance): Buffer => changeBytes(parent, chance, words);

/** A span's tracestate. */
export const tracestateTarget: Target = {
  name: 'tracestate',
  budget: { cpuUs: 200, cpuUsPerByte: 0.2, memoryBytes: 2 ** 20, memoryBytesPerByte: 200 },
  maxBytes: 64 * 1024,
  seeds: () =>
    [
      '',
      'ot=rv:0123456789abcd',
      'a=1,ot=th:8;rv:0123456789abcd,b=2',
      ' ot=th:0 ; x:y',
      'ot=th:ffffffffffffff',
      'v@x=1,,ot=',
    ].map((text) => Buffer.from(text)),
  change,
  run,
  check,
};
