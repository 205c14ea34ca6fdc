import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';
import { eventually, startGatewayProcess } from '../support/gateway.ts';
import { senderTo } from '../support/otlp-send.ts';
import { requestBytes } from '../support/spans.ts';

const project = fileURLToPath(new URL('../..', import.meta.url));

function run(cwd: string, program: string, ...args: string[]): string {
  const { status, stdout, stderr } = spawnSync(program, args, { cwd, encoding: 'utf8' });
  expect(status, `${program} ${args.join(' ')}\n${stdout}${stderr}`).toBe(0);
  return stdout;
}

it('npm pack makes a package that installs into an empty folder, runs, and has the tools', {
  timeout: 600_000,
}, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tailgate-package-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  // Of what the repository has, apart: packing compiles into dist/.
  const checkout = join(folder, 'checkout');
  mkdirSync(checkout);
  const files = run(project, 'git', 'ls-files', 'bin', 'config', 'proto', 'src', '*.json', '*.md', 'LICENSE').trim();
  writeFileSync(join(folder, 'files'), files);
  run(project, 'tar', '-cf', join(folder, 'checkout.tar'), '-T', join(folder, 'files'));
  run(checkout, 'tar', '-xf', join(folder, 'checkout.tar'));
  run(checkout, 'ln', '-s', join(project, 'node_modules'), 'node_modules');
  run(checkout, 'npm', 'pack', '--pack-destination', folder, '--loglevel=error');

  const home = join(folder, 'home');
  mkdirSync(home);
  const install = ['install', '--no-audit', '--no-fund', '--ignore-scripts', '--prefer-offline', '--loglevel=error'];
  run(home, 'npm', ...install, join(folder, 'tailgate-0.1.0.tgz'));
  const own = join(home, 'node_modules/tailgate');
  for (const wanted of ['dist/main.js', 'bin/node', 'config/gateway.yaml', 'config/rules.yaml', 'LICENSE', 'README.md'])
    expect(existsSync(join(own, wanted)), wanted).toBe(true);
  for (const unwanted of ['src', 'test', 'tools', 'bench', 'helm', 'node_modules/typescript'])
    expect(existsSync(join(own, unwanted)), unwanted).toBe(false);
  for (const unwanted of ['typescript', 'vitest']) expect(existsSync(join(home, 'node_modules', unwanted))).toBe(false);

  const bin = (name: string) => join(home, 'node_modules/.bin', name);
  const { version } = JSON.parse(readFileSync(join(project, 'package.json'), 'utf8'));
  expect(run(home, bin('tailgate'), '--version')).toContain(version);
  expect(run(home, bin('tailgate'), 'check', join(own, 'config/gateway.yaml'))).not.toMatch(/error/);

  // As it is shipped, with its own boot file.
  const gateway = await startGatewayProcess({ program: bin('tailgate') });
  onTestFinished(() => gateway.kill());
  const sender = senderTo(gateway);
  await sender.grpc(requestBytes({ trace: 'package', name: 'x' }));
  sender.close();
  const received = /^tailgate_received_spans_total\{protocol="grpc"\} 1$/m;
  await eventually(async () => expect(await gateway.get('/metrics')).toMatch(received));
  const status = run(home, bin('obsctl'), 'status', '--gateway', `http://${gateway.admin}`);
  expect(status).toContain(version);
  expect(await gateway.stop()).toBe(0);
});
