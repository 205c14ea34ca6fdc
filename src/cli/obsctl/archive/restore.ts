import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import { systemClock } from '../../../clock.ts';
import { parseDuration } from '../../../traceql/duration.ts';
import { CommandError, type ExitCode, exit } from '../../exit.ts';
import type { Run } from '../command.ts';
import { AnswerFault } from '../http-json.ts';
import { addressOf, type Settings } from '../settings.ts';
import { TempoClient } from '../tempo-client.ts';
import { type ArchivedTrace, NoManifest, readArchived, readUnverified, splitAddress } from './archived-file.ts';
import { inTurn } from './in-turn.ts';
import { isGrafanaFile } from './manifest.ts';
import { placeAt, withS3 } from './open-place.ts';
import { Progress } from './progress.ts';
import { type Restored, showRestored } from './restored-table.ts';
import type { S3Flags } from './s3/address.ts';
import { type Receiver, send } from './send.ts';
import { missingIn, type SpanIds, spanIds } from './trace-facts.ts';
import { TraceFault } from './trace-text.ts';

interface RestoreFlags extends S3Flags {
  readonly otlp?: string;
  readonly wait: string;
  readonly unverified?: boolean;
}

const mostFiles = 20_000;
const looksAtOnce = 4;
const longestPauseMs = 2000;

export function registerTraceRestore(parent: Command, run: Run): void {
  withS3(parent.command('restore <files...>'))
    .description(
      'sends archived traces back past the rules, when their SHA-256 is right, and looks whether they are found',
    )
    .option(
      '--otlp <url>',
      'an OTLP/HTTP address such as http://tempo:4318 (OBSCTL_OTLP), instead of the gateway, whose token must be one that may change something',
    )
    .option('--wait <time>', 'until they are found by their ids; 0 does not look', '30s')
    .option('--unverified', 'files without a manifest too: any OTLP JSON of one trace')
    .addHelpText(
      'after',
      '\nA file is a trace, its manifest, or s3://BUCKET/KEY of either. A trace that is there already is not sent again.',
    )
    .action((files: string[], flags: RestoreFlags, command: Command) =>
      run(command, (settings) => traceRestore(files, flags, settings)),
    );
}

/** A trace that is to be found again. */
type Sought = Restored & { readonly wanted: SpanIds };

/** Exit code 0 where each is found again, 4 where some are not, 1 where none is. */
async function traceRestore(files: readonly string[], flags: RestoreFlags, settings: Settings): Promise<ExitCode> {
  const waitNs = parseDuration(flags.wait);
  if (waitNs === undefined) throw new CommandError(`--wait ${flags.wait}: expected a time such as 30s`, exit.usage);
  if (files.length > mostFiles)
    throw new CommandError(`${files.length} files: expected ${mostFiles} at most`, exit.usage);
  const receiver = receiverOf(flags, settings);
  const restorer = new Restorer(receiver, { ...flags, isLooking: waitNs > 0 && canLook(flags, settings) }, settings);
  try {
    await restorer.sendAll(files);
    await restorer.findAll(waitNs / 1e6);
  } catch (error) {
    showRestored([...restorer.done, ...restorer.sought], settings);
    throw error;
  }
  showRestored(restorer.done, settings);
  const good = restorer.done.filter(({ state }) => state === 'restored' || state === 'there' || state === 'sent');
  if (good.length === restorer.done.length) return exit.found;
  return restorer.done.some(({ state }) => state !== 'failed') ? exit.partial : exit.failed;
}

function receiverOf({ otlp }: RestoreFlags, { io, gateway }: Settings): Receiver {
  const address = otlp ?? (io.env.OBSCTL_OTLP || undefined);
  if (address === undefined) return { place: gateway, path: '/api/restore', isOtlp: false };
  const place = { ...addressOf(address, '--otlp'), name: 'an OTLP receiver', flag: '--otlp or OBSCTL_OTLP' };
  return { place, path: place.base.endsWith('/v1/traces') ? '' : '/v1/traces', isOtlp: true };
}

/** Where something is sent by an address of its own, nobody says that the gateway has it. */
function canLook(flags: RestoreFlags, settings: Settings): boolean {
  const isElsewhere = flags.otlp !== undefined || Boolean(settings.io.env.OBSCTL_OTLP);
  const canBe = !isElsewhere || settings.namesTempo;
  if (!canBe) settings.io.stderr.write('obsctl: nobody looks whether they are found: name Tempo by --tempo\n');
  return canBe;
}

class Restorer {
  readonly done: Restored[] = [];
  readonly #sought = new Set<Sought>();
  readonly #receiver: Receiver;
  readonly #flags: RestoreFlags & { readonly isLooking: boolean };
  readonly #settings: Settings;
  readonly #tempo: TempoClient;

