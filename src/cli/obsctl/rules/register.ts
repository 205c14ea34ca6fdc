import type { Command } from 'commander';
import type { Run } from '../command.ts';
import { registerAdvise } from './advise.ts';
import { push, rollback, set } from './commands.ts';
import { convert } from './convert.ts';
import { type ScopeFlags, type WriteFlags, withScope, withWriting } from './flags.ts';
import { check, diff, history, show } from './look.ts';
import { registerSimulate } from './simulate.ts';
import { test, testForm } from './test.ts';

/** The rules in Consul, beside CONSUL_HTTP_ADDR and the other variables of Consul's own tools. */
export function registerRules(parent: Command, run: Run): void {
  withScope(parent.command('show [revision]'))
    .description('the rules that are in Consul, as a document; or those of a revision')
    .action((name: string | undefined, flags: ScopeFlags, command: Command) =>
      run(command, (it) => show(name, flags, it)),
    );
  withScope(parent.command('check <files...>'))
    .description('what is wrong with rules files, by the code that runs them, and what is probably not meant')
    .option('--strict', 'exit code 2 for what is probably not meant, too')
    .action((files: string[], flags: ScopeFlags & { strict?: boolean }, command: Command) =>
      run(command, (it) => check(files, flags, it)),
    );
  withWriting(parent.command('set <key> [value]'))
    .description('writes one key: a value, or @FILE')
    .option('--delete', 'deletes it: the rules file’s field counts again')
    .action((key: string, value: string | undefined, flags: WriteFlags, command: Command) =>
      run(command, (it) => set(key, value, flags, it)),
    );
  withWriting(parent.command('push <file>'))
    .description('writes a rules document, each of its fields as a key; keys that it does not have are deleted')
    .option('--keep-others', 'leaves keys that the file does not have')
    .action((file: string, flags: WriteFlags, command: Command) => run(command, (it) => push(file, flags, it)));
  withScope(parent.command('diff [file-or-revision]'))
    .description('Consul beside a file or a revision; without either, what the last change did')
    .action((other: string | undefined, flags: ScopeFlags, command: Command) =>
      run(command, (it) => diff(other, flags, it)),
    );
  withScope(parent.command('history'))
    .description('revisions that obsctl wrote, the newest first: who, when and why')
    .option('--limit <n>', 'at most so many', '100')
    .action((flags: ScopeFlags & { limit: string }, command: Command) => run(command, (it) => history(flags, it)));
  withWriting(parent.command('rollback <revision>'))
    .description('writes the keys of an earlier revision as a new one')
    .action((name: string, flags: WriteFlags, command: Command) => run(command, (it) => rollback(name, flags, it)));
  registerSimulate(parent, run);
  registerAdvise(parent, run);
  parent
    .command('test <files...>')
    .description('tries rules on traces, and says which have another verdict than is expected')
    .option(
      '-e, --environment <name>',
      'whose rules, where the file does not say (DEPLOYMENT_ENVIRONMENT; default home)',
    )
    .addHelpText('after', testForm)
    .action((files: string[], flags: { environment?: string }, command: Command) =>
      run(command, (it) => test(files, flags, it)),
    );
  parent
    .command('convert <file>')
    .description(
      "a Collector's configuration or Refinery's rules as ours, with a note for each thing that has no equal",
    )
    .option(
      '-e, --environment <name>',
      'which of Refinery’s samplers (DEPLOYMENT_ENVIRONMENT; default home, else __default__)',
    )
    .action((file: string, flags: { environment?: string }, command: Command) =>
      run(command, (it) => convert(file, flags, it)),
    );
}
