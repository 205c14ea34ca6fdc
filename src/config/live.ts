import type { Clock } from '../clock.ts';
import { UsageError } from '../errors.ts';
import type { RulesDocument } from '../model/rules.ts';
import type { RulesStatus } from '../model/stats.ts';
import type { ConsulAnswer } from './consul.ts';
import { told } from './document.ts';
import { InOrder } from './in-order.ts';
import { type LastGood, placeOf, readLastGood, writeLastGood } from './last-good.ts';
import type { FileText } from './read-text.ts';
import { LoadRecord, type Log, type Origin } from './record.ts';
import { noRulesFile, type RulesLayer } from './rules.ts';
import type { Written } from './rules-history.ts';
import { isFolder } from './rules-keys.ts';
import {
  bytesOf,
  type Compile,
  type FileWord,
  type KeysWord,
  type RulesReading,
  type RulesTexts,
  readRules,
} from './rules-reading.ts';
import { hear, type Source } from './source.ts';

interface LiveRulesOptions<T> {
  readonly file: Source<FileText>;
  readonly consul?: Source<ConsulAnswer> | undefined;
  /** Who wrote the change of this index, where that is known. */
  readonly writtenBy?: ((index: number) => Promise<Written | undefined>) | undefined;
  readonly environment: string;
  /** Everything is kept, whatever the rules say: told by the status. */
  readonly debug: boolean;
  readonly compile: Compile<T>;
  /**
   * Reads and compiles the same elsewhere; rejects when `over` is aborted. Of texts that are long, which may take seconds
   * of this thread; left out, they are read here.
   */
  readonly readAside?: (texts: RulesTexts, over: AbortSignal) => Promise<RulesReading<T>>;
  readonly policyNames: (policies: T) => readonly string[];
  readonly lastGoodFile: string;
  /** Where in Consul the keys are, see placeOf. */
  readonly place?: string;
  /** Of the rules file; 256 KiB where left out. */
  readonly maxBytes?: number;
  readonly clock: Clock;
  readonly log: Log;
  /** How long a start waits for Consul's first word. */
  readonly startWaitMs?: number;
}

/** Shorter ones are read here, in some milliseconds, whatever stands in them. */
const mostHereBytes = 8 * 1024;

/** Consul's keys and where they were read. */
interface Keys extends KeysWord {
  readonly source: string;
}

type Layers = Pick<RulesTexts, 'file'> & { readonly keys?: Keys | undefined };

/**
 * Source → load → compile → swap by one assignment. Each source's last good word counts: a document that is wrong, or a
 * source that is silent or suddenly empty, leaves the revision in force as it is, and the other source at work. What the
 * sources say is read in the order in which they say it, one word after the other, though some take longer; of words of one
 * source that wait for that, the last one counts.
 */
export class LiveRules<T> {
  readonly #options: LiveRulesOptions<T>;
  readonly #record: LoadRecord;
  readonly #lastGood: LastGood | undefined;
  readonly #swapped: ((policies: T) => void)[] = [];
  readonly #inOrder = new InOrder();
  readonly #over = new AbortController();
  #starting = true;
  #file: FileWord | undefined;
  #fileFields: RulesLayer['fields'] | undefined;
  #keys: Keys | undefined;
  #current: T | undefined;
  #unsaved: LastGood | undefined;
  #saving: Promise<void> | undefined;
  #written: Written | undefined;
  #inForce = { revision: '', hash: '', source: '', modifyIndex: 0, loadedAt: 0, debug: false };

  constructor(options: LiveRulesOptions<T>) {
    const { consul, environment, lastGoodFile, place = placeOf({}), log, clock } = options;
    this.#options = options;
    this.#record = new LoadRecord(log, clock);
    this.#lastGood = consul && readLastGood(lastGoodFile, { source: consul.name, place, environment });
  }

  /** The policies in force. */
  get current(): T {
    if (this.#current === undefined) throw new Error('rules were read before start() came to its end');
    return this.#current;
  }

  /** What the rules file says, over which Consul's keys lie; undefined where there is none. */
  get fileFields(): RulesLayer['fields'] | undefined {
    return this.#fileFields;
  }

  status(): RulesStatus {
    return {
      ...this.#inForce,
      hash: this.#inForce.hash.slice(0, 12),
      policies: this.#current === undefined ? [] : this.#options.policyNames(this.#current),
      debug: this.#options.debug || this.#inForce.debug,
      ...this.#record.status(),
      follows: (this.#options.consul ?? this.#options.file).name,
      sourceRefusal: this.#record.refusalOf(this.#options.consul ? 'consul' : 'file') ?? '',
      written: this.#written,
    };
  }

  /** Calls back after each swap, the first one included. */
  onSwap(callback: (policies: T) => void): void {
    this.#swapped.push(callback);
  }

  /** Resolves when rules are in force; UsageError with a line for each error where none can be. */
  async start(): Promise<void> {
    const { file, consul, startWaitMs = 3_000 } = this.#options;
    await Promise.all([
      hear(
        file,
        this.#listener('file', file.name, (text: FileText) => this.#fileChanged(text)),
      ),
      consul &&
        hear(
          consul,
          this.#listener('consul', consul.name, (answer) => this.#keysChanged(answer)),
          startWaitMs,
        ),
    ]);
    const { promise, resolve, reject } = Promise.withResolvers<string | undefined>();
    // What is said meanwhile comes behind it.
    this.#inOrder.do('start', () => {
      this.#starting = false;
      return this.#begin().then(resolve, reject);
    });
    const why = await promise;
    if (why === undefined) return;
    this.stop();
    throw new UsageError(why);
  }

