import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { portNames, type Stack } from './stack.ts';

const file = new URL('../../deploy/local/compose.yaml', import.meta.url).pathname;

/** Whether this machine has an engine that answers and Compose, version 2 or newer. */
export function hasEngine(): boolean {
  const works = (...args: string[]) => spawnSync('docker', args, { stdio: 'ignore', timeout: 10_000 }).status === 0;
  return works('info') && works('compose', 'version');
}

export const composeUp = (stack: Stack, signal: AbortSignal): Promise<void> =>
  compose(stack, ['up', '--detach', '--build', '--wait', '--wait-timeout', '300'], signal);

export const composeDown = (stack: Stack, forget: boolean): Promise<void> =>
  compose(stack, ['down', '--remove-orphans', ...(forget ? ['--volumes'] : [])]);

export const composeStatus = (stack: Stack): Promise<void> => compose(stack, ['ps', '--all']);

/** Runs Compose to its end, in view of the user; throws where it fails. */
function compose(stack: Stack, args: readonly string[], signal?: AbortSignal): Promise<void> {
  const env = { ...process.env, ...portVariables(stack) };
  const command = ['compose', '--file', file, '--project-name', projectOf(stack), ...args];
  const child = spawn('docker', command, { env, stdio: 'inherit', signal });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) =>
      code === 0 ? resolve() : reject(new Error(`docker compose ${args[0]} ended with ${code}`)),
    );
  });
}

/** Its own for each stack: two of one name would be one, with one's volumes and the other's ports. */
export const projectOf = ({ directory }: Stack): string =>
  `tailgate-${createHash('sha256').update(directory).digest('hex').slice(0, 8)}`;

/** OBS_GATEWAY_GRPC=4317 and so on, as the Compose file has them. */
const portVariables = ({ ports }: Stack): Record<string, string> =>
  Object.fromEntries(
    portNames.map((name) => [`OBS_${name.replaceAll(/\W/g, '_').toUpperCase()}`, String(ports[name])]),
  );
