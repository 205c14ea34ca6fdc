import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Damaged } from '../../../src/store/damage.ts';
import { type Opened, openParts } from '../../../src/store/opened.ts';
import { bodyFile, databaseFiles } from '../../../src/store/own-files.ts';
import { Pace, Turns } from '../../../src/store/pace.ts';
import { MalformedError } from '../../../src/wire/reader.ts';
import { requestBytes, traceIdHex } from '../../support/spans.ts';
import { changeBytes } from '../bytes.ts';
import { below, type Chance, pick, type Target, wordsOf } from '../target.ts';

const now = 1_790_000_000_000;
const limits = { retentionMs: 86_400_000, maxBytes: 2 ** 30 };
const asked = [
  ['/api/search', 'q=%7B%7D&limit=20'],
  ['/api/search', 'q=%7Bspan.n%3D5%7D'],
  [`/api/traces/${traceIdHex('t1')}`, ''],
  [`/api/v2/traces/${traceIdHex('t2')}`, ''],
  ['/api/v2/search/tags', ''],
  ['/api/v2/search/tag/span.n/values', ''],
] as const;

/** Where a file is written to memory (Linux): a disk would take a hundred times as long. */
const memory = '/dev/shm';
let made: string | undefined;
/** A folder for the file, gone when the process ends. */
function directory(): string {
  if (made === undefined) {
    const path = mkdtempSync(join(existsSync(memory) ? memory : tmpdir(), 'tailgate-fuzz-store-'));
    process.once('exit', () => rmSync(path, { recursive: true, force: true }));
    made = path;
  }
  return made;
}

/** Opens the file, asks of it, writes to it; what went wrong is SQLite's to say, or the reader's of what is in it. */
async function run(input: Buffer): Promise<string> {
  const file = join(directory(), 'traces.db');
  for (const path of databaseFiles(file)) rmSync(path, { force: true });
  writeFileSync(file, input);
  writeFileSync(bodyFile(file, 1), bodies);
  const outcomes: string[] = [];
  const noting = async (what: () => unknown): Promise<void> => {
    try {
      const answer = await what();
      outcomes.push(String((answer as { status?: number } | undefined)?.status ?? 'done'));
    } catch (error) {
      outcomes.push(expectedOf(error));
    }
  };
  let opened: Opened | undefined;
  await noting(() => void (opened = openParts(file, limits)));
  if (opened !== undefined) {
    const { answers, appender, close } = opened as Opened;
    for (const [path, query] of asked)
      await noting(() => answers.answer({ path, query, accept: '' }, new Pace(new Turns())));
    await noting(() => appender.append(requestBytes({ trace: 't1', name: 'later' }), now));
    close();
  }
  return outcomes.join(' ');
}

function expectedOf(error: unknown): string {
  const { code } = error as { code?: string };
  if (error instanceof Damaged || error instanceof MalformedError || code === 'ERR_SQLITE_ERROR') return wordsOf(error);
  throw error;
}

/** What the bodies of the largest seed are, which begin with those of the others. */
let bodies: Uint8Array = Buffer.alloc(0);

function filled(traces: number): Buffer {
  const file = join(directory(), 'seed.db');
  for (const path of databaseFiles(file)) rmSync(path, { force: true });
  const { db, appender, close } = openParts(file, limits);
  for (let i = 0; i < traces; i++)
    appender.append(
      requestBytes({ trace: `t${i}`, name: `name ${i}`, attributes: { n: i, text: 'x'.repeat(i * 9) } }),
      now,
    );
  db.exec('PRAGMA wal_checkpoint(TRUNCATE)');
  close();
  bodies = readFileSync(bodyFile(file, 1));
  return readFileSync(file);
}

const pageBytes = 16_384;

function change(parent: Buffer, chance: Chance): Buffer {
  const copy = Buffer.from(parent);
  const page = below(Math.max(1, copy.length / pageBytes), chance) * pageBytes;
  const kind = chance();
  if (kind < 0.1 || copy.length < pageBytes) return changeBytes(copy, chance);
  // The head of a page says what is in it and where; its end holds what was written first.
  const [from, length] = kind < 0.5 ? [page, pick([8, 16, 100], chance)] : [page + pageBytes - 4_000, 4_000];
  for (let n = 1 + below(6, chance); n > 0; n--) {
    const at = from + below(length, chance);
    if (at < copy.length) copy[at] = chance() < 0.5 ? below(256, chance) : copy[at] ^ (1 << below(8, chance));
  }
  return copy;
}

/** A file of the store that something else has written to. */
export const storeTarget: Target = {
  name: 'store',
  isAsync: true,
  // SQLite's work, in the store's own thread.
  budget: { cpuUs: 90_000, cpuUsPerByte: 0.1, memoryBytes: 64 * 2 ** 20, memoryBytesPerByte: 10 },
  maxBytes: 512 * 1024,
  isNative: true,
  seeds: () => [filled(6), filled(40), Buffer.alloc(0)],
  change,
  run,
};
