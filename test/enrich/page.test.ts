import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { enriched, enricher, plain, text } from './messages.ts';

const page = readFileSync(new URL('../../docs/redaction.md', import.meta.url), 'utf8');
const table = page.slice(page.indexOf('| Where | What leaves |'));
const rows = [...table.slice(0, table.indexOf('\n\n')).matchAll(/^\| ([^|]+) \| `(.+)` \|$/gm)].map(
  ([, where, left]) => [where, left],
);

it('the page shows what leaves, row by row', () => expect(rows.length).toBeGreaterThan(9));

it.each(rows)('of %s: %s', (where, left) => {
  const came = left.replaceAll('****', 'S3cr3t');
  expect(came === left).toBe(where.startsWith('stays'));
  expect(plain(enriched(enricher(), { attributes: [text('x', came)] }).attributes).x).toBe(left);
});
