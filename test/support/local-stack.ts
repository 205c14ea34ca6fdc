import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Ports } from '../../tools/obs/stack.ts';
import type { State } from '../../tools/obs/state.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));

export interface Ended {
  readonly code: number | null;
  readonly text: string;
}

/** `make TARGET OBS=…`, or another command line of a newcomer, in the checkout. `seen` is called with all text so far. */
export function typed(commandLine: string, seen: (text: string, kill: () => void) => void = () => {}): Promise<Ended> {
  const child = spawn('bash', ['-c', `exec ${commandLine}`], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      text += chunk;
      seen(text, () => child.kill('SIGINT'));
    });
  }
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, text })));
}

export const stateIn = (directory: string): State => JSON.parse(readFileSync(join(directory, 'state.json'), 'utf8'));

export const addressOf = (ports: Ports, name: keyof Ports): string => `http://127.0.0.1:${ports[name]}`;

/** Processes of these groups that still run, those that wait for their parent's look left out: proc(5). */
export function runningIn(groups: readonly number[]): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
        const [state, , group] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
        return state !== 'Z' && groups.includes(Number(group));
      } catch {
        return false; // it ended just now
      }
    })
    .map(Number);
}
