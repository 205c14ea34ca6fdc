import { closeSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { crc32 } from 'node:zlib';
import { BodyFiles } from '../../src/store/body-files.ts';
import type { Told } from '../support/spans.ts';
import { writeFormat3 } from './format-3.ts';
import { bodiesIn, limits } from './open-parts.ts';

/** Writes a store of format 2: bodies as they are, one behind the other in one file. */
export function writeFormat2(directory: string, told: readonly Told[], now: number): void {
  const file = join(directory, 'traces.db');
  writeFormat3(directory, told, now);
  using db = new DatabaseSync(file);
  const bodies = new BodyFiles(file, limits.maxBytes, () => []);
  const plain = ['trace', 'part'].flatMap((table) =>
    db
      .prepare(`SELECT id, body FROM ${table} ORDER BY id`)
      .all()
      .map(({ id, body }) => ({ table, id, body: bodies.read(body as Uint8Array)! })),
  );
  bodies.close();
  for (const name of bodiesIn(directory)) rmSync(join(directory, name));
  const descriptor = openSync(join(directory, 'traces.db-bodies-000001'), 'w', 0o600);
  let start = 0;
  for (const { table, id, body } of plain) {
    const reference = Buffer.alloc(17);
    for (const [i, value] of [1, start, body.length, crc32(body)].entries()) reference.writeUInt32BE(value, 1 + 4 * i);
    db.prepare(`UPDATE ${table} SET body = ? WHERE id = ?`).run(reference, id);
    start += writeSync(descriptor, body);
  }
  closeSync(descriptor);
  db.exec('PRAGMA user_version = 2');
}
