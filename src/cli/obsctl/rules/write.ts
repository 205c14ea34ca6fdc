import type { PastRevision } from '../../../config/rules-history.ts';
import { CommandError, type ExitCode, exit } from '../../exit.ts';
import { printable } from '../cells.ts';
import { paint } from '../colors.ts';
import type { Settings } from '../settings.ts';
import { jsonText } from '../terminal.ts';
import { authorOf } from './author.ts';
import type { WriteFlags } from './flags.ts';
import { keptShare, shareOf } from './kept-share.ts';
import { diffLines, diffText } from './line-diff.ts';
import { plainText, sameKeys, steps } from './revise.ts';
import { revisionName } from './revision-name.ts';
import { RulesStore, type Standing } from './store.ts';
import { type Keys, validate } from './validate.ts';
import { waitFor, waitMsOf } from './wait.ts';

/** What a command makes of what is there. */
export interface Change {
  readonly keys: Keys;
  /** What happened to it, where the user gives no reason or beside it: `rollback to 42-1f2e3d4c`. */
  readonly why?: string;
  /** Told before it is written. */
  readonly notes?: readonly string[];
}

type Make = (now: Standing, past: readonly PastRevision[], store: RulesStore) => Change;

/**
 * Reads what is there, lets `make` say what shall be, checks that by the gateway's own code, shows the difference, asks
 * who sits there, and writes all of it or, where somebody else wrote in between, nothing.
 */
export async function write(flags: WriteFlags, settings: Settings, make: Make): Promise<ExitCode> {
  const { io } = settings;
  const [waitMs, mostKept] = [flags.wait && waitMsOf(flags.wait), flags.maxKept && shareOf(flags.maxKept)];
  const note = (text: string): void => void io.stderr.write(`obsctl: ${text}\n`);
  const store = new RulesStore(flags, settings);
  try {
    const [standing, past] = [await store.standing(), await store.revisions(note)];
    const { keys, why, notes = [] } = make(standing, past, store);
    const written = authorOf(flags, io, why);
    const { hash, text, warnings } = validate(keys, store);
    [...notes, ...warnings.map((each) => `is this meant? ${each}`)].forEach(note);
    if (sameKeys(keys, standing.keys)) return unchanged(store, note);
    if (Object.keys(keys).length === 0) throw new CommandError(`${store.folder}: ${noneLeft}`, exit.usage);
    const before = textOf(standing.keys, store);
    const changes = diffText(diffLines(before.text, text), paint(settings.color));
    if (!flags.fromCi) io.stderr.write(changes);
    if (mostKept !== '' && mostKept !== undefined && !flags.yes) await limit(settings, text, mostKept);
    if (!(await agreed(flags, settings, store))) return exit.failed;
    const index = await store.write(steps(store, { standing, past, keys, hash, hashBefore: before.hash, written }));
    const revision = revisionName({ index, hash });
    if (settings.output === 'table')
      io.stdout.write(`${store.folder}: revision ${revision} by ${printable(written.by)}\n`);
    else if (settings.output === 'ids') io.stdout.write(`${revision}\n`);
    else io.stdout.write(`${jsonText({ revision, hash, ...written, index }, settings.output === 'json' ? 2 : 0)}\n`);
    if (!waitMs) return exit.found;
    await waitFor(settings, { folder: store.folder, index }, waitMs);
    note(`in force on ${settings.gateways.map(({ base }) => base).join(', ')}`);
    return exit.found;
  } finally {
    store.close();
  }
}

const noneLeft =
  'no key would be left, which gateways take for lost rights and not for a wish: leave one, such as debug: false';

function unchanged(store: RulesStore, note: (text: string) => void): ExitCode {
  note(`${store.folder}: it is so already, nothing was written`);
  return exit.found;
}

/** What is there may be wrong: then its keys are shown as they are, and it has no hash. */
function textOf(keys: Keys, store: RulesStore): { text: string; hash: string } {
  try {
    return validate(keys, store);
  } catch {
    return { text: plainText(keys), hash: '' };
  }
}

async function limit(settings: Settings, rules: string, most: number): Promise<void> {
  for (const gateway of settings.gateways) {
    const share = await keptShare(settings, gateway, rules);
    if (share === undefined)
      throw new CommandError(`${gateway.base}: its window holds no trace to try the rules on: --yes writes without`);
    const percent = (of: number) => `${Number((of * 100).toPrecision(3))} %`;
    if (share <= most) continue;
    throw new CommandError(
      `of the traces in the window of ${gateway.base} these rules would keep ${percent(share)}, more than ${percent(most)}: nothing was written; --yes writes all the same`,
    );
  }
}

/** Nobody is asked who cannot answer, or has answered already. */
async function agreed({ yes, fromCi }: WriteFlags, { io }: Settings, { folder }: RulesStore): Promise<boolean> {
  if (yes || fromCi || !io.ask) return true;
  const answer = await io.ask(`Write this to consul:${folder}? [y/N] `);
  if (/^y(es)?$/i.test(answer.trim())) return true;
  io.stderr.write('obsctl: nothing was written\n');
  return false;
}
