import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { expect, it } from 'vitest';
import { openDatabase } from '../../src/store/database.ts';
import { TraceIds } from '../../src/store/trace-ids.ts';
import { idOf } from '../support/spans.ts';
import { temporaryDirectory } from './fixture.ts';

const generations = 300;
const tracesPerGeneration = 8192;

/** A store with one trace in each generation, as far apart as those of a store of millions. */
function openLarge(directory: string): DatabaseSync {
  const db = openDatabase(join(directory, 'traces.db'));
  const insert = db.prepare("INSERT INTO trace VALUES (?, ?, 0, 0, 0, x'', NULL)");
  for (let generation = 0; generation < generations; generation++) {
    const key = Buffer.alloc(20);
    key.writeUInt32BE(generation);
    key.set(idOf(`t${generation}`, 16), 4);
    insert.run(generation * tracesPerGeneration + 1, key);
  }
  return db;
}

/** The same database, with the number of rows that were asked for. */
function counted(db: DatabaseSync) {
  const asked = { rows: 0 };
  const prepare = (sql: string) => {
    const statement = db.prepare(sql);
    const get = (...values: Buffer[]) => {
      asked.rows++;
      return statement.get(...values);
    };
    return { get };
  };
  return { db: { prepare } as unknown as DatabaseSync, asked };
}

it('a batch of new traces is no longer looked for in each part of a large store that was just opened', () => {
  using home = temporaryDirectory();
  using large = openLarge(home.path);
  const { db, asked } = counted(large);
  const ids = new TraceIds(db);
  ids.refresh();
  for (let i = 0; i < 5000; i++) expect(ids.find(idOf(`new ${i}`, 16))).toBeUndefined();
  expect(asked.rows).toBeLessThan(generations * 300);
  for (let generation = 0; generation < generations; generation++)
    expect(ids.find(idOf(`t${generation}`, 16))).toBe(generation * tracesPerGeneration + 1);
});

it('a trace is found wherever it is in a large store that was just opened', () => {
  using home = temporaryDirectory();
  using large = openLarge(home.path);
  const ids = new TraceIds(large);
  for (let i = 0; i < 2; i++)
    for (let generation = 0; generation < generations; generation++)
      expect(ids.find(idOf(`t${generation}`, 16))).toBe(generation * tracesPerGeneration + 1);
});
