import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FileProblem, LiveFiles, type LiveFilesOptions } from '../../src/config/live-files.ts';
import { type FileText, readText } from '../../src/config/read-text.ts';
import { UsageError } from '../../src/errors.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'tailgate-live-'));
});
afterEach(() => {
  for (const { files } of opened.splice(0)) files.stop();
  rmSync(directory, { recursive: true });
});

const at = (name: string): string => join(directory, name);
const put = (name: string, text: string): void => writeFileSync(at(name), text);
const opened: Opened[] = [];

interface Opened {
  readonly files: LiveFiles<string>;
  /** Values that took the place of others, and lines for the operator. */
  readonly values: string[];
  readonly lines: string[];
  nowMs: number;
  /** Done in the next wait, instead of waiting. */
  meanwhile: () => void;
  read: (path: string) => Promise<FileText>;
}

/** A pair that fits when both have the same text: as a key and a certificate do. */
const pair = ({ cert_file: cert, key_file: key }: Readonly<Record<string, string>>): string => {
  if (cert.startsWith('broken')) throw new FileProblem('cert_file', 'is no certificate');
  if (cert !== key) throw new Error('the key does not belong to the certificate');
  return cert;
};

/** Whatever reads the disk is given the time that a busy machine needs. */
const patient: { readonly silentMs: number; readonly read: Opened['read'] } = { silentMs: 30_000, read: readText };

async function open(options: Partial<LiveFilesOptions<string>> = {}, { silentMs, read } = patient): Promise<Opened> {
  const it = { values: [], lines: [], nowMs: 1000, meanwhile: () => {}, read } as unknown as Opened;
  const files = await LiveFiles.open(
    {
      block: 'receive.tls',
      paths: { cert_file: at('cert'), key_file: at('key') },
      reloadIntervalMs: 3_600_000,
      parse: pair,
      tell: (level, message) => it.lines.push(`${level} ${message}`),
      ...options,
    },
    {
      read: (path) => it.read(path),
      wait: async () => {
        const { meanwhile } = it;
        it.meanwhile = () => {};
        meanwhile();
      },
      silentMs,
      clock: { monotonicMs: () => it.nowMs },
    },
  );
  files.onChange('a test', (value) => it.values.push(value));
  opened.push(Object.assign(it, { files }));
  return it;
}

function both(text: string): void {
  put('cert', text);
  put('key', text);
}

