import type { Command } from 'commander';
import { CommandError, type ExitCode, exit } from '../../exit.ts';
import type { Run } from '../command.ts';
import { formatNs } from '../duration.ts';
import { localTime } from '../local-time.ts';
import type { Settings } from '../settings.ts';
import { table } from '../table.ts';
import { jsonText } from '../terminal.ts';
import { inTurn } from './in-turn.ts';
import {
  fileOf,
  grafanaFile,
  isGrafanaFile,
  isManifest,
  isTraceFile,
  type Manifest,
  maxManifestBytes,
  readManifest,
} from './manifest.ts';
import { placeAt, withS3 } from './open-place.ts';
import type { ArchivePlace } from './place.ts';
import { Progress } from './progress.ts';
import type { S3Flags } from './s3/address.ts';

interface ArchivesFlags extends S3Flags {
  readonly held?: boolean;
  readonly over?: boolean;
}

/** Of one place: a listing is to be read. */
const mostManifests = 100_000;
const readsAtOnce = 8;

export function registerTraceArchives(parent: Command, run: Run): void {
  withS3(parent.command('archives [places...]'))
    .description(
      'lists what is archived in folders or s3://bucket/prefix: what, who, when, why, and until when it is held',
    )
    .option('--held', 'only what is held now')
    .option('--over', 'only traces that were held by somebody and are by nobody any more: they may go')
    .addHelpText(
      'after',
      '\nNothing is deleted. Files of traces whose holds are over:\n  obsctl trace archives incident-42 --over -o jsonl | jq -r ".files[]"',
    )
    .action((places: string[], flags: ArchivesFlags, command: Command) =>
      run(command, (settings) => traceArchives(places, flags, settings)),
    );
}

/** An archived trace, as one who wanted it kept has it. */
type Row = Pick<
  Manifest,
  'traceId' | 'archivedAt' | 'by' | 'why' | 'spans' | 'startAt' | 'durationMs' | 'missing' | 'sha256'
> & {
  readonly root: string;
  /** Until when it is held by this one; null = nobody said. */
  readonly heldUntil: string | null;
  readonly lock: string | null;
  /** Held now, by this one or by another. */
  readonly isHeld: boolean;
  /** Held by somebody, now or once. */
  readonly wasHeld: boolean;
  /** The trace's, its manifest's, and Grafana's where there is one. */
  readonly files: readonly string[];
};

/** Exit code 0, or 3 where there is none, 4 where some cannot be read or a file is missing. */
async function traceArchives(where: readonly string[], flags: ArchivesFlags, settings: Settings): Promise<ExitCode> {
  if (flags.held && flags.over) throw new CommandError('--held and --over: expected one of them', exit.usage);
  const rows: Row[] = [];
  const troubles: string[] = [];
  for (const each of where.length === 0 ? ['.'] : where) {
    const { place, close } = await placeAt(each, flags, settings);
    try {
      rows.push(...(await rowsOf(place, settings, troubles)));
    } finally {
      await close();
    }
  }
  const shown = rows.filter(({ isHeld, wasHeld }) => (flags.held ? isHeld : flags.over ? wasHeld && !isHeld : true));
  show(
    shown.toSorted((a, b) => (a.archivedAt < b.archivedAt ? -1 : 1)),
    settings,
  );
  for (const trouble of troubles.slice(0, 20)) settings.io.stderr.write(`obsctl: ${trouble}\n`);
  if (troubles.length > 20) settings.io.stderr.write(`obsctl: … and ${troubles.length - 20} more\n`);
  if (troubles.length > 0) return exit.partial;
  if (rows.length === 0)
    settings.io.stderr.write('obsctl: nothing is archived there; what lies in folders below is not looked at\n');
  return shown.length === 0 ? exit.nothing : exit.found;
}

