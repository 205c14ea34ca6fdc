import { describe, expect, it } from 'vitest';
import { databases } from './cases/databases.ts';
import { json } from './cases/json.ts';
import { keys } from './cases/keys.ts';
import { lines } from './cases/lines.ts';
import { urls } from './cases/urls.ts';
import { enriched, enricher, plain, text } from './messages.ts';

const hiding = (value: string) => plain(enriched(enricher(), { attributes: [text('x', value)] }).attributes).x;

describe.each(Object.entries({ urls, json, lines, databases, keys }))('%s', (_, cases) => {
  it.each(cases.map((entry) => (typeof entry === 'string' ? ([entry, entry] as const) : entry)))(
    '%j → %j, and so it stays',
    (before, after) => {
      expect(hiding(before)).toBe(after);
      expect(hiding(after)).toBe(after);
    },
  );
});
