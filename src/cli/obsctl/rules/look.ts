import { existsSync } from 'node:fs';
import type { PastRevision } from '../../../config/rules-history.ts';
import { check as checkFiles } from '../../check.ts';
import { CommandError, type ExitCode, exit } from '../../exit.ts';
import { printable } from '../cells.ts';
import { paint } from '../colors.ts';
import { localTime } from '../local-time.ts';
import type { Settings } from '../settings.ts';
import { table } from '../table.ts';
import { jsonText } from '../terminal.ts';
import type { ScopeFlags } from './flags.ts';
import { diffLines, diffText } from './line-diff.ts';
import { plainText, sameKeys } from './revise.ts';
import { findRevision, revisionName } from './revision-name.ts';
import { RulesStore, type Standing } from './store.ts';
import { tellUnmet } from './unmet.ts';
import { type Keys, keysOfFile, validate } from './validate.ts';

/** `obsctl sampling show [REVISION]`: the keys as a document, and on stderr who wrote them. */
export const show = (name: string | undefined, flags: ScopeFlags, settings: Settings): Promise<ExitCode> =>
  withStore(flags, settings, async (store, past) => {
    const { io, output } = settings;
    const standing = await store.standing();
    const chosen = name === undefined ? undefined : findRevision(past, name);
    const keys = chosen?.keys ?? standing.keys;
    if (Object.keys(keys).length === 0) {
      io.stderr.write(`obsctl: consul:${store.folder} has no keys: the gateways' rules file alone counts\n`);
      return exit.nothing;
    }
    const { hash, text } = validate(keys, store);
    const { index } = chosen ?? standing;
    const entry = chosen ?? past.find((each) => each.index === index);
    const { by = 'unknown', at = '', why = '' } = entry ?? {};
    const revision = revisionName({ index, hash });
    if (output === 'ids') io.stdout.write(`${revision}\n`);
    else if (output === 'table') {
      io.stderr.write(
        `# consul:${store.folder}, revision ${revision}${entry ? `, ${by}, ${at}` : ', written without obsctl'}${why && `: ${printable(why)}`}\n`,
      );
      io.stdout.write(text);
    } else
      io.stdout.write(
        `${jsonText({ folder: store.folder, revision, hash, by, at, why, keys }, output === 'json' ? 2 : 0)}\n`,
      );
    return exit.found;
  });

/** `obsctl sampling history`. */
export const history = (flags: ScopeFlags & { readonly limit: string }, settings: Settings): Promise<ExitCode> =>
  withStore(flags, settings, async (store, past) => {
    const { io, output } = settings;
    const outside = editedOutside(await store.standing(), past);
    if (outside !== '') io.stderr.write(`obsctl: what is in Consul now is ${outside}; \`diff\` shows it\n`);
    const rows = past.slice(0, Math.max(1, Number.parseInt(flags.limit, 10) || past.length));
    const listed = rows.map(({ index, hash, at, by, why }) => ({
      revision: revisionName({ index, hash }),
      hash: hash.slice(0, 12),
      at,
      by,
      why,
    }));
    if (output === 'json') io.stdout.write(`${jsonText(listed, 2)}\n`);
    if (output === 'jsonl') io.stdout.write(listed.map((each) => `${jsonText(each)}\n`).join(''));
    if (rows.length === 0) {
      io.stderr.write(`obsctl: ${store.history} has no revision: it begins with what obsctl writes\n`);
      return exit.nothing;
    }
    if (output === 'ids') io.stdout.write(listed.map(({ revision }) => `${revision}\n`).join(''));
    if (output === 'table') io.stdout.write(historyTable(listed, settings));
    return exit.found;
  });

type Listed = Pick<PastRevision, 'at' | 'by' | 'why'> & { readonly revision: string };

const historyTable = (listed: readonly Listed[], { io }: Settings): string =>
  table<Listed>(
    [
      { title: 'REVISION', text: ({ revision }) => revision },
      { title: 'WRITTEN', text: ({ at }) => localTime(Date.parse(at), io.timeZone) },
      { title: 'BY', text: ({ by }) => by },
      { title: 'WHY', text: ({ why }) => why, shrinks: true },
    ],
    listed,
    io.isTTY ? io.columns : undefined,
  );

