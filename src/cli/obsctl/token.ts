import { readFileSync } from 'node:fs';
import { CommandError, exit } from '../exit.ts';
import type { Io } from '../io.ts';

/** A token is one line. */
const maxBytes = 16 * 1024;

/**
 * The gateway's token, which is not to be printed: of the file that a flag names, else of OBSCTL_TOKEN, else of the file
 * that OBSCTL_TOKEN_FILE names; undefined where there is none.
 */
export function tokenOf(flag: string | undefined, env: Io['env']): string | undefined {
  if (flag !== undefined) return tokenIn(flag, '--token-file');
  const fromEnv = env.OBSCTL_TOKEN?.trim();
  if (fromEnv) return checked(fromEnv, 'OBSCTL_TOKEN');
  return env.OBSCTL_TOKEN_FILE ? tokenIn(env.OBSCTL_TOKEN_FILE, 'OBSCTL_TOKEN_FILE') : undefined;
}

function tokenIn(file: string, where: string): string {
  let text: string;
  try {
    text = readFileSync(file, 'utf8').slice(0, maxBytes).trim();
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const why = code === 'ENOENT' ? 'there is no such file' : code === 'EACCES' ? 'you may not read it' : message;
    throw new CommandError(`${where} ${file}: ${why}`, exit.usage);
  }
  return checked(text, `${where} ${file}`);
}

function checked(token: string, where: string): string {
  if (/^[\x21-\x7e]+$/.test(token)) return token;
  throw new CommandError(`${where}: expected a token, and nothing else, not even its name`, exit.usage);
}
