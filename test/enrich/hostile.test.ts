import { describe, expect, it } from 'vitest';
import { enriched, enricher, text } from './messages.ts';

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

function seconds(part: string, chars: number): number {
  const value = `token=1 a@b://@ eyJ bearer ${repeated(part, chars)}`;
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

  it('and what is nested deepest is hidden too', () => {
    const left = JSON.stringify(enriched(enricher(), { attributes: [text('x', nested)] }));
    expect(left).not.toContain('S3cr3t');
    expect(left).toContain('****');
  });
});