async function rowsOf(place: ArchivePlace, settings: Settings, troubles: string[]): Promise<Row[]> {
  const traces = new Set<string>();
  const names: string[] = [];
  for await (const name of place.list('')) {
    if (isTraceFile(name) || isGrafanaFile(name)) traces.add(name);
    else if (isManifest(name)) names.push(name);
    if (names.length > mostManifests)
      throw new CommandError(
        `${place.name}: more than ${mostManifests} archives: name a longer prefix, or a folder below`,
      );
  }
  const manifests = await readAll(place, names, settings, troubles);
  const named = new Set([...manifests.values()].map(({ file }) => file));
  for (const { file } of manifests.values()) if (!traces.has(file)) troubles.push(`${place.address(file)} is missing`);
  for (const file of traces)
    if (isTraceFile(file) && !named.has(file))
      troubles.push(`${place.address(file)} has no manifest: whoever archived it was interrupted`);
  const unread = names.filter((name) => !manifests.has(name)).map(fileOf);
  return withHolds(place, manifests, { traces, unread, nowMs: settings.io.now() });
}

async function readAll(place: ArchivePlace, names: readonly string[], { io }: Settings, troubles: string[]) {
  const manifests = new Map<string, Manifest>();
  const progress = new Progress(io, names.length, 'manifests read');
  let read = 0;
  await inTurn(names, readsAtOnce, async (name) => {
    progress.tell(++read);
    try {
      const bytes = await place.read(name, maxManifestBytes);
      // Deleted meanwhile.
      if (bytes !== undefined) manifests.set(name, readManifest(bytes, name, place.address(name)));
    } catch (error) {
      if (!(error instanceof CommandError) || io.signal?.aborted) throw error;
      troubles.push(error.message);
    }
  });
  return manifests;
}

/** Beside manifests that can be read. */
interface Found {
  readonly traces: ReadonlySet<string>;
  /** Traces with a manifest that cannot be read. */
  readonly unread: readonly string[];
  readonly nowMs: number;
}

/** A trace is held as long as anybody holds it, and where nobody can read whether somebody does. */
function withHolds(
  place: ArchivePlace,
  manifests: ReadonlyMap<string, Manifest>,
  { traces, unread, nowMs }: Found,
): Row[] {
  const until = new Map(unread.map((file) => [file, Number.POSITIVE_INFINITY]));
  for (const { file, hold } of manifests.values())
    if (hold !== null) until.set(file, Math.max(until.get(file) ?? 0, Date.parse(hold.until)));
  return [...manifests].map(([name, it]) => ({
    ...{ traceId: it.traceId, root: `${it.rootService} ${it.rootName}`.trim(), spans: it.spans, startAt: it.startAt },
    ...{ durationMs: it.durationMs, archivedAt: it.archivedAt, by: it.by, why: it.why, missing: it.missing },
    ...{ heldUntil: it.hold?.until ?? null, lock: it.hold?.lock ?? null, sha256: it.sha256 },
    ...{ isHeld: (until.get(it.file) ?? 0) > nowMs, wasHeld: until.has(it.file) },
    files: [it.file, name, ...[grafanaFile(it.file)].filter((file) => traces.has(file))].map((file) =>
      place.address(file),
    ),
  }));
}

function show(rows: readonly Row[], { io, output }: Settings): void {
  if (output === 'json') io.stdout.write(`${jsonText(rows, 2)}\n`);
  else if (output === 'jsonl') io.stdout.write(rows.map((row) => `${jsonText(row)}\n`).join(''));
  else if (output === 'ids') io.stdout.write([...new Set(rows.map(({ traceId }) => `${traceId}\n`))].join(''));
  else if (rows.length > 0) io.stdout.write(archivesTable(rows, io));
}

const archivesTable = (rows: readonly Row[], io: Settings['io']): string =>
  table<Row>(
    [
      { title: 'ARCHIVED', text: ({ archivedAt }) => localTime(Date.parse(archivedAt), io.timeZone) },
      { title: 'TRACE', text: ({ traceId }) => traceId },
      { title: 'ROOT', text: ({ root }) => root || '(no root)', shrinks: true },
      { title: 'DURATION', text: ({ durationMs }) => formatNs(durationMs * 1e6), align: 'right' },
      { title: 'SPANS', text: ({ spans, missing }) => `${spans}${missing === '' ? '' : '+'}`, align: 'right' },
      {
        title: 'HELD UNTIL',
        text: ({ heldUntil, lock }) =>
          heldUntil === null ? '-' : `${heldUntil.slice(0, 10)}${lock ? ` ${lock}` : ''}`,
      },
      { title: 'BY', text: ({ by }) => by, shrinks: true },
      { title: 'WHY', text: ({ why }) => why, shrinks: true },
    ],
    rows,
    io.isTTY ? io.columns : undefined,
  );