  constructor(receiver: Receiver, flags: RestoreFlags & { readonly isLooking: boolean }, settings: Settings) {
    this.#receiver = receiver;
    this.#flags = flags;
    this.#settings = settings;
    this.#tempo = new TempoClient(settings.client, settings.tempo);
  }

  /** What was sent, and nobody found yet. */
  get sought(): Restored[] {
    return [...this.#sought].map(({ wanted: _, ...trace }) => ({ ...trace, note: 'nobody looked until it was found' }));
  }

  /** One after the other: each may take hundreds of megabytes. A trace of several files is sent once. */
  async sendAll(files: readonly string[]): Promise<void> {
    const progress = new Progress(this.#settings.io, files.length, 'read');
    const sent = new Set<string>();
    for (const [i, file] of files.entries()) {
      try {
        await this.#send(file, sent);
      } catch (error) {
        const isOfFile = error instanceof TraceFault;
        // Of one file alone the error says it all.
        if (isOfFile || files.length > 1)
          this.done.push({ file, traceId: '', spans: 0, state: 'failed', note: (error as Error).message });
        if (!isOfFile) throw error;
      }
      progress.tell(i + 1);
    }
  }

  /** Looks for what was sent until it is there, or `waitMs` are over for all of it. */
  async findAll(waitMs: number): Promise<void> {
    const untilMs = systemClock.monotonicMs() + waitMs;
    const progress = new Progress(this.#settings.io, this.#sought.size, 'looked for');
    let looked = 0;
    await inTurn([...this.#sought], looksAtOnce, async (each) => {
      const { wanted, ...trace } = each;
      const note = await this.#find(trace.traceId, wanted, untilMs);
      this.done.push(note === '' ? { ...trace, state: 'restored' } : { ...trace, state: 'unseen', note });
      this.#sought.delete(each);
      progress.tell(++looked);
    });
  }

  async #send(file: string, sent: Set<string>): Promise<void> {
    const trace = await this.#read(file);
    const wanted = spanIds(trace.wire);
    const identity = `${trace.traceId} ${[...wanted.spans].sort().join()}`;
    if (sent.has(identity)) return;
    sent.add(identity);
    const restored = { file, traceId: trace.traceId, spans: trace.spans, note: '' };
    const { isLooking } = this.#flags;
    if (isLooking && (await this.#missing(trace.traceId, wanted)) === 0)
      return void this.done.push({ ...restored, state: 'there' });
    await send(trace, this.#receiver, this.#settings);
    if (isLooking) this.#sought.add({ ...restored, state: 'sent', wanted });
    else this.done.push({ ...restored, state: 'sent' });
  }

  async #read(file: string): Promise<ArchivedTrace> {
    const { where, name: named, isFolder } = splitAddress(file);
    // What stands beside a trace for Grafana says the same, and nobody vouches for it.
    const name = isGrafanaFile(named) ? named.replace(/grafana\.json$/, 'json') : named;
    const { place, close } = await placeAt(where, this.#flags, this.#settings);
    try {
      return await readArchived(place, name).catch((error) => {
        if (this.#flags.unverified && error instanceof NoManifest) return readUnverified(place, name);
        // Of a folder one file cannot be read; of a bucket it may be that nothing can.
        throw isFolder && error instanceof CommandError ? new TraceFault(error.message) : error;
      });
    } finally {
      await close();
    }
  }

  /** Why not all of it is found in time; empty where it is. */
  async #find(traceId: string, wanted: SpanIds, untilMs: number): Promise<string> {
    for (let pauseMs = 250; ; pauseMs = Math.min(longestPauseMs, pauseMs * 2)) {
      const missing = await this.#missing(traceId, wanted);
      if (missing === 0) return '';
      if (systemClock.monotonicMs() + pauseMs > untilMs)
        return `${missing} of ${wanted.spans.size} spans are not in ${this.#settings.tempo.base} yet`;
      await sleep(pauseMs, undefined, { signal: this.#settings.io.signal }).catch(() => {
        throw new CommandError('interrupted');
      });
    }
  }

  /** How many of these spans the store does not have; what is in the gateway's window alone will be gone in a moment. */
  async #missing(traceId: string, wanted: SpanIds): Promise<number> {
    const found = await this.#tempo.traceBytes(traceId).catch((error) => {
      // It may have a trace that it cannot give out.
      if (error instanceof AnswerFault) return undefined;
      throw error;
    });
    if (found === undefined || found.past !== undefined) return wanted.spans.size;
    return missingIn(found.trace, wanted);
  }
}
