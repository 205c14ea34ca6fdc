// Asks the registry for advisories about what the lockfile brings for production: bin/node tools/audit.ts
// Exit: 0 nothing high or critical, or nobody to ask; 1 something is.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

interface Finding {
  readonly severity: string;
  readonly range: string;
  readonly via: readonly (string | { readonly title: string; readonly url: string })[];
}

interface Audited {
  /** What to print. */
  readonly lines: readonly string[];
  readonly failed: boolean;
}

const grave = ['high', 'critical'];

/** What `npm audit --json` answered. A registry need not have advisories: then there is nothing to fail on. */
export function judgeAudit(output: string): Audited {
  const answer = parsed(output);
  if (answer?.vulnerabilities === undefined) {
    const why = answer?.statusCode ? `HTTP ${answer.statusCode}` : 'no answer';
    return { lines: [`audit: not done: the registry has no advisories to ask for (${why})`], failed: false };
  }
  const found = Object.entries(answer.vulnerabilities);
  const lines = found.map(
    ([name, finding]) => `audit: ${finding.severity}: ${name} ${finding.range}: ${whyOf(finding)}`,
  );
  const failed = found.some(([, { severity }]) => grave.includes(severity));
  return {
    lines: [...lines, `audit: ${found.length} findings${failed ? ', high or critical ones among them' : ''}`],
    failed,
  };
}

function parsed(output: string): { vulnerabilities?: Record<string, Finding>; statusCode?: number } | undefined {
  try {
    return JSON.parse(output);
  } catch {
    return undefined;
  }
}

const whyOf = ({ via }: Finding): string =>
  via.map((each) => (typeof each === 'string' ? `by ${each}` : `${each.title} ${each.url}`)).join('; ');

if (import.meta.main) {
  const cwd = fileURLToPath(new URL('..', import.meta.url));
  const args = ['audit', '--omit', 'dev', '--package-lock-only', '--json'];
  const { lines, failed } = judgeAudit(spawnSync('npm', args, { cwd, encoding: 'utf8', maxBuffer: 1 << 26 }).stdout);
  for (const line of lines) console.log(line);
  process.exitCode = failed ? 1 : 0;
}
