import { describe, expect, it } from 'vitest';
import { table } from '../../../src/cli/obsctl/table.ts';

const columns = [
  { title: 'ID', text: (row: string[]) => row[0] },
  { title: 'NAME', text: (row: string[]) => row[1], shrinks: true },
  { title: 'N', text: (row: string[]) => row[2], align: 'right' as const },
];
const rows = [
  ['a1', '商品を検索', '5'],
  ['b', 'GET /a/rather/long/route', '12345'],
];

describe('a table', () => {
  it('makes each column as wide as its longest text, in cells', () => {
    expect(table(columns, rows)).toBe(`\
ID  NAME                          N
a1  商品を検索                    5
b   GET /a/rather/long/route  12345
`);
  });

  it('cuts the columns that may shrink where the terminal is too narrow, and no others', () => {
    expect(table(columns, rows, 28)).toBe(`\
ID  NAME                   N
a1  商品を検索             5
b   GET /a/rather/lo…  12345
`);
    expect(table(columns, rows, 5)).toContain('b   GET /a/…  12345');
  });

  it('paints whole cells, so that colours do not shift columns', () => {
    const painted = [{ ...columns[0], paint: (text: string) => `<${text}>` }, columns[2]];
    expect(table(painted, rows)).toBe('ID      N\n<a1>      5\n<b >  12345\n');
  });
});
