import { accessSync, constants, existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { Command } from './process.ts';

// Where its packages put what it needs beside its program.
const homes = ['/usr/share/grafana', '/opt/homebrew/opt/grafana/share/grafana', '/usr/local/opt/grafana/share/grafana'];

/** How to start the Grafana that this machine has (its home is GRAFANA_HOME, or one of the usual ones); undefined: none. */
export function findGrafana(env: Readonly<Record<string, string>>): Command | undefined {
  const home = [process.env.GRAFANA_HOME ?? '', ...homes].find((path) => path !== '' && existsSync(join(path, 'conf')));
  const folders = [...(home ? [join(home, 'bin')] : []), ...(process.env.PATH ?? '').split(delimiter)];
  const program = folders.map((folder) => join(folder, 'grafana')).find(isProgram);
  if (program === undefined || home === undefined) return undefined;
  return { program, args: ['server', `--homepath=${home}`], env };
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