  /** Resolves when the last good rules are on disk, or could not be written. */
  async saved(): Promise<void> {
    await this.#saving;
  }

  /** Asks every source now: SIGHUP. */
  reload(): void {
    this.#options.file.refresh();
    this.#options.consul?.refresh();
  }

  stop(): void {
    this.#over.abort();
    this.#options.file.stop();
    this.#options.consul?.stop();
  }

  #listener<C>(origin: Origin, source: string, changed: (content: C) => void | Promise<void>) {
    const leading = origin === 'consul' || !this.#options.consul;
    const refuse = (error: unknown): void => void this.#refuse(origin, notTaken(source, error));
    // Whatever goes wrong while rules are taken is the rules', or ours: the source did answer.
    const take = (content: C): void | Promise<void> => {
      try {
        return changed(content)?.catch(refuse);
      } catch (error) {
        return refuse(error);
      }
    };
    return {
      changed: (content: C) => this.#inOrder.do(origin, () => take(content)),
      answered: (index?: number) => this.#record.answered(source, leading, index),
      failed: (error: Error) => this.#failed(origin, source, error, leading),
    };
  }

  #failed(origin: Origin, source: string, error: Error, leading: boolean): void {
    this.#record.failed(source, error, leading);
    if (origin === 'file' && this.#starting) this.#refuse('file', [`${pathOf(this.#options.file)}: ${error.message}`]);
  }

  #fileChanged(text: FileText): void | Promise<void> {
    const path = pathOf(this.#options.file);
    if (text === undefined && !this.#file && this.#options.consul) return; // where Consul rules, one may do without
    const file = { path, text, maxBytes: this.#options.maxBytes };
    return then(this.#heard('file', { file, keys: this.#keys }), (good) => {
      if (good) this.#file = file;
    });
  }

  #keysChanged({ index, entries: all, filtered, unusable }: ConsulAnswer): void | Promise<void> {
    const source = this.#options.consul!.name;
    if (unusable) return void this.#refuse('consul', told([`${source}${unusable}`]));
    const entries = all.filter(({ key }) => !isFolder(key));
    const none = entries.length === 0;
    if (none && !filtered && !this.#keys && !this.#lastGood) return void this.#record.warn(neverAny, { source });
    if (none || filtered) return void this.#refuse('consul', told([missingKeys(source, filtered)]));
    const keys = { folder: folderOf(source), entries, index: Number(index), source };
    return then(this.#heard('consul', { file: this.#file, keys }), (good) => {
      if (good) this.#keys = keys;
    });
  }

  /** While the gateway starts it is enough that what a source says can be read: what counts is chosen in the end. */
  #heard(origin: 'file' | 'consul', layers: Layers): boolean | Promise<boolean> {
    if (!this.#starting) return this.#offer(origin, layers);
    const { file, keys } = layers;
    return this.#read(origin, origin === 'file' ? { file } : { keys }, () => true, true);
  }

  /**
   * The best of what was heard: Consul's keys, else the last good ones, else the file alone. Says why where nothing
   * will do.
   */
  async #begin(): Promise<string | undefined> {
    const fileErrors = this.#record.refusalOf('file');
    if (fileErrors !== undefined) return fileErrors;
    const file = this.#file;
    if (this.#keys && (await this.#offer('consul', { file, keys: this.#keys }))) return undefined;
    this.#keys = undefined;
    if (this.#lastGood && (await this.#offerLastGood(this.#lastGood))) return undefined;
    if (file && (await this.#offer('file', { file }))) return undefined;
    const refused = this.#record.refusalOf('file') ?? this.#record.refusalOf('consul');
    return refused ?? `${pathOf(this.#options.file)}: ${noRulesFile}; and ${this.#options.consul?.name} gave no rules`;
  }

  async #offerLastGood({ keys: entries, source, index, document }: LastGood): Promise<boolean> {
    const keys = { folder: folderOf(source), entries, index, source: `last-good:${source}` };
    const taken = await this.#offer('last-good', { file: this.#file ?? { merged: document }, keys });
    if (taken) this.#keys = keys;
    return taken;
  }

  /** Compiles the layers together and puts them in force, or refuses them. */
  #offer(origin: Origin, layers: Layers): boolean | Promise<boolean> {
    return this.#read(origin, layers, (reading) => this.#take(origin, layers, reading));
  }

  /** A defect of ours that is met on the way refuses them, too. */
  #read(
    origin: Origin,
    { file, keys }: Layers,
    good: (reading: Good<T>) => boolean,
    isFormOnly = false,
  ): boolean | Promise<boolean> {
    const { environment, compile, readAside } = this.#options;
    const source = keys?.source ?? this.#options.file.name;
    const inForce = source === this.#inForce.source ? this.#inForce.hash : undefined;
    const texts = { file, keys, environment, inForce, isFormOnly };
    const refuse = (error: unknown): false =>
      this.#over.signal.aborted ? false : this.#refuse(origin, notTaken(source, error));
    const judge = (reading: RulesReading<T>): boolean =>
      'errors' in reading ? this.#refuse(origin, reading.errors) : good(reading);
    try {
      if (!readAside || bytesOf(texts) <= mostHereBytes) return judge(readRules(texts, compile));
      return readAside(texts, this.#over.signal).then(judge).catch(refuse);
    } catch (error) {
      return refuse(error);
    }
  }

  #take(origin: Origin, { file, keys }: Layers, reading: Good<T>): boolean {
    const { document, fileFields, hash, revision, policies, notes, warnings } = reading;
    // Of what the file says by itself; without one it is what was merged of it before.
    if (file !== undefined && !('merged' in file)) this.#fileFields = fileFields;
    if (policies === undefined) {
      this.#record.repeated(origin, this.#told());
      return true;
    }
    const next = { hash, source: keys?.source ?? this.#options.file.name, modifyIndex: keys?.index ?? 0 };
    this.#inForce = { ...next, revision, loadedAt: this.#options.clock.unixMs(), debug: document.debug ?? false };
    this.#swap(origin, policies, notes);
    if (warnings.length > 0) this.#record.warn('is this meant in the rules in force?', { revision, warnings });
    this.#written = undefined;
    if (keys && keys.source === this.#options.consul?.name) {
      this.#save(keys, document);
      void this.#askWho(revision, keys.index);
    }
    return true;
  }

  /** Rules count whoever wrote them; that is asked when they do, and where nobody says it, it stays unknown. */
  async #askWho(revision: string, index: number): Promise<void> {
    const written = await this.#options.writtenBy?.(index).catch(() => undefined);
    if (!written || revision !== this.#inForce.revision) return;
    this.#written = written;
    this.#record.info('who wrote the rules in force', { revision, ...written });
  }

  #swap(origin: Origin, policies: T, notes: readonly string[]): void {
    this.#current = policies;
    this.#record.accepted(origin, { ...this.#told(), ...(notes.length > 0 && { notes }) });
    for (const callback of this.#swapped) callback(policies);
  }

  /** What the log says of the rules in force. */
  #told(): Record<string, unknown> {
    const { revision, source } = this.#inForce;
    return { revision, source, policies: this.#options.policyNames(this.current) };
  }

  #refuse(origin: Origin, errors: readonly string[]): false {
    this.#record.refused(origin, errors, this.#inForce.revision);
    return false;
  }

  /** Rules are in force when they are swapped, not when the disk has them: it may be slow, or away. */
  #save({ entries: keys, index, source }: Keys, document: RulesDocument): void {
    const { environment, place = placeOf({}) } = this.#options;
    this.#unsaved = { source, place, environment, revision: this.#inForce.revision, index, keys, document };
    this.#saving ??= this.#saveNewest();
  }

  async #saveNewest(): Promise<void> {
    const file = this.#options.lastGoodFile;
    for (let newest = this.#unsaved; newest !== undefined; newest = this.#unsaved) {
      this.#unsaved = undefined;
      try {
        await writeLastGood(file, newest);
      } catch (error) {
        this.#record.warn('the last good rules could not be written', { file, error: (error as Error).message });
      }
    }
    this.#saving = undefined;
  }
}

export function createLiveRules<T>(options: LiveRulesOptions<T>): LiveRules<T> {
  return new LiveRules(options);
}

type Good<T> = Exclude<RulesReading<T>, { readonly errors: readonly string[] }>;

/** At once where there is nothing to wait for. */
const then = <A>(value: A | Promise<A>, next: (value: A) => void): void | Promise<void> =>
  value instanceof Promise ? value.then(next) : next(value);

const pathOf = (file: Source<FileText>) => file.name.replace(/^file:/, '');
const folderOf = (source: string) => source.replace(/^consul:/, '');

/** Consul does not tell an empty folder from one that nobody without a token may see. */
const neverAny =
  'no key there: the rules file alone counts; where there should be some, look at the environment and the token';

function missingKeys(source: string, filtered: boolean): string {
  const why = filtered ? 'the token may not read all of its keys' : 'no key is left where there were some';
  return `${source}: ${why}: restore them or the token's rights; docs/rules.md says how to go back to the file alone`;
}

function notTaken(source: string, error: unknown): readonly string[] {
  return told([`${source}: not taken: ${(error as Error).message}: this should not happen, please report it`]);
}
