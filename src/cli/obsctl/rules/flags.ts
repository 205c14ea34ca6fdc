import type { Command } from 'commander';

/** Whose rules a command is about. */
export interface ScopeFlags {
  readonly environment?: string;
  readonly prefix: string;
  readonly rulesFile?: string;
  readonly datacenter?: string;
  readonly namespace?: string;
  readonly partition?: string;
}

/** Of the commands that write. */
export interface WriteFlags extends ScopeFlags {
  readonly message?: string;
  readonly by?: string;
  readonly yes?: boolean;
  readonly fromCi?: boolean;
  readonly maxKept?: string;
  /** True where it is given without a time. */
  readonly wait?: string | true;
}

export const withScope = (command: Command): Command =>
  command
    .option('-e, --environment <name>', 'whose rules (DEPLOYMENT_ENVIRONMENT; default home)')
    .option('--prefix <prefix>', 'the keys are below PREFIX/ENVIRONMENT/', 'tailgate/sampling')
    .option(
      '--rules-file <file>',
      "the gateways' rules file, over which the keys are laid (default: as if it were empty)",
    )
    .option('--datacenter <name>', 'of Consul (default: the agent’s)')
    .option('--namespace <name>', 'of Consul Enterprise (CONSUL_NAMESPACE)')
    .option('--partition <name>', 'of Consul Enterprise (CONSUL_PARTITION)');

export const withWriting = (command: Command): Command =>
  withScope(command)
    .option('-m, --message <text>', 'why: kept in the history, and shown by the gateways')
    .option('--by <name>', 'who (default: user@host, or in CI who started it)')
    .option('-y, --yes', 'do not ask, and do not mind --max-kept')
    .option('--from-ci', 'never ask, and take who and why from the variables of GitHub or GitLab where no flag says so')
    .option(
      '--max-kept <share>',
      'refuse what would keep more of the last minutes’ traces, e.g. 20% (asks the gateway)',
    )
    .option('--wait [time]', 'until every --gateway has it in force, at most so long (30s)');
