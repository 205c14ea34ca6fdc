import { type Command, Option } from 'commander';
import { maxWords } from '../../../config/rules-history.ts';
import { MalformedError } from '../../../wire/reader.ts';
import { CommandError, type ExitCode, exit } from '../../exit.ts';
import { version } from '../../version.ts';
import type { Run } from '../command.ts';
import { AnswerFault } from '../http-json.ts';
import { authorOf } from '../rules/author.ts';
import type { Settings } from '../settings.ts';
import { TempoClient, type TraceBytes } from '../tempo-client.ts';
import { pastText } from '../verdict.ts';
import { type Archived, showArchived } from './archived-table.ts';
import { type Content, grafanaContent, textContent, traceContent } from './content.ts';
import { type Hold, holdOf, locks } from './hold.ts';
import { idsOf } from './ids.ts';
import { inTurn } from './in-turn.ts';
import {
  grafanaFile,
  manifestFile,
  manifestText,
  maxManifestBytes,
  type NewManifest,
  readManifest,
  traceFile,
} from './manifest.ts';
import { openPlace, type PlaceFlags, withPlace } from './open-place.ts';
import type { ArchivePlace, Labels, Put } from './place.ts';
import { Progress } from './progress.ts';
import { factsOf } from './trace-facts.ts';
import { type NotCarried, TraceFault } from './trace-text.ts';

interface ArchiveFlags extends PlaceFlags {
  readonly by?: string;
  readonly why?: string;
  readonly hold?: string;
  readonly lock?: Hold['lock'];
  readonly grafana?: boolean;
}

/** Traces that are read and written at once: each may take hundreds of megabytes. */
const tracesAtOnce = 4;

export function registerTraceArchive(parent: Command, run: Run): void {
  withPlace(parent.command('archive <ids...>'))
    .description(
      'writes traces as OTLP JSON, each with a manifest and its SHA-256, and never over another; `-`: ids on stdin',
    )
    .option('--by <name>', 'who keeps it (default: user@host)')
    .option('--why <text>', 'the incident, ticket or reason')
    .option('--hold <time>', 'nobody should delete it for so long, e.g. 90d or 1y, or until a day such as 2027-12-31')
    .addOption(new Option('--lock <mode>', 'with --hold: the bucket enforces it (S3 object lock)').choices(locks))
    .option('--grafana', 'beside each the same for Grafana’s “Import trace”, which wants another name in it')
    .addHelpText(
      'after',
      '\nThe manifest says what, who, when and why. Nothing is deleted when a hold ends: `trace archives --over` lists what may go.\n  obsctl trace find --status error --last 10m -o ids | obsctl trace archive - --out incident-42 --why INC-42',
    )
    .action((ids: string[], flags: ArchiveFlags, command: Command) =>
      run(command, (settings) => traceArchive(ids, flags, settings)),
    );
}

/** Exit code 0 where each is there and whole, 4 where some are not, 3 where the store has none of them. */
async function traceArchive(named: readonly string[], flags: ArchiveFlags, settings: Settings): Promise<ExitCode> {
  const { io } = settings;
  const { by, why = '' } = flags;
  if (why.length > maxWords.why)
    throw new CommandError(`--why: ${why.length} characters: expected at most ${maxWords.why}`, exit.usage);
  if (flags.lock !== undefined && flags.to === undefined)
    throw new CommandError('--lock belongs to --to s3://…: nothing enforces a hold in a folder', exit.usage);
  const labels = {
    by: authorOf(by === undefined ? {} : { by }, io).by,
    why,
    hold: holdOf(flags.hold, io.now(), flags.lock),
  };
  const ids = await idsOf(named, io);
  if (ids.length === 0) io.stderr.write('obsctl: no ids on stdin\n');
  const { place, close } = await openPlace(flags, settings);
  const done: Archived[] = [];
  const progress = new Progress(io, ids.length, 'done');
  const archiver = new Archiver(place, { ...labels, isForGrafana: flags.grafana === true }, settings);
  try {
    await inTurn(ids, tracesAtOnce, async (id) => {
      done.push(await archiver.archive(id));
      progress.tell(done.length);
    });
  } catch (error) {
    showArchived(inOrder(done, ids), settings);
    if (ids.length > 1)
      io.stderr.write(
        `obsctl: ${done.length} of ${ids.length} were looked at; what is archived stays, and is passed over when you run this again\n`,
      );
    throw error;
  } finally {
    await close();
  }
  showArchived(inOrder(done, ids), settings);
  return codeOf(done);
}

function inOrder(done: readonly Archived[], ids: readonly string[]): Archived[] {
  const places = new Map(ids.map((id, i) => [id, i]));
  return done.toSorted((a, b) => places.get(a.traceId)! - places.get(b.traceId)!);
}

function codeOf(done: readonly Archived[]): ExitCode {
  if (done.every(({ state }) => state === 'missing')) return exit.nothing;
  return done.every(({ state, note }) => (state === 'archived' || state === 'there') && note === '')
    ? exit.found
    : exit.partial;
}

type ThereNow = Exclude<Put, 'other'>;

