import { describe, expect, it, vi } from 'vitest';
import { decodeJson, JsonReader, slackBytes, spareBytes } from '../../../src/decode/json.ts';

const stepBytes = 64 * 1024;
const megabyte = 1024 * 1024;

/** About a megabyte of a pattern between two ends. */
const of = (before: string, pattern: string, after: string): string =>
  before + pattern.repeat(Math.floor(megabyte / pattern.length)) + after;
const keys = Array.from({ length: 70_000 }, (_, i) => `"k${i}":0`).join(',');
const spans = '{"resourceSpans":[{"scopeSpans":[{"spans":[';

/**
 * Texts that cost their reader more than they weigh, if he lets them; what becomes of each, and of how many bytes on
 * the wire.
 */
const texts: [name: string, text: string, refusal: RegExp | undefined, wireBytes: number][] = [
  ['empty resources', of('{"resourceSpans":[{}', ',{}', ']}'), undefined, 0],
  ['empty scopes', of('{"resourceSpans":[{"scopeSpans":[{}', ',{}', ']}]}'), undefined, 0],
  ['spans that are null', of(`${spans}null`, ',null', ']}]}]}'), undefined, megabyte / 2],
  ['lists in lists', of('', '[', ''), /expected an object, found a list/, 0],
  ['lists in lists under a key', of('{"x":', '[', ''), /nested more than 10000 deep/, 0],
  ['objects in objects', of('{"x":', '{"x":', ''), /nested more than 10000 deep/, 0],
  [
    'values in values',
    of(`${spans}{"attributes":[{"value":`, '{"arrayValue":{"values":[', ''),
    /more than 10000 deep/,
    1e3,
  ],
  ['keys, no two of them equal', `{${keys}}`, undefined, 0],
  ['one key, over and over', of(`${spans}{"name":"x"`, ',"name":"y"', '}]}]}]}'), undefined, megabyte / 3],
  ['a string of escapes', of(`${spans}{"name":"`, '\\u0041', '"}]}]}]}'), undefined, megabyte / 5],
  ['half pairs', of(`${spans}{"name":"`, '\\ud800', '"}]}]}]}'), undefined, megabyte / 1.9],
  ['a key of escapes', of('{"', '\\n', '":1}'), undefined, 0],
  ['blanks', of('{', ' ', '}'), undefined, 0],
  ['a string without an end', of('{"x":"', 'x', ''), /expected a value at byte 5/, 0],
  ['digits', of(`${spans}{"kind":`, '1', '}]}]}]}'), /expected a value at byte/, 100],
  ['digits in a string', of(`${spans}{"kind":"`, '1', '"}]}]}]}'), /kind: .*(not an integer|out of range)/, 100],
  ['digits in an id', of(`${spans}{"traceId":"`, 'ab', '"}]}]}]}'), undefined, 100],
  ['a number under a key', of('{"x":0.', '1', '}'), /expected a value at byte 5/, 0],
  ['bytes that continue nothing', '', /not UTF-8/, 0],
];

/** A string of so many megabytes under lists in lists: each message around it must be told its length in the end. */
const buried = (megabytes: number, levels: number): Buffer =>
  Buffer.from(
    `${spans}{"attributes":[{"key":"k","value":${'{"arrayValue":{"values":['.repeat(levels)}{"stringValue":"${'x'.repeat(megabytes * megabyte)}"}${']}}'.repeat(levels)}}]}]}]}]}`,
  );

describe('a large value deep in others', () => {
  it.each([0, 47])('is moved no more than twice in one step, under %d lists', (levels) => {
    const body = buried(16, levels);
    const from = spareBytes(body.length);
    const memory = Buffer.alloc(from + body.length + slackBytes);
    memory.set(body, from);
    const copied = vi.spyOn(memory, 'copyWithin');
    const reader = new JsonReader(memory, from);
    for (let done = false, steps = 1; !done; steps++) {
      done = reader.read(stepBytes);
      const movedBytes = copied.mock.calls.reduce((sum, [, start, end]) => sum + end! - start, 0);
      expect(movedBytes).toBeLessThanOrEqual(2 * body.length);
      // So many more steps as there are messages to tell their length.
      expect(steps).toBeLessThanOrEqual(body.length / stepBytes + 2 * levels + 10);
      copied.mockClear();
    }
    const again = decodeJson(body);
    expect(Buffer.compare(reader.message(), again)).toBe(0);
  });
});

describe('hostile texts', () => {
  it.each(texts)('cost no more than they weigh: %s', (name, text, refusal, wireBytes) => {
    const body = name.startsWith('bytes') ? Buffer.alloc(megabyte, 0x80) : Buffer.from(text);
    const from = spareBytes(body.length);
    const memory = Buffer.alloc(from + body.length + slackBytes);
    memory.set(body, from);
    const reader = new JsonReader(memory, from);
    let steps = 1;
    let reason: string | undefined;
    try {
      while (!reader.read(stepBytes)) steps++;
    } catch (error) {
      reason = (error as Error).message;
    }
    // The oracle is what was done, not how long it took: so many steps as the text has, and the memory it came in.
    expect(steps).toBeLessThanOrEqual(Math.ceil(body.length / stepBytes) + 1);
    expect(reader.message().length).toBeLessThanOrEqual(wireBytes);
    expect(reader.message().buffer).toBe(memory.buffer);
    if (refusal === undefined) expect(reason).toBeUndefined();
    else {
      expect(reason).toMatch(refusal);
      expect((reason as string).length).toBeLessThan(500);
    }
  });
});

describe('bytes in base64', () => {
  const valued = (text: string): Buffer =>
    Buffer.from(`${spans}{"attributes":[{"key":"k","value":{"bytesValue":"${text}"}}]}]}]}]}`);
  const bytes = Buffer.from(Array.from({ length: 200_001 }, (_, i) => (i * 31 + (i >> 8)) & 0xff));

  it.each([0, 1, 2, 3, 49_151, 49_152, 49_153, 200_001])('%d of them, in either alphabet, are themselves', (length) => {
    const value = bytes.subarray(0, length);
    for (const text of [value.toString('base64'), value.toString('base64url')])
      expect(Buffer.from(decodeJson(valued(text))).includes(value)).toBe(true);
  });

  it.each(['A', 'AAAAA', 'AA=A', 'AA A', 'AA\\nAA', 'AAA*', 'A===', 'AAAA====', 'é', `${'A'.repeat(70_000)}*AAA`])(
    '%.20j are none',
    (text) => expect(() => decodeJson(valued(text))).toThrow(/not base64/),
  );
});
