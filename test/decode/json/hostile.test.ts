import { describe, expect, it } from 'vitest';
import { JsonReader, slackBytes, spareBytes } from '../../../src/decode/json.ts';

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
  ['a number under a key', of('{"x":0.', '1', '}'), /expected a value at byte 5/, 0],
  ['bytes that continue nothing', '', /not UTF-8/, 0],
];

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