const lockUnseen =
  'the store was asked to lock it, and whether it did these credentials may not see (s3:GetObjectRetention)';

/** Puts traces into one place, for one reason. */
class Archiver {
  readonly #place: ArchivePlace;
  readonly #labels: Labels & { readonly isForGrafana: boolean };
  readonly #settings: Settings;
  readonly #tempo: TempoClient;

  constructor(place: ArchivePlace, labels: Labels & { readonly isForGrafana: boolean }, settings: Settings) {
    this.#place = place;
    this.#labels = labels;
    this.#settings = settings;
    this.#tempo = new TempoClient(settings.client, settings.tempo);
  }

  /** Throws CommandError for what is not of this trace alone: then there is no use in trying the next. */
  async archive(traceId: string): Promise<Archived> {
    const nothing = { traceId, spans: 0, bytes: 0, file: '', sha256: '' };
    try {
      const fetched = await this.#tempo.traceBytes(traceId);
      if (fetched === undefined) return { ...nothing, state: 'missing', note: `not in ${this.#settings.tempo.base}` };
      return await this.#putTrace(traceId, fetched);
    } catch (error) {
      if (error instanceof TraceFault || error instanceof MalformedError || error instanceof AnswerFault)
        return { ...nothing, state: 'failed', note: error.message };
      throw error;
    }
  }

  /** The trace first, then its manifest: what has a manifest is there whole. */
  async #putTrace(traceId: string, fetched: TraceBytes): Promise<Archived> {
    const facts = factsOf(fetched.trace, traceId);
    const { content, notCarried } = traceContent(fetched.trace);
    const file = traceFile(traceId, content.sha256);
    const missing = missingIn(fetched);
    const manifest: NewManifest = {
      ...{ traceId, file, sha256: content.sha256, bytes: content.bytes, spans: facts.spans },
      startAt: facts.startNs === 0n ? null : isoTime(Number(facts.startNs / 1_000_000n)),
      durationMs: facts.endNs > facts.startNs ? Number(facts.endNs - facts.startNs) / 1e6 : 0,
      ...{ rootService: cutText(facts.rootService), rootName: cutText(facts.rootName), missing, notCarried },
      ...this.#act(),
      ...(fetched.past && { verdict: fetched.past.verdict }),
    };
    const put = await this.#put(file, content);
    const puts = [put];
    if (this.#labels.isForGrafana) puts.push(await this.#put(grafanaFile(file), grafanaContent(content)));
    const ofManifest = await this.#putManifest(manifest);
    const state = ofManifest === 'there' && put === 'there' ? 'there' : 'archived';
    const lock = [...puts, ofManifest].includes('unseen') ? lockUnseen : '';
    const note = [missing, notCarriedText(notCarried), lock].filter(Boolean).join('; ');
    return {
      ...{ traceId, state, note, spans: facts.spans, bytes: content.bytes, sha256: content.sha256 },
      file: this.#place.address(file),
    };
  }

  async #put(name: string, content: Content): Promise<ThereNow> {
    const put = await this.#place.put(name, content, this.#labels);
    if (put !== 'other') return put;
    throw new CommandError(
      `${this.#place.address(name)} is there and is not what its name says: it was changed, or is no archive. Nothing was overwritten`,
    );
  }

  #act() {
    const { io, tempo, orgId } = this.#settings;
    const { by, why, hold } = this.#labels;
    return {
      archivedAt: isoTime(io.now()),
      ...{ by, why, source: tempo.base, ...(orgId !== undefined && { tenant: orgId }) },
      writtenBy: `obsctl ${version}`,
      hold: hold === undefined ? null : { until: isoTime(hold.untilMs), ...(hold.lock && { lock: hold.lock }) },
    };
  }

  /** One that says the same, but for the time, is there from before, or from somebody who does the same now. */
  async #putManifest(manifest: NewManifest): Promise<ThereNow> {
    const name = manifestFile(manifest);
    const put = await this.#place.put(name, textContent(manifestText(manifest)), this.#labels);
    if (put !== 'other') return put;
    const where = this.#place.address(name);
    const bytes = await this.#place.read(name, maxManifestBytes);
    if (bytes === undefined || readManifest(bytes, name, where).sha256 !== manifest.sha256)
      throw new CommandError(`${where} is there and is of another trace: it was changed. Nothing was overwritten`);
    return 'there';
  }
}

function missingIn({ partial, past }: TraceBytes): string {
  if (partial !== '') return partial.slice(0, 1000);
  return past?.verdict === 'waiting' ? pastText(past) : '';
}

const notCarriedText = ({ unknownFields, mendedTexts }: NotCarried): string =>
  [
    unknownFields > 0 ? `${unknownFields} fields that OTLP JSON has no name for` : '',
    mendedTexts > 0 ? `${mendedTexts} texts that are not UTF-8` : '',
  ]
    .filter(Boolean)
    .join(', ');

/** To read a manifest by, not to keep a name. */
const cutText = (text: string): string => text.slice(0, 500).toWellFormed();

/** Without what ISO 8601 cannot say: years from 10000. */
const isoTime = (unixMs: number): string => new Date(Math.min(unixMs, 253_402_300_799_999)).toISOString();
