import { createHash } from 'node:crypto';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Io } from '../../../../src/cli/io.ts';
import { textContent } from '../../../../src/cli/obsctl/archive/content.ts';
import { Folder } from '../../../../src/cli/obsctl/archive/folder.ts';
import { obsctl } from '../../../../src/cli/obsctl/obsctl.ts';
import { decodeJson } from '../../../../src/decode/json.ts';
import { fakeProcess } from '../../fake-process.ts';
import { FakeTempo } from './fake-tempo.ts';
import { oddTrace, traceId } from './odd-trace.ts';

const otherId = 'a'.repeat(31) + '1';
const noId = 'f'.repeat(32);
const now = Date.parse('2026-11-30T02:00:00Z');
const tempo = new FakeTempo();
let folder: string;

beforeAll(() => tempo.start());
afterAll(() => tempo.stop());
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'archive-'));
  tempo.traces.clear();
  tempo.traces.set(traceId, oddTrace());
  tempo.traces.set(otherId, oddTrace(otherId));
  tempo.before = () => false;
  return () => rmSync(folder, { recursive: true });
});

async function archive(argv: readonly string[], io: Partial<Io> = {}) {
  const process = fakeProcess({ now: () => now, env: { OBSCTL_TEMPO: tempo.url }, ...io });
  const code = await obsctl(['trace', 'archive', ...argv, '--by', 'ada'], process);
  return { code, out: process.out, err: process.err };
}
const filesIn = (path: string) => readdirSync(path).sort();
const json = (name: string) => JSON.parse(readFileSync(join(folder, name), 'utf8'));