/**
 * `obsctl sampling diff [FILE|REVISION]`: Consul beside a file, or a revision beside Consul, or what the last change
 * did, whoever made it. 0 where they differ, 3 where not.
 */
export const diff = (other: string | undefined, flags: ScopeFlags, settings: Settings): Promise<ExitCode> =>
  withStore(flags, settings, async (store, past) => {
    const { io } = settings;
    const standing = await store.standing();
    const { from, to, between } = sides(other, standing, past, store);
    const note = (text: string): void => void io.stderr.write(`obsctl: ${text}\n`);
    const text = diffText(diffLines(textOf(from, store, note), textOf(to, store, note)), paint(settings.color));
    if (text === '') {
      note(`${between}: the same`);
      return exit.nothing;
    }
    io.stderr.write(`# ${between}\n`);
    io.stdout.write(text);
    return exit.found;
  });

interface Sides {
  readonly from: Keys;
  readonly to: Keys;
  readonly between: string;
}

function sides(other: string | undefined, standing: Standing, past: readonly PastRevision[], store: RulesStore): Sides {
  const { keys: now } = standing;
  const here = `consul:${store.folder}`;
  if (other === undefined) {
    const outside = editedOutside(standing, past);
    // What obsctl wrote last is what was before, where somebody else has written since.
    const before = outside === '' ? past[1] : past[0];
    const name = before ? revisionName(before) : 'nothing';
    return { from: before?.keys ?? {}, to: now, between: `${name} → ${here}${outside && `, ${outside}`}` };
  }
  if (!existsSync(other) && /^\d+(-|$)/.test(other)) {
    const found = findRevision(past, other);
    return { from: found.keys, to: now, between: `${revisionName(found)} → ${here}` };
  }
  return { from: now, to: keysOfFile(other, store.environment).keys, between: `${here} → ${other}` };
}

/** What somebody wrote or deleted without obsctl since the newest revision that the history has; empty where nothing. */
function editedOutside({ keys, index }: Standing, [newest]: readonly PastRevision[]): string {
  const before = newest?.keys ?? {};
  if (sameKeys(before, keys)) return '';
  const names = [...new Set([...Object.keys(before), ...Object.keys(keys)])].filter(
    (name) => before[name] !== keys[name],
  );
  return `written without obsctl: ${printable(names.sort().join(', '))} (index ${index})`;
}

/** `obsctl sampling check FILE…`: what `tailgate check` does; with `--gateway`, beside the traffic of its window. */
export async function check(
  files: readonly string[],
  flags: ScopeFlags & { readonly strict?: boolean },
  settings: Settings,
): Promise<ExitCode> {
  const { io, namesGateway } = settings;
  const env = flags.environment ? { ...io.env, DEPLOYMENT_ENVIRONMENT: flags.environment } : io.env;
  const argv = flags.strict ? ['--strict', ...files] : files;
  const code = (await checkFiles(argv, { ...io, env })) as ExitCode;
  if (code !== exit.found || !namesGateway) return code;
  let unmet = 0;
  for (const file of files) unmet += await tellUnmet(file, settings);
  return flags.strict && unmet > 0 ? exit.usage : code;
}

/** Keys that are wrong, as an editor by hand may leave them, are shown as they are. */
function textOf(keys: Keys, store: RulesStore, note: (text: string) => void): string {
  if (Object.keys(keys).length === 0) return '';
  try {
    return validate(keys, store).text;
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    note(`the gateways refuse this and go on with what was good before:\n${error.message}`);
    return plainText(keys);
  }
}

async function withStore(
  flags: ScopeFlags,
  settings: Settings,
  action: (store: RulesStore, past: readonly PastRevision[]) => Promise<ExitCode>,
): Promise<ExitCode> {
  const store = new RulesStore(flags, settings);
  try {
    return await action(store, await store.revisions((text) => settings.io.stderr.write(`obsctl: ${text}\n`)));
  } finally {
    store.close();
  }
}
