import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';

const project = fileURLToPath(new URL('../..', import.meta.url));
const unit = readFileSync(join(project, 'deploy/systemd/tailgate.service'), 'utf8');
const hasSystemd = spawnSync('systemd-analyze', ['--version']).status === 0;

/** Sections of `Key=value`, as systemd.syntax has them. */
const settings = Object.fromEntries(
  unit
    .split('\n')
    .filter((line) => /^\w+=/.test(line))
    .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
);

it('the unit gives a stop the time that the shipped boot file takes, and starts no wrong configuration again', () => {
  const [, shutdownSeconds] = /^shutdown_timeout: (\d+)s$/m.exec(
    readFileSync(join(project, 'config/gateway.yaml'), 'utf8'),
  )!;
  expect(Number(settings.TimeoutStopSec)).toBeGreaterThan(Number(shutdownSeconds));
  expect(settings.RestartPreventExitStatus).toBe('2');
  expect(settings.ExecStart).toBe('/usr/local/bin/tailgate run --config /etc/tailgate/gateway.yaml');
  expect(settings.MemoryMax).toMatch(/^\d+G$/);
  // A compiler at run time needs what this would forbid.
  expect(settings).not.toHaveProperty('MemoryDenyWriteExecute');
});

it.runIf(hasSystemd)('systemd finds nothing wrong with it, and little that it could do', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tailgate-unit-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'tailgate.service');
  writeFileSync(file, unit.replace('/usr/local/bin/tailgate', join(project, 'bin/tailgate')));
  const verified = spawnSync('systemd-analyze', ['verify', '--man=no', file], { encoding: 'utf8' });
  expect([verified.status, verified.stderr]).toEqual([0, '']);
  const security = ['security', '--offline=true', '--threshold=20', file];
  const exposed = spawnSync('systemd-analyze', security, { encoding: 'utf8' });
  expect(exposed.status, exposed.stdout + exposed.stderr).toBe(0);
});
