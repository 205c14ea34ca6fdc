import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parseQuery } from '../../src/traceql/parse.ts';

const page = readFileSync(new URL('../../docs/traceql.md', import.meta.url), 'utf8');
const rows = [...page.matchAll(/^\| ([^|]+) \| `(.+)` \|$/gm)].map(([, what, query]) => [
  what,
  query.replaceAll('\\|', '|'),
]);

describe('the page about TraceQL shows what runs', () => {
  it('has its examples', () => expect(rows.length).toBeGreaterThan(12));

  it.each(rows)('%s: %s', (_, query) => expect(() => parseQuery(query)).not.toThrow());

  it.each(['rate()', 'count_over_time()', 'quantile_over_time()'])('%s is refused as it says', (stage) => {
    expect(page).toContain(stage);
    expect(() => parseQuery(`{} | ${stage}`)).toThrow(/makes a metric of spans/);
  });

  it.each(['{ parent.a = 1 }', '{ childCount > 1 }', '{ name =~ rootName }', '{} | count() + 1 > 3'])(
    '%s is refused',
    (query) => {
      expect(() => parseQuery(query)).toThrow(/parse error/);
    },
  );
});
