import { describe, expect, it } from 'vitest';
import type { Enricher } from '../../src/enrich/enrich.ts';
import { enriched, enricher, plain, text } from './messages.ts';

/**
 * Four times the text may take ten times as long, no more: the square would be sixteen. Busy machines need the rest.
 */
const [fewChars, manyChars] = [60_000, 240_000];
const mostGrowth = 10;
/** Below this, growth would be noise. */
const leastSeconds = 0.2;

/** URLs in URLs, encoded once more for each. */
const nested = Array.from({ length: 12 }).reduce<string>(
  (url) => `https://h/?to=${encodeURIComponent(url)}&x=1`,
  'https://h/?token=S3cr3t',
);
/** Parts to repeat; `#` counts. */
const parts = [
  '= : a= x: " \\" \' %25 %3D %253D \\u003d &quot; ;a ,a & [ ][ { <a <a> password=b, password={ password=[ password=" "password":"\\ "-a","',
  ':// a://b:c/ a://b:c@ @tcp( jo:x@tcp( a[b]= password[]= eyJ- sk-a SG.aaaaaaaaaaaaaaaa "name":"password"," ["authorization","',
  'apikey#= pass#=x& key#:',
].flatMap((line) => line.split(' '));
const spaced = [
  '= ',
  ': ',
  'password=a ',
  'password: ',
  '--password ',
  'Cookie: a; ',
  'AUTH ',
  'by ',
  'identified by ',
];
const more = ['login a ', 'api key ', 'bearer ', 'basic OOOO', '-----BEGIN PRIVATE KEY-----', 'token# x', nested];

function repeated(part: string, chars: number): string {
  const all: string[] = [];
  for (let i = 0, length = 0; length < chars; i++) {
    all.push(part.replace('#', String(i)));
    length += all[i].length;
  }
  return all.join('');
}

/** `before` makes a text suspect; without it, it is only looked through. */
function seconds(part: string, chars: number, before = 'token=1 a@b://@ eyJ bearer '): number {
  const value = `${before}${repeated(part, chars)}`;
  const started = process.cpuUsage();
  enriched(enricher(), { attributes: [text('x', value)] });
  const { user, system } = process.cpuUsage(started);
  return (user + system) / 1e6;
}

describe('a text that tries to cost more takes time by its length', () => {
  it.each([...parts, ...spaced, ...more])(
    '%j',
    (part) => {
      const few = Math.max(leastSeconds / mostGrowth, seconds(part, fewChars));
      expect(Math.min(seconds(part, manyChars), seconds(part, manyChars)) / few).toBeLessThan(mostGrowth);
    },
    60_000,
  );

  it.each(['://a:b/', '://:/', '://', 'http://a:b', '://a:b '])(
    'of URLs without a user: %j',
    (part) => {
      const few = Math.max(leastSeconds / mostGrowth, seconds(part, fewChars, ''));
      expect(seconds(part, manyChars, '') / few).toBeLessThan(mostGrowth);
    },
    60_000,
  );

  it('and what is nested deepest is hidden too', () => {
    const left = JSON.stringify(enriched(enricher(), { attributes: [text('x', nested)] }));
    expect(left).not.toContain('S3cr3t');
    expect(left).toContain('****');
  });
});

describe('a span has so much searched, and no more', () => {
  const long = (chars: number, tail = ''): string => `token ${'x'.repeat(chars)}${tail}`;
  const valuesOf = (by: Enricher, ...values: string[]) =>
    Object.values(plain(enriched(by, { attributes: values.map((value, i) => text(`note.${i}`, value)) }).attributes));

  it('a longer text that may hold a secret does not leave; one that cannot does, whatever its length', () => {
    const by = enricher();
    const innocent = 'x'.repeat(2_000_000);
    expect(valuesOf(by, long(600_000, ' password=hunter2'), innocent)).toEqual([
      '**** (too long to be searched)',
      innocent,
    ]);
    expect(by.stats.redactions).toEqual({ too_long: 1 });
    expect(valuesOf(by, long(400_000, ' password=hunter2'))).toEqual([long(400_000, ' password=****')]);
  });

  it('together: those that come first are searched, and the next span has its own', () => {
    const by = enricher();
    const half = long(200_000);
    for (let spans = 0; spans < 2; spans++)
      expect(valuesOf(by, half, half, half, 'token')).toEqual([half, half, '**** (too long to be searched)', 'token']);
  });

  it('what is nested within is left out where it would be too much', () => {
    const by = enricher();
    const items = Array.from({ length: 40_000 }, () => ({ stringValue: 'password=hunter2' }));
    const { attributes } = enriched(by, { attributes: [{ key: 'args', value: { arrayValue: { values: items } } }] });
    expect(JSON.stringify(attributes)).not.toContain('hunter2');
    expect(by.searchedBytes).toBeLessThan(600_000);
  });
});
