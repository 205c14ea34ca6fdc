import { expect, it } from 'vitest';
import { addTables } from '../../src/threads/add-records.ts';

it('what shards count by name is added, also where one has not heard of a name yet', () => {
  const first = { a: { spans: 1, bytes: 10 }, b: { spans: 2, bytes: 20 } };
  const second = { b: { spans: 3, bytes: 30 }, c: { spans: 4, bytes: 40 } };
  expect(addTables<string, Record<string, number>>([first, second, {}])).toEqual({
    a: { spans: 1, bytes: 10 },
    b: { spans: 5, bytes: 50 },
    c: { spans: 4, bytes: 40 },
  });
  expect(addTables([{}])).toEqual({});
});
