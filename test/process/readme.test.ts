import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/gateway.ts';

/**
 * README.md is the first thing that is tried, so every command in it is run: as it stands, but on free ports and not
 * for long.
 */
const root = fileURLToPath(new URL('../../', import.meta.url));
const readme = readFileSync(join(root, 'README.md'), 'utf8');
/** What needs Node alone; the commands of the local stack are run in test/integration/obs.test.ts. */
const alone = readme.replace(/^### With Tempo.*?(?=^## )/ms, '');

/** The commands of the ```sh blocks, in order. */
const commands = [...alone.matchAll(/^```sh\n(.*?)^```$/gms)]
  .flatMap(([, block]) => block.split('\n'))
  .map((line) => line.replace(/\s+#.*$/, '').trim())
  .filter((line) => /^(make |bin\/|curl )/.test(line));

interface Addresses {
  readonly grpc: string;
  readonly http: string;
  readonly admin: string;
}

/** What is installed stays as it is while tests run on it. */
const make = ['make', '-o', 'node_modules/.installed'];

/**
 * The words to run for a command; targets of make other than `run` are only looked through, since they run this very
 * test.
 */
function safely(command: string, { grpc, http, admin }: Addresses): string[] {
  const words = command.split(/\s+/);
  if (words[0] === 'make') return [...make, '-n', ...words.slice(1)];
  if (words[0] === 'curl') return words.map((word) => word.replace(/(127\.0\.0\.1|localhost):8888/, admin));
  if (words.slice(0, 2).join(' ') !== 'bin/tailgate demo') return words;
  return [...shorter(words), '--grpc', grpc, '--http', `http://${http}`];
}

function shorter(words: readonly string[]): string[] {
  const at = words.indexOf('--duration');
  if (at >= 0) return words.with(at + 1, '2s');
  return words.includes('--once') ? [...words] : [...words, '--duration', '2s'];
}

/** obsctl ends with 3 where nothing was found, as it may be in two seconds of traffic. */
const isFine = (command: string, code: number | null): boolean =>
  code === 0 || (code === 3 && command.startsWith('bin/obsctl trace find'));

describe('README.md', () => {
  const data = mkdtempSync(join(tmpdir(), 'tailgate-readme-'));
  let gateway: ChildProcess;
  let addresses: Addresses;
  let printed = '';

  beforeAll(async () => {
    const env = { TAILGATE_GRPC: '127.0.0.1:0', TAILGATE_HTTP: '127.0.0.1:0', TAILGATE_ADMIN: '127.0.0.1:0' };
    // A process group of its own: the signal that ends make ends the gateway.
    gateway = spawn(make[0], [...make.slice(1), 'run'], {
      cwd: root,
      env: { PATH: process.env.PATH, ...env, TAILGATE_DATA: data, TAILGATE_DECISION_WAIT: '500ms' },
      detached: true,
    });
    for (const stream of [gateway.stdout, gateway.stderr]) stream?.on('data', (chunk: Buffer) => (printed += chunk));
    addresses = await eventually(async () => {
      const ready = printed.split('\n').find((line) => line.includes('"event":"ready"'));
      if (ready === undefined) throw new Error(`\`make run\` is not ready; it printed:\n${printed}`);
      return JSON.parse(ready);
    });
  });

  afterAll(async () => {
    if (gateway.exitCode === null && gateway.pid !== undefined) {
      const ended = new Promise((resolve) => gateway.once('close', resolve));
      process.kill(-gateway.pid, 'SIGTERM');
      await ended;
    }
    rmSync(data, { recursive: true, force: true });
  });

  it('begins with `make run`, which says where to send and where to look', () => {
    expect(commands[0]).toBe('make run');
    expect(printed).toContain(`OTLP/gRPC ${addresses.grpc}`);
    expect(printed).toContain(`http://${addresses.http}/v1/traces`);
    expect(printed).toContain(`http://${addresses.admin}/`);
    // These ports are not the usual ones, so the commands that it proposes name them.
    expect(printed).toContain(`bin/tailgate demo --grpc ${addresses.grpc} --http http://${addresses.http} `);
    expect(printed).toContain(`bin/obsctl --gateway http://${addresses.admin} trace find --last 5m\n`);
  });

  const hasCurl = spawnSync('curl', ['--version']).status === 0;
  it.each(commands.filter((command) => hasCurl || !command.startsWith('curl')))('`%s` works', async (command) => {
    const [program, ...args] = safely(command, addresses);
    const child = spawn(program, args, {
      cwd: root,
      env: { PATH: process.env.PATH, OBSCTL_GATEWAY: `http://${addresses.admin}` },
      timeout: 45_000,
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk));
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', resolve);
    });
    if (!isFine(command, code)) expect.fail(`\`${command}\` ended with ${code}:\n${output}`);
    if (!command.startsWith('make run')) expect(output).not.toBe('');
  });

  it('links to files that are there', () => {
    const targets = [...readme.matchAll(/\]\((?!https?:)([^)#]+)/g)].map(([, target]) => target);
    expect(targets.length).toBeGreaterThan(0);
    expect(targets.filter((target) => !existsSync(join(root, target)))).toEqual([]);
  });

  it('names the ports that the shipped configuration has', () => {
    const boot = readFileSync(join(root, 'config/gateway.yaml'), 'utf8');
    for (const port of alone.matchAll(/127\.0\.0\.1:(\d+)/g)) expect(boot).toContain(port[0]);
  });
});
