import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { tempo2Config } from '../servers/tempo-config.ts';
import { type Stack, translate } from './stack.ts';

const shipped = new URL('../../deploy/', import.meta.url).pathname;

/** Lays out deploy/ in the stack's directory with the addresses of its processes in place of Compose's host names. */
export function configure(stack: Stack): void {
  const own = join(stack.directory, 'deploy');
  rmSync(own, { recursive: true, force: true });
  for (const folder of ['local', 'prometheus', 'grafana']) {
    const files = readdirSync(join(shipped, folder), { recursive: true, withFileTypes: true });
    for (const { parentPath, name } of files.filter((entry) => entry.isFile())) {
      const file = join(parentPath, name);
      write(join(own, relative(shipped, file)), translate(readFileSync(file, 'utf8'), stack));
    }
  }
  write(join(own, 'tempo/tempo.yaml'), tempo2Config());
  for (const folder of ['logs', 'data/tempo', 'data/gateway'])
    mkdirSync(join(stack.directory, folder), { recursive: true });
}

function write(file: string, text: string): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
}