describe('trace archive', () => {
  it('writes the trace as it came, and what it is, who wanted it and why', async () => {
    const { code, out, err } = await archive([traceId, '--out', folder, '--why', 'INC-42', '--hold', '1y']);
    expect([code, err]).toEqual([0, '']);
    const [trace, manifest] = filesIn(folder).sort((a, b) => a.length - b.length);
    const text = readFileSync(join(folder, trace));
    expect(Buffer.from(decodeJson(text)).equals(Buffer.from(oddTrace()))).toBe(true);
    const sha256 = createHash('sha256').update(text).digest('hex');
    expect(trace).toBe(`${traceId}.${sha256.slice(0, 16)}.json`);
    expect(json(manifest)).toMatchObject({
      ...{ format: 'tailgate-trace-archive/1', traceId, file: trace, sha256, bytes: text.length, spans: 2 },
      ...{ startAt: '2026-11-25T17:02:11.123Z', durationMs: 1240, rootService: 'shop', rootName: 'GET /cart' },
      ...{ missing: '', notCarried: { unknownFields: 0, mendedTexts: 0 }, source: tempo.url },
      ...{ archivedAt: '2026-11-30T02:00:00.000Z', by: 'ada', why: 'INC-42' },
      hold: { until: '2027-11-30T23:59:59.000Z' },
    });
    expect(out).toContain(join(folder, trace));
    expect(filesIn(folder).map((name) => statSync(join(folder, name)).mode & 0o777)).toEqual([0o444, 0o444]);
  });

  it.each([
    ['where no folder can be made', () => '/proc/archive', 'there is no such folder'],
    ['below a link that leads nowhere', () => join(folder, 'nowhere', 'deeper'), 'not a folder'],
    ['in a file', () => join(folder, 'file', 'deeper'), 'not a folder'],
  ])('ends in a line %s', async (_, out, message) => {
    symlinkSync('/nowhere/at/all', join(folder, 'nowhere'));
    writeFileSync(join(folder, 'file'), '');
    const { code, err } = await archive([traceId, '--out', out()]);
    expect([code, err.trim().split('\n').length]).toEqual([1, 1]);
    expect(err).toContain(message);
  });

  it('makes the folders above its own, also when several do at once', async () => {
    const deep = join(folder, 'a', 'b', 'c');
    const reports = await Promise.all([1, 2, 3].map(() => archive([traceId, '--out', deep])));
    expect(reports.map(({ code }) => code)).toEqual([0, 0, 0]);
    expect(filesIn(deep)).toHaveLength(2);
    expect((await archive([traceId, '--out', ''])).code).toBe(2);
  });

  it('holds as long as was asked for last, also within a day', async () => {
    await archive([traceId, '--out', folder, '--hold', '1h']);
    await archive([traceId, '--out', folder, '--hold', '20h']);
    await archive([traceId, '--out', folder, '--hold', '23h']);
    const untils = filesIn(folder)
      .filter((name) => name.includes('manifest'))
      .map((name) => json(name).hold.until);
    expect(untils.toSorted().at(-1)! >= '2026-12-01T01:00:00.000Z').toBe(true);
    expect(untils.toSorted()[0] >= '2026-11-30T22:00:00.000Z').toBe(true);
    expect(untils).toHaveLength(2);
  });

  it('writes nothing twice, another reason beside the first, and a trace that grew beside what it was', async () => {
    await archive([traceId, '--out', folder, '--why', 'INC-42']);
    const first = filesIn(folder);
    expect((await archive([traceId, '--out', folder, '--why', 'INC-42'])).out).toContain('archived already');
    expect(filesIn(folder)).toEqual(first);
    await archive([traceId, '--out', folder, '--why', 'INC-43']);
    expect(filesIn(folder)).toHaveLength(3);
    tempo.traces.set(traceId, Buffer.concat([oddTrace(), oddTrace()]));
    await archive([traceId, '--out', folder, '--why', 'INC-42']);
    expect(filesIn(folder)).toHaveLength(5);
    expect(filesIn(folder)).toEqual(expect.arrayContaining(first));
  });

  it('writes it once more for Grafana where that is asked for, under the name that it looks for', async () => {
    await archive([traceId, '--out', folder, '--grafana']);
    const [trace] = filesIn(folder).filter((name) => /^[0-9a-f]{32}\.[0-9a-f]{16}\.json$/.test(name));
    const forGrafana = trace.replace('.json', '.grafana.json');
    expect(json(forGrafana)).toEqual({ batches: json(trace).resourceSpans });
    expect((await archive([traceId, '--out', folder, '--grafana'])).out).toContain('archived already');
    expect(filesIn(folder)).toHaveLength(3);
  });

  it('takes ids from a pipe, each once, and tells which the store does not have', async () => {
    const lines = `${traceId}\n\n00-${otherId}-00f067aa0ba902b7-01\n${traceId}\n${noId}\n`;
    const stdin = (async function* () {
      yield Buffer.from(lines.slice(0, 40));
      yield Buffer.from(lines.slice(40));
    })();
    const { code, out } = await archive(['-', '--out', folder, '-o', 'jsonl'], { stdin });
    expect(code).toBe(4);
    const rows = out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(rows.map(({ traceId, state }) => [traceId, state])).toEqual([
      [traceId, 'archived'],
      [otherId, 'archived'],
      [noId, 'missing'],
    ]);
    expect(filesIn(folder)).toHaveLength(4);
  });

  it('ends with 3 where the store has none', async () => {
    expect((await archive([noId, '--out', folder])).code).toBe(3);
    expect(filesIn(folder)).toEqual([]);
  });

  it('passes over an answer that is of another trace, and goes on', async () => {
    tempo.traces.set(traceId, oddTrace(otherId));
    const { code, out } = await archive([traceId, otherId, '--out', folder]);
    expect(code).toBe(4);
    expect(out).toContain(`failed: it has a span of another trace, ${otherId}`);
    expect(filesIn(folder)).toHaveLength(2);
  });

  it('passes over a trace that the store cannot give out', async () => {
    tempo.before = (request, response) =>
      request.url!.includes(otherId) && Boolean(response.writeHead(422).end('trace exceeds max size'));
    const { code, out } = await archive([otherId, traceId, '--out', folder]);
    expect([code, filesIn(folder).length]).toEqual([4, 2]);
    expect(out).toContain('answered HTTP 422: trace exceeds max size');
  });

  it('ends where the store breaks off, with what was done, and goes on from there', async () => {
    tempo.before = (request, response) => {
      if (!request.url!.includes(otherId)) return false;
      response.destroy();
      return true;
    };
    const broken = await archive([traceId, otherId, '--out', folder]);
    expect(broken.code).toBe(1);
    expect(broken.err).toContain('obsctl: 1 of 2 were looked at');
    expect(broken.err).toContain(`cannot reach ${tempo.url}`);
    expect(filesIn(folder)).toHaveLength(2);
    tempo.before = () => false;
    expect((await archive([traceId, otherId, '--out', folder])).code).toBe(0);
    expect(filesIn(folder)).toHaveLength(4);
  });

  it.each([
    [['--hold', 'soon', '--out', 'x', traceId], '--hold soon: expected a time such as 90d or 1y'],
    [['--hold', '2026-02-30', '--out', 'x', traceId], '--hold 2026-02-30'],
    [['--hold', '2020-01-01', '--out', 'x', traceId], '--hold 2020-01-01'],
    [['--lock', 'governance', '--to', 's3://incidents', traceId], '--lock belongs to --hold'],
    [['--lock', 'governance', '--hold', '1y', '--out', 'x', traceId], '--lock belongs to --to s3://'],
    [['--lock', 'compliance', '--hold', '1y', traceId], '--lock belongs to --to s3://'],
    [['--why', 'x'.repeat(1001), '--out', 'x', traceId], '--why: 1001 characters'],
    [['--out', 'x', '../../etc/passwd'], 'holds no trace id'],
  ])('refuses %j before it asks anybody', async (argv, message) => {
    tempo.asked.length = 0;
    const { code, err } = await archive(argv);
    expect(code).toBe(2);
    expect(err).toContain(message);
    expect(tempo.asked).toEqual([]);
  });

  it('leaves what has its name as it is, be it a link, and says so', async () => {
    await archive([traceId, '--out', folder]);
    const [trace] = filesIn(folder).filter((name) => !name.includes('manifest'));
    const second = join(folder, 'second');
    mkdirSync(second);
    const elsewhere = join(folder, 'elsewhere');
    symlinkSync(elsewhere, join(second, trace));
    const { code, err } = await archive([traceId, '--out', second]);
    expect(code).toBe(1);
    expect(err).toContain('Nothing was overwritten');
    expect(filesIn(second)).toEqual([trace]);
    expect(() => statSync(elsewhere)).toThrow();
  });

  it('says in one line that a folder is none', async () => {
    writeFileSync(join(folder, 'file'), '');
    const { code, err } = await archive([traceId, '--out', join(folder, 'file')]);
    expect([code, err.trim().split('\n').length]).toEqual([1, 1]);
    expect(err).toContain('not a folder');
  });
});

describe('a folder of archives', () => {
  it('has nothing of what could not be written whole', async () => {
    const full = Object.assign(new Error('no space'), { code: 'ENOSPC' });
    const content = {
      ...textContent('half'),
      *pieces() {
        yield Buffer.from('ha');
        throw full;
      },
    };
    await expect(new Folder(folder).put('name.json', content)).rejects.toThrow(
      'name.json: no space left on the disk; what was begun is gone again',
    );
    expect(filesIn(folder)).toEqual([]);
  });

  it('takes the same from several at once, and it is there once', async () => {
    const puts = await Promise.all(
      Array.from({ length: 20 }, () => new Folder(folder).put('name.json', textContent('same'))),
    );
    expect(new Set(puts)).toEqual(new Set(['written', 'there']));
    expect(filesIn(folder)).toEqual(['name.json']);
    expect(await new Folder(folder).put('name.json', textContent('else'))).toBe('other');
    expect(readFileSync(join(folder, 'name.json'), 'utf8')).toBe('same');
  });
});
