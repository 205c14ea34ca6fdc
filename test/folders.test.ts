import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeLastGood } from '../src/config/last-good.ts';
import { makeFolder } from '../src/folders.ts';
import { SetAsideFiles } from '../src/kafka/set-aside.ts';

/** Takes no folders, and says that there is none above. */
const nowhere = '/proc/self/nowhere/deep';

let home: string;
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'tailgate-folders-'));
});
afterAll(() => rm(home, { recursive: true }));

describe('a folder', () => {
  it('is made with those above it, each told once, by two at once too', async () => {
    const made: string[] = [];
    const make = () => makeFolder(join(home, 'a', 'b'), async (folder) => void made.push(folder));
    await Promise.all([make(), make()]);
    await make();
    expect((await stat(join(home, 'a', 'b'))).isDirectory()).toBe(true);
    expect(made.sort()).toEqual([join(home, 'a'), join(home, 'a', 'b')]);
  });

  it('where none can be is an error, and comes to an end', async () => {
    await expect(makeFolder(nowhere)).rejects.toThrow('ENOENT');
    await writeFile(join(home, 'file'), '');
    await expect(makeFolder(join(home, 'file', 'below'))).rejects.toThrow('ENOTDIR');
    await expect(makeFolder(join(home, 'file'))).rejects.toThrow('EEXIST');
  });
});

it('the last good rules below such a folder are an error', async () => {
  await expect(writeLastGood(join(nowhere, 'last.json'), {} as never)).rejects.toThrow('ENOENT');
});

describe('what is set aside', () => {
  const poison = (offset: bigint, value = 'x') => {
    return { topic: 't', partition: 2, offset, value: Buffer.from(value), why: 'no request' };
  };
  const aside = (folder: string) => {
    const told: string[] = [];
    return { told, files: new SetAsideFiles(folder, ({ offset }, file) => void told.push(`${offset} ${file}`)) };
  };

  it('below such a folder is told without a file', async () => {
    const { told, files } = aside(nowhere);
    files.put(poison(1n));
    await files.settled();
    expect(told).toEqual(['1 ']);
  });

  it('is there before its offset is over, the first thousand', async () => {
    const folder = join(home, 'aside');
    const { told, files } = aside(folder);
    for (let n = 0; n < 1_001; n++) files.put(poison(BigInt(n), `value ${n}`));
    await files.settled();
    expect(told.filter((it) => it.endsWith(' '))).toEqual(['1000 ']);
    expect(await readFile(join(folder, 't-2-999.bin'), 'utf8')).toBe('value 999');
  });
});
