// What an installation and the image's layers weigh: bin/node tools/weight.ts
// Packages are those that `npm ci --omit=dev --omit=optional` installs; bytes are of files, not of disk blocks. A layer
// is what one COPY of the Dockerfile's last stage brings; compressed, as registries keep it, is its tar through gzip.
// The base image comes on top.
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, lstatSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
  packages: Record<string, { dev?: boolean; devOptional?: boolean; optional?: boolean }>;
};
const installed = Object.entries(lock.packages).filter(
  ([path, { dev }]) => path && !dev && existsSync(join(root, path)),
);
const packages = installed.filter(([, { optional, devOptional }]) => !optional && !devOptional).map(([path]) => path);
const node = installed.filter(([path]) => path.startsWith('node_modules/node-linux-')).map(([path]) => path);

const bytesOf = (path: string): number =>
  lstatSync(path).isDirectory()
    ? readdirSync(path).reduce((sum, name) => sum + bytesOf(join(path, name)), 0)
    : lstatSync(path).size;

function say(what: string, bytes: number, more = ''): void {
  console.log(`${what.padEnd(36)}${(bytes / 1e6).toFixed(1).padStart(7)} MB${more}`);
}

const stage = mkdtempSync(join(tmpdir(), 'tailgate-weight-'));
const here = (name: string) => join(stage, name);
try {
  // Packages inside of others come with them.
  const outer = packages.filter((path) => path.lastIndexOf('node_modules/') === 0);
  for (const path of outer) cpSync(join(root, path), here(path), { recursive: true });
  const sizes = new Map(outer.map((path) => [path, bytesOf(here(path))]));
  for (const name of ['bin', 'proto', 'config', 'package.json', 'LICENSE'])
    cpSync(join(root, name), here(name), { recursive: true });
  const compile = ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json', '--outDir', here('dist')];
  execFileSync(process.execPath, compile, { cwd: root });

  say(`${packages.length} runtime packages`, bytesOf(here('node_modules')));
  for (const [path, bytes] of [...sizes].sort((a, b) => b[1] - a[1]).slice(0, 6)) say(`  ${path.slice(13)}`, bytes);
  say(
    'Node from npm',
    node.reduce((sum, path) => sum + bytesOf(join(root, path)), 0),
    `  (${node.join(', ')})`,
  );
  for (const layer of [['package.json', 'LICENSE'], ['bin'], ['proto'], ['config'], ['node_modules'], ['dist']]) {
    const tar = execFileSync('tar', ['-C', stage, '-cz', ...layer], { maxBuffer: 2 ** 30 });
    const bytes = layer.reduce((sum, name) => sum + bytesOf(here(name)), 0);
    say(`layer ${layer.join(', ')}`, bytes, `, compressed ${(tar.length / 1e6).toFixed(1)} MB`);
  }
} finally {
  rmSync(stage, { recursive: true });
}
