import { hostname, userInfo } from 'node:os';
import { maxWords, type Written } from '../../../config/rules-history.ts';
import { CommandError, exit } from '../../exit.ts';
import type { Io } from '../../io.ts';
import type { WriteFlags } from './flags.ts';

/** Who writes, when and why: by the flags, else by the variables of the CI, else by the system. */
export function authorOf(
  { by, message, fromCi }: Pick<WriteFlags, 'by' | 'message' | 'fromCi'>,
  { env, now }: Io,
  usualWhy = '',
): Written {
  const ci = fromCi ? ofCi(env) : { by: '', why: '' };
  return {
    by: words(by || ci.by || `${userName(env)}@${hostname()}`, '--by', maxWords.by),
    at: new Date(now()).toISOString(),
    why: words([usualWhy, message || ci.why].filter(Boolean).join(': '), '--message', maxWords.why),
  };
}

/** docs.github.com, "Default environment variables"; docs.gitlab.com, "Predefined CI/CD variables". */
function ofCi(env: Io['env']): { by: string; why: string } {
  const by = env.GITHUB_ACTOR || env.GITLAB_USER_LOGIN || '';
  const project = env.GITHUB_REPOSITORY || env.CI_PROJECT_PATH || '';
  const commit = env.GITHUB_SHA || env.CI_COMMIT_SHA || '';
  const title = env.CI_COMMIT_TITLE ? ` ${env.CI_COMMIT_TITLE}` : '';
  return { by, why: commit && `${project}@${commit.slice(0, 12)}${title}` };
}

function userName(env: Io['env']): string {
  try {
    return userInfo().username;
  } catch {
    return env.USER || 'unknown'; // a container's user may have no name
  }
}

function words(text: string, flag: string, longest: number): string {
  if (text.length <= longest) return text;
  throw new CommandError(`${flag}: ${text.length} characters: expected at most ${longest}`, exit.usage);
}