describe('files that change while the gateway runs', () => {
  it('are read at the start, and again when asked', async () => {
    both('one');
    const { files, values, lines } = await open();
    expect(files.value).toBe('one');
    await files.reload();
    expect([values, lines]).toEqual([[], []]);
    both('two');
    await files.reload();
    expect([files.value, values]).toEqual(['two', ['two']]);
    expect(lines).toEqual(['info receive.tls: changed files are in force']);
    expect(files.status.loads).toEqual({ accepted: 2, refused: 0 });
  });

  it('are read by themselves', async () => {
    both('one');
    const { files } = await open({ reloadIntervalMs: 5 });
    both('two');
    await expect.poll(() => files.value, { timeout: 30_000, interval: 5 }).toBe('two');
  });

  it.each([
    ['missing', () => rmSync(at('key')), `receive.tls.key_file: ${'KEY'}: there is no such file`],
    [
      'a folder',
      () => {
        rmSync(at('key'));
        mkdirSync(at('key'));
      },
      'receive.tls.key_file: KEY: not a regular file: expected one, or a link to one',
    ],
    [
      'not text',
      () => writeFileSync(at('cert'), Buffer.of(0xff, 0xfe)),
      'receive.tls.cert_file: CERT: not valid UTF-8',
    ],
    ['no good', () => put('cert', 'broken'), 'receive.tls.cert_file: CERT: is no certificate'],
    ['not of each other', () => put('cert', 'two'), 'receive.tls: the key does not belong to the certificate'],
  ])('are the end of the start where one is %s, and no more than a line later', async (_, spoil, message) => {
    const why = message.replace('KEY', at('key')).replace('CERT', at('cert'));
    both('one');
    const it = await open();
    spoil();
    await expect(open()).rejects.toThrow(new UsageError(why));

    it.nowMs = 5000;
    await it.files.reload();
    it.nowMs = 9000;
    await it.files.reload();
    expect(it.lines).toEqual([`warn ${why}; what was read before stays in force`]);
    expect(it.files.value).toBe('one');
    expect(it.files.status).toMatchObject({ loadedAt: 1000, failingSince: 5000, loads: { accepted: 1, refused: 2 } });

    for (const name of ['cert', 'key']) rmSync(at(name), { recursive: true, force: true });
    both('one');
    await it.files.reload();
    expect(it.files.status.failingSince).toBeUndefined();
    expect(it.values).toEqual([]);
  });

  it('may come one after the other', async () => {
    both('one');
    const it = await open();
    put('key', 'two');
    // The first wait is for the text to settle, the second for its other half.
    it.meanwhile = () => {
      it.meanwhile = () => put('cert', 'two');
    };
    await it.files.reload();
    expect([it.files.value, it.lines]).toEqual(['two', ['info receive.tls: changed files are in force']]);
  });

  it('do not count half written, even where half of them would do', async () => {
    put('tokens', 'a: 1\nb: 2');
    const it = await open({ paths: { tokens: at('tokens') }, parse: ({ tokens }) => tokens });
    put('tokens', 'c: 3\n');
    it.meanwhile = () => put('tokens', 'c: 3\nd: 4');
    await it.files.reload();
    expect(it.values).toEqual(['c: 3\nd: 4']);
  });

  it('are followed where their folder is swapped, as Kubernetes does it', async () => {
    for (const version of ['one', 'two']) {
      mkdirSync(at(version));
      for (const name of ['cert', 'key']) put(`${version}/${name}`, version);
    }
    symlinkSync('one', at('..data'));
    for (const name of ['cert', 'key']) symlinkSync(`..data/${name}`, at(name));
    const { files } = await open();
    expect(files.value).toBe('one');
    symlinkSync('two', at('..data_tmp'));
    renameSync(at('..data_tmp'), at('..data'));
    await files.reload();
    expect(files.value).toBe('two');
  });

  it('are looked at once more where somebody asks while they are', async () => {
    both('one');
    const it = await open();
    let again: Promise<void> | undefined;
    it.read = async (path) => {
      const text = await readText(path);
      // What changes after it was read is not seen by this look.
      it.read = readText;
      both('two');
      again = it.files.reload();
      return text;
    };
    await it.files.reload();
    await again;
    expect(it.files.value).toBe('two');
  });

  it('tell each new reason', async () => {
    both('one');
    const it = await open();
    put('cert', 'two');
    await it.files.reload();
    put('cert', 'broken');
    await it.files.reload();
    both('three');
    await it.files.reload();
    expect(it.lines.map((line) => line.replace(/;.*/, ''))).toEqual([
      'warn receive.tls: the key does not belong to the certificate',
      `warn receive.tls.cert_file: ${at('cert')}: is no certificate`,
      'info receive.tls: changed files are in force',
    ]);
  });

  it('reach each who asked for them though another fails with them, who is told, and asked again until it does not', async () => {
    both('one');
    const it = await open();
    let isBroken = true;
    const port: string[] = [];
    const failing = (value: string): void => {
      if (isBroken) throw new Error('no such port');
      port.push(value);
    };
    it.files.onChange('the gRPC port', failing);
    it.files.onChange('the HTTP port', failing);
    it.files.onChange('the admin port', (value) => port.push(`admin ${value}`));
    both('two');
    it.nowMs = 5000;
    for (let n = 0; n < 3; n++) await it.files.reload();
    expect([it.files.value, it.values, port.splice(0)]).toEqual(['two', ['two'], ['admin two']]);
    const paths = `${at('cert')}, ${at('key')}`;
    expect(it.lines).toEqual([
      'info receive.tls: changed files are in force',
      `warn receive.tls: ${paths}: did not reach the gRPC port: no such port; did not reach the HTTP port: no such port; what was read before stays in force there`,
    ]);
    expect(it.files.status).toMatchObject({ failingSince: 5000, loads: { accepted: 2, refused: 3 } });

    isBroken = false;
    await it.files.reload();
    expect([it.values, port]).toEqual([['two'], ['two', 'two']]);
    expect(it.files.status.failingSince).toBeUndefined();
  });

  it('on a file system that does not answer are given up, and read by one thread at a time', async () => {
    // Answers at once or never: no disk, and nothing that takes time.
    let [text, reads] = ['one', 0];
    const read = async (): Promise<string> => text;
    const it = await open({}, { silentMs: 5, read });
    const { promise, resolve } = Promise.withResolvers<string>();
    it.read = () => {
      reads++;
      return promise;
    };
    text = 'two';
    for (let n = 0; n < 3; n++) await it.files.reload();
    const why = `receive.tls.cert_file: ${at('cert')}: the file system did not answer within 0.005 s`;
    expect([reads, it.lines]).toEqual([1, [`warn ${why}; what was read before stays in force`]]);
    resolve(text);
    it.read = read;
    await expect.poll(() => it.files.reload().then(() => it.files.value), { timeout: 30_000 }).toBe('two');
  });

  it('change nothing any more once they are stopped', async () => {
    both('one');
    const it = await open();
    both('two');
    it.meanwhile = () => it.files.stop();
    await it.files.reload();
    expect([it.files.value, it.values]).toEqual(['one', []]);
  });
});
