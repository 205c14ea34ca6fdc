import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { FileSource } from '../../src/config/file.ts';
import type { FileText } from '../../src/config/read-text.ts';

let directory: string;
let source: FileSource | undefined;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'tailgate-file-'));
});
afterEach(() => {
  source?.stop();
  rmSync(directory, { recursive: true });
});

const never = 3_600_000;

/** What a source of this file tells, each text or failure as it comes. */
function watch(path: string, timing = { settleMs: 5, pollMs: never }) {
  const told: FileText[] = [];
  let answers = 0;
  source = new FileSource(path, timing);
  source.start({
    changed: (text) => told.push(text),
    answered: () => answers++,
    failed: (error) => told.push(`failed: ${error.message}`),
  });
  const until = (...expected: FileText[]) =>
    vi.waitFor(() => expect(told).toEqual(expected), { timeout: 5_000, interval: 2 });
  return { told, until, answers: () => answers };
}

describe('a watched rules file', () => {
  it('is told at first and when it changes, not when it is only touched', async () => {
    const path = join(directory, 'rules.yaml');
    writeFileSync(path, 'one');
    const { until, told, answers } = watch(path);
    await until('one');
    const before = answers();
    writeFileSync(path, 'one');
    await vi.waitFor(() => expect(answers()).toBeGreaterThan(before));
    writeFileSync(path, 'two');
    await until('one', 'two');
    expect(told).toEqual(['one', 'two']);
  });

  it('that is not UTF-8 is no text, and is told once', async () => {
    const path = join(directory, 'rules.yaml');
    writeFileSync(path, Buffer.from('one\ntw\xf6\n', 'latin1'));
    const { told, answers } = watch(path, { settleMs: 5, pollMs: 5 });
    await vi.waitFor(() => expect(answers()).toBeGreaterThan(3), { timeout: 30_000 });
    expect(told).toEqual([{ why: 'not valid UTF-8', line: 2 }]);
  });

  it('may be replaced by an editor that renames', async () => {
    const path = join(directory, 'rules.yaml');
    writeFileSync(path, 'one');
    const { until } = watch(path);
    await until('one');
    writeFileSync(`${path}~`, 'two');
    renameSync(`${path}~`, path);
    await until('one', 'two');
  });

  it('may be a ConfigMap: Kubernetes swaps the link to the folder it is in', async () => {
    const release = (name: string, text: string) => {
      mkdirSync(join(directory, name));
      writeFileSync(join(directory, name, 'rules.yaml'), text);
      symlinkSync(name, join(directory, '..data_tmp'));
      renameSync(join(directory, '..data_tmp'), join(directory, '..data'));
    };
    release('..1', 'one');
    symlinkSync(join('..data', 'rules.yaml'), join(directory, 'rules.yaml'));
    const { until } = watch(join(directory, 'rules.yaml'));
    await until('one');
    release('..2', 'two');
    await until('one', 'two');
    release('..3', 'three');
    await until('one', 'two', 'three');
  });

  it('is seen by polling where the system tells nothing', async () => {
    const folder = join(directory, 'later');
    const { until } = watch(join(folder, 'rules.yaml'), { settleMs: 1, pollMs: 5 });
    await until(undefined);
    mkdirSync(folder);
    writeFileSync(join(folder, 'rules.yaml'), 'one');
    await until(undefined, 'one');
  });

  it('is told when it goes, and when it comes back', async () => {
    const path = join(directory, 'rules.yaml');
    writeFileSync(path, 'one');
    const { until } = watch(path);
    await until('one');
    rmSync(path);
    await until('one', undefined);
    writeFileSync(path, 'one');
    await until('one', undefined, 'one');
  });

  it('is not told while it is still being written', async () => {
    const path = join(directory, 'rules.yaml');
    writeFileSync(path, 'one');
    const { until, told } = watch(path, { settleMs: 300, pollMs: never });
    await until('one');
    for (const part of ['r', 'ro', 'rou', 'routes']) {
      writeFileSync(path, part);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    await until('one', 'routes');
    expect(told).not.toContain('rou');
  });

  it('that cannot be read is a failure, and is read when it can be', async () => {
    const path = join(directory, 'rules.yaml');
    mkdirSync(path); // a folder: the superuser may read every file
    const { told, until } = watch(path, { settleMs: 1, pollMs: never });
    await vi.waitFor(() => expect(told[0]).toMatch(/^failed: not a regular file/));
    told.length = 0;
    rmSync(path, { recursive: true });
    writeFileSync(path, 'one');
    chmodSync(path, 0o600);
    await vi.waitFor(() => expect(told.at(-1)).toBe('one'));
    await until(...told);
  });

  it('is looked at when asked', async () => {
    const folder = join(directory, 'later');
    const { until } = watch(join(folder, 'rules.yaml'));
    await until(undefined);
    mkdirSync(folder);
    writeFileSync(join(folder, 'rules.yaml'), 'one');
    source?.refresh();
    await until(undefined, 'one');
  });

  it('tells nothing after a stop', async () => {
    const path = join(directory, 'rules.yaml');
    writeFileSync(path, 'one');
    const { until, told } = watch(path);
    await until('one');
    source?.stop();
    writeFileSync(path, 'two');
    source?.refresh();
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(told).toEqual(['one']);
  });
});

describe('a rules file whose file system does not answer', () => {
  /** Reads that come to an end when the story says so. */
  function silent() {
    const reads: PromiseWithResolvers<string>[] = [];
    const told: FileText[] = [];
    source = new FileSource('/mnt/rules.yaml', { settleMs: 1, pollMs: 5, silentMs: 10 }, () => {
      const read = Promise.withResolvers<string>();
      reads.push(read);
      return read.promise;
    });
    source.start({
      changed: (text) => told.push(text),
      answered: () => {},
      failed: (error) => told.push(`failed: ${error.message}`),
    });
    const failures = () => told.filter((it) => String(it).startsWith('failed: not read')).length;
    return { reads, told, failures };
  }

  it('is told again and again, and holds two of the threads for files at most', async () => {
    const { reads, failures } = silent();
    await vi.waitFor(() => expect(failures()).toBeGreaterThan(10), { timeout: 30_000, interval: 2 });
    expect(reads).toHaveLength(2);
  });

  it('is heard again when it answers, as it is then', async () => {
    const { reads, told, failures } = silent();
    await vi.waitFor(() => expect(failures()).toBeGreaterThan(3), { timeout: 30_000, interval: 2 });
    for (const read of reads.splice(0)) read.resolve('of long ago');
    await vi.waitFor(() => expect(reads.length).toBeGreaterThan(0), { timeout: 30_000, interval: 1 });
    const answering = setInterval(() => {
      for (const read of reads.splice(0)) read.resolve('of now');
    }, 1);
    await vi.waitFor(() => expect(told.at(-1)).toBe('of now'), { timeout: 30_000, interval: 2 });
    clearInterval(answering);
    expect(told).not.toContain('of long ago');
  });
});

it('a FIFO in the place of the file is refused at once: nobody waits for who may write to it', async () => {
  const path = join(directory, 'rules.yaml');
  execFileSync('mkfifo', [path]);
  const { until } = watch(path);
  await until('failed: not a regular file: expected one, or a link to one');
});
