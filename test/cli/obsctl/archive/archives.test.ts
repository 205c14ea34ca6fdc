import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { obsctl } from '../../../../src/cli/obsctl/obsctl.ts';
import { fakeProcess } from '../../fake-process.ts';
import { FakeS3 } from './fake-s3.ts';
import { FakeTempo } from './fake-tempo.ts';
import { oddTrace, traceId } from './odd-trace.ts';

const otherId = `${'a'.repeat(31)}1`;
const tempo = new FakeTempo();
let s3: FakeS3;
let folder: string;

beforeAll(() => tempo.start());
afterAll(() => tempo.stop());
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'archives-'));
  s3 = new FakeS3();
  await s3.start();
  tempo.traces.set(traceId, oddTrace());
  tempo.traces.set(otherId, oddTrace(otherId));
  return () => {
    s3.stop();
    rmSync(folder, { recursive: true });
  };
});

async function run(day: string, ...argv: string[]) {
  const now = () => Date.parse(`${day}T12:00:00Z`);
  const process = fakeProcess({ now, env: { OBSCTL_TEMPO: tempo.url, ...s3.env } });
  const code = await obsctl(['trace', ...argv], process);
  return { code, out: process.out, err: process.err };
}
const archive = (day: string, id: string, ...argv: string[]) =>
  run(day, 'archive', id, '--out', folder, '--by', 'ada', '--why', 'INC-42', ...argv);

describe('trace archives', () => {
  it('lists what is archived, with who, why and until when, the oldest first', async () => {
    await archive('2026-11-30', otherId, '--hold', '1y');
    await archive('2026-11-29', traceId);
    const { code, out, err } = await run('2026-12-01', 'archives', folder);
    expect([code, err]).toEqual([0, '']);
    expect(out).toMatch(
      /^ARCHIVED +TRACE +ROOT +DURATION +SPANS +HELD UNTIL +BY +WHY\n2026-11-29 12:00:00 +4bf92f3577b34da6a3ce929d0e0e4736 +shop GET \/cart +1\.24s +2 +- +ada +INC-42\n2026-11-30 12:00:00 +a{31}1 .* 2027-11-30 +ada +INC-42\n$/,
    );
  });

  it('says what is held, and what may go when the last hold on it is over', async () => {
    await archive('2026-11-30', traceId, '--hold', '30d');
    await archive('2026-11-30', traceId, '--hold', '90d', '--why', 'audit');
    await archive('2026-11-30', otherId, '--hold', '30d', '--grafana');
    const ids = async (day: string, flag: string) =>
      (await run(day, 'archives', folder, flag, '-o', 'ids')).out.split('\n').filter(Boolean).sort();
    expect(await ids('2026-12-01', '--held')).toEqual([traceId, otherId]);
    expect(await ids('2026-12-01', '--over')).toEqual([]);
    expect((await run('2026-12-01', 'archives', folder, '--over')).code).toBe(3);
    expect(await ids('2027-01-15', '--held')).toEqual([traceId]);
    expect(await ids('2027-01-15', '--over')).toEqual([otherId]);
    expect(await ids('2027-06-01', '--over')).toEqual([traceId, otherId]);
    const files = (await run('2027-06-01', 'archives', folder, '--over', '-o', 'jsonl')).out
      .trim()
      .split('\n')
      .flatMap((line) => JSON.parse(line).files as string[]);
    expect([...new Set(files)].sort()).toEqual(
      readdirSync(folder)
        .map((name) => join(folder, name))
        .sort(),
    );
  });

  it('lets nothing go of which a manifest cannot be read, and with what goes all that is said of it', async () => {
    await archive('2026-11-30', traceId, '--hold', '30d');
    await archive('2026-11-30', traceId, '--hold', '10y', '--why', 'audit');
    await archive('2026-11-30', otherId, '--hold', '30d');
    await archive('2026-11-30', otherId, '--why', 'curious');
    const names = readdirSync(folder).filter((name) => name.startsWith(traceId) && name.includes('manifest'));
    const text = (name: string) => readFileSync(join(folder, name), 'utf8');
    const audit = names.find((name) => text(name).includes('audit'))!;
    const sound = text(audit);
    const another = text(readdirSync(folder).find((name) => name.startsWith(otherId) && name.includes('manifest'))!);
    chmodSync(join(folder, audit), 0o644);
    for (const damaged of [sound.slice(0, 100), sound.replace('"hold"', '"held"'), another]) {
      writeFileSync(join(folder, audit), damaged);
      const { code, out, err } = await run('2027-06-01', 'archives', folder, '--over', '-o', 'jsonl');
      const files = out
        .trim()
        .split('\n')
        .flatMap((line) => JSON.parse(line).files as string[]);
      expect([code, err.includes(audit)]).toEqual([4, true]);
      expect([...new Set(files)].sort()).toEqual(
        readdirSync(folder)
          .filter((name) => name.startsWith(otherId))
          .map((name) => join(folder, name))
          .sort(),
      );
    }
  });

  it('reads buckets of many pages', async () => {
    s3.pageSize = 2;
    for (const why of ['a', 'b', 'c'])
      await run('2026-11-30', 'archive', traceId, otherId, '--to', 's3://incidents/x&y', '--why', why, '--by', 'ada');
    const { code, out } = await run('2026-11-30', 'archives', 's3://incidents/x&y', '-o', 'jsonl');
    const rows = out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect([code, rows.length]).toEqual([0, 6]);
    expect(
      rows
        .filter((row) => row.traceId === otherId)
        .map((row) => row.why)
        .sort(),
    ).toEqual(['a', 'b', 'c']);
    expect(rows[0].files[0]).toMatch(/^s3:\/\/incidents\/x&y\/[0-9a-f.]+\.json$/);
  });

  it('tells of what is damaged, missing, or was never finished, and lists the rest', async () => {
    await archive('2026-11-30', traceId);
    await archive('2026-11-30', otherId);
    const [, ownManifest] = readdirSync(folder)
      .filter((name) => name.startsWith(traceId))
      .sort((a, b) => a.length - b.length);
    const [otherTrace] = readdirSync(folder)
      .filter((name) => name.startsWith(otherId))
      .sort((a, b) => a.length - b.length);
    chmodSync(join(folder, ownManifest), 0o644);
    writeFileSync(join(folder, ownManifest), '{"format":"other"}');
    rmSync(join(folder, otherTrace));
    writeFileSync(join(folder, '.half.part'), '');
    const { code, out, err } = await run('2026-11-30', 'archives', folder);
    expect(code).toBe(4);
    expect(out.trim().split('\n')).toHaveLength(2);
    expect(err).toContain(`${ownManifest} is no manifest of a trace (format: `);
    expect(err).toContain(`${otherTrace} is missing`);
    expect(err).toContain('has no manifest: whoever archived it was interrupted');
  });

  it('ends in a line where there is no such place', async () => {
    expect((await run('2026-11-30', 'archives', join(folder, 'absent'))).err).toContain('there is no such folder');
    expect((await run('2026-11-30', 'archives', folder, '--held', '--over')).code).toBe(2);
    expect((await run('2026-11-30', 'archives', 's3://other')).err).toContain('there is no bucket other');
    expect((await run('2026-11-30', 'archives', folder)).code).toBe(3);
  });
});
