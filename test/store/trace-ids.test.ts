import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { describe, expect, it } from 'vitest';
import { openDatabase } from '../../src/store/database.ts';
import { IdHashes } from '../../src/store/id-hashes.ts';
import { TraceIds } from '../../src/store/trace-ids.ts';
import { keyOf, tracesPerGeneration } from '../../src/store/trace-key.ts';
import { TraceTable } from '../../src/store/trace-table.ts';
import { IdHash } from '../../src/tables/id-hash.ts';
import { idOf } from '../support/spans.ts';
import { temporaryDirectory } from './fixture.ts';

const generations = 300;

const numberIn = (generation: number): number => generation * tracesPerGeneration + 1;
const idIn = (generation: number): Uint8Array => idOf(`t${generation}`, 16);

/** A directory of one trace. */
const entryOf = (generation: number): Uint8Array => Buffer.concat([idIn(generation), Buffer.alloc(28)]);

/** As versions before format 4 left it: an index of ids. */
function withRows(db: DatabaseSync): void {
  const insert = db.prepare("INSERT INTO trace_row VALUES (?, ?, 0, 0, 0, x'', NULL)");
  for (let generation = 0; generation < generations; generation++)
    insert.run(numberIn(generation), keyOf(numberIn(generation), idIn(generation)));
}

/** Blocks of one trace, and tables of hashes. */
function withBlocks(db: DatabaseSync): void {
  const insert = db.prepare('INSERT INTO block VALUES (?, 1, 0, 0, 0, 0, 1, 0, 0, ?)');
  const written = new IdHashes(db);
  for (let generation = 0; generation < generations; generation++) {
    insert.run(numberIn(generation), entryOf(generation));
    const hash = new IdHash(written.seed);
    const { buffer, byteOffset } = Buffer.from(idIn(generation));
    const words = new DataView(buffer, byteOffset);
    const hashes = new Int32Array(tracesPerGeneration);
    hashes[1] = hash.of(...([0, 4, 8, 12].map((at) => words.getInt32(at, true)) as [number, number, number, number]));
    if (generation < generations - 1) written.write(generation, hashes);
  }
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
    return {
      get,
      run: statement.run.bind(statement),
      all: statement.all.bind(statement),
      iterate: statement.iterate.bind(statement),
    };
  };
  return { db: { prepare } as unknown as DatabaseSync, asked };
}

/** Stores with one trace in each generation, as far apart as those of a store of millions. */
describe.each([
  ['rows', withRows],
  ['blocks', withBlocks],
])('in a large store of %s that was just opened', (_, fill) => {
  function openLarge(directory: string): DatabaseSync {
    const db = openDatabase(join(directory, 'traces.db'));
    db.exec('BEGIN');
    fill(db);
    db.exec('COMMIT');
    return db;
  }

  it('a batch of new traces is no longer looked for in each part', () => {
    using home = temporaryDirectory();
    using large = openLarge(home.path);
    const { db, asked } = counted(large);
    const ids = new TraceIds(db, new TraceTable(db));
    ids.refresh();
    for (let i = 0; i < 5000; i++) expect(ids.find(idOf(`new ${i}`, 16))).toBeUndefined();
    expect(asked.rows).toBeLessThan(generations * 300);
    for (let generation = 0; generation < generations; generation++)
      expect(ids.find(idIn(generation))).toBe(numberIn(generation));
  });

  it('nothing is found when all was deleted, and numbers begin anew', () => {
    using home = temporaryDirectory();
    using large = openLarge(home.path);
    const table = new TraceTable(large);
    const ids = new TraceIds(large, table);
    large.exec('DELETE FROM trace_row; DELETE FROM block');
    ids.forgetBefore(numberIn(generations));
    for (let i = 0; i < 40; i++) ids.refresh();
    for (let generation = 0; generation < generations; generation++) expect(ids.find(idIn(generation))).toBeUndefined();
    expect(ids.next(idIn(3))).toBe(1);
    large.prepare('INSERT INTO block VALUES (1, 1, 0, 0, 0, 0, 1, 0, 0, ?)').run(entryOf(3));
    expect(ids.find(idIn(3))).toBe(1);
  });

  it('a trace is found wherever it is', () => {
    using home = temporaryDirectory();
    using large = openLarge(home.path);
    const ids = new TraceIds(large, new TraceTable(large));
    for (let i = 0; i < 2; i++)
      for (let generation = 0; generation < generations; generation++)
        expect(ids.find(idIn(generation))).toBe(numberIn(generation));
  });
});

it('what another process stores while this one looks what there is, is found when it looks again', () => {
  using home = temporaryDirectory();
  using db = openDatabase(join(home.path, 'traces.db'));
  using other = openDatabase(join(home.path, 'traces.db'));
  let statements = 0;
  const prepare = (sql: string) => {
    const statement = db.prepare(sql);
    const get = (...values: Buffer[]) => {
      const row = statement.get(...values);
      if (++statements === 2) withBlocks(other);
      return row;
    };
    return { get, all: statement.all.bind(statement), iterate: statement.iterate.bind(statement) };
  };
  const hooked = { prepare } as unknown as DatabaseSync;
  const ids = new TraceIds(hooked, new TraceTable(hooked));
  expect(statements).toBeGreaterThan(2);
  ids.refresh();
  expect(ids.find(idIn(generations - 1))).toBe(numberIn(generations - 1));
});
