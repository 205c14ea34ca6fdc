import type { Clock } from '../clock.ts';
import { UsageError } from '../errors.ts';
import type { Problem, RulesDocument } from '../model/rules.ts';
import type { RulesStatus } from '../model/stats.ts';
import type { ConsulAnswer } from './consul.ts';
import { placed } from './decode-text.ts';
import { told } from './document.ts';
import { type LastGood, placeOf, readLastGood, writeLastGood } from './last-good.ts';
import type { FileText } from './read-text.ts';
import { LoadRecord, type Log, type Origin } from './record.ts';
import { hashOf, type LayerResult, mergeLayers, noRulesFile, parseRules, type RulesLayer } from './rules.ts';
import type { Written } from './rules-history.ts';
import { isFolder, type KvEntry, parseKeys } from './rules-keys.ts';
import { hear, type Source } from './source.ts';

/** Rules to what the shards judge by; `revision` is what kept spans will carry. */
export type Compile<T> = (
  document: RulesDocument,
  revision: string,
) =>
  | {
      readonly policies: T;
      /** What in them is probably not meant. */
      readonly warnings?: readonly Problem[];
    }
  | { readonly problems: readonly Problem[] };

interface LiveRulesOptions<T> {
  readonly file: Source<FileText>;
  readonly consul?: Source<ConsulAnswer> | undefined;
  /** Who wrote the change of this index, where that is known. */
  readonly writtenBy?: ((index: number) => Promise<Written | undefined>) | undefined;
  readonly environment: string;
  /** Everything is kept, whatever the rules say: told by the status. */
  readonly debug: boolean;
  readonly compile: Compile<T>;
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

/** Consul's keys and where they were read. */
interface Keys {
  readonly layer: RulesLayer;
  readonly entries: readonly KvEntry[];
  readonly index: number;
  readonly source: string;
}

/**
 * Source → load → compile → swap by one assignment. Each source's last good word counts: a document that is wrong, or a
 * source that is silent or suddenly empty, leaves the revision in force as it is, and the other source at work.
 */
export class LiveRules<T> {
  readonly #options: LiveRulesOptions<T>;
  readonly #record: LoadRecord;
  readonly #lastGood: LastGood | undefined;
  readonly #swapped: ((policies: T) => void)[] = [];
  #starting = true;
  #file: RulesLayer | undefined;
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
  get fileLayer(): RulesLayer | undefined {
    return this.#file;
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
    this.#starting = false;
    const why = this.#begin();
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
    this.#options.file.stop();
    this.#options.consul?.stop();
  }

  #listener<C>(origin: Origin, source: string, changed: (content: C) => void) {
    const leading = origin === 'consul' || !this.#options.consul;
    return {
      // Whatever goes wrong while rules are taken is the rules', or ours: the source did answer.
      changed: (content: C) => {
        try {
          changed(content);
        } catch (error) {
          this.#refuse(origin, notTaken(source, error));
        }
      },
      answered: (index?: number) => this.#record.answered(source, leading, index),
      failed: (error: Error) => this.#failed(origin, source, error, leading),
    };
  }

  #failed(origin: Origin, source: string, error: Error, leading: boolean): void {
    this.#record.failed(source, error, leading);
    if (origin === 'file' && this.#starting) this.#refuse('file', [`${pathOf(this.#options.file)}: ${error.message}`]);
  }

  #fileChanged(text: FileText): void {
    const path = pathOf(this.#options.file);
    if (text === undefined && !this.#file && this.#options.consul) return; // where Consul rules, one may do without
    const parsed = this.#parsed(path, text);
    if ('errors' in parsed) this.#refuse('file', parsed.errors);
    else if (this.#starting || this.#offer('file', parsed.layer, this.#keys)) this.#file = parsed.layer;
  }

  #parsed(path: string, text: FileText): LayerResult {
    if (text === undefined) return { errors: [`${path}: ${noRulesFile}`] };
    if (typeof text === 'object') return { errors: told([placed(path, text)]) };
    return parseRules(text, path, this.#options.maxBytes);
  }

  #keysChanged({ index, entries, filtered, unusable }: ConsulAnswer): void {
    const source = this.#options.consul!.name;
    if (unusable) return void this.#refuse('consul', told([`${source}${unusable}`]));
    const keys = entries.filter(({ key }) => !isFolder(key));
    const none = keys.length === 0;
    if (none && !filtered && !this.#keys && !this.#lastGood) return void this.#record.warn(neverAny, { source });
    const parsed = none || filtered ? { errors: [missingKeys(source, filtered)] } : parseKeys(keys, folderOf(source));
    if ('errors' in parsed) return void this.#refuse('consul', parsed.errors);
    const candidate = { layer: parsed.layer, entries: keys, index: Number(index), source };
    if (this.#starting || this.#offer('consul', this.#file, candidate)) this.#keys = candidate;
  }

  /**
   * The best of what was heard: Consul's keys, else the last good ones, else the file alone. Says why where nothing
   * will do.
   */
  #begin(): string | undefined {
    const fileErrors = this.#record.refusalOf('file');
    if (fileErrors !== undefined) return fileErrors;
    if (this.#keys && this.#offer('consul', this.#file, this.#keys)) return undefined;
    this.#keys = undefined;
    if (this.#lastGood && this.#offerLastGood(this.#lastGood)) return undefined;
    if (this.#file && this.#offer('file', this.#file, undefined)) return undefined;
    const refused = this.#record.refusalOf('file') ?? this.#record.refusalOf('consul');
    return refused ?? `${pathOf(this.#options.file)}: ${noRulesFile}; and ${this.#options.consul?.name} gave no rules`;
  }

  #offerLastGood({ keys: entries, source, index, document }: LastGood): boolean {
    const parsed = parseKeys(entries, folderOf(source));
    if ('errors' in parsed) return false;
    const saved = {
      fields: document,
      report: (problems: readonly Problem[]) => problems.map(({ message }) => message),
    };
    const keys = { layer: parsed.layer, entries, index, source: `last-good:${source}` };
    const taken = this.#offer('last-good', this.#file ?? saved, keys);
    if (taken) this.#keys = keys;
    return taken;
  }

  /** Compiles the layers together and puts them in force, or refuses them, a defect of ours met on the way included. */
  #offer(origin: Origin, file: RulesLayer | undefined, keys: Keys | undefined): boolean {
    try {
      return this.#take(origin, file, keys);
    } catch (error) {
      return this.#refuse(origin, notTaken(keys?.source ?? this.#options.file.name, error));
    }
  }

  #take(origin: Origin, file: RulesLayer | undefined, keys: Keys | undefined): boolean {
    const { document, notes, report } = mergeLayers([file, keys?.layer].filter((layer) => layer !== undefined));
    const hash = hashOf(document, this.#options.environment);
    const next = { hash, source: keys?.source ?? this.#options.file.name, modifyIndex: keys?.index ?? 0 };
    const revision = `${keys ? keys.index : 'file'}-${hash.slice(0, 8)}`;
    if (hash === this.#inForce.hash && next.source === this.#inForce.source) {
      this.#record.repeated(origin, this.#inForce);
      return true;
    }
    const compiled = this.#options.compile(document, revision);
    if ('problems' in compiled) return this.#refuse(origin, report(compiled.problems));
    this.#inForce = { ...next, revision, loadedAt: this.#options.clock.unixMs(), debug: document.debug ?? false };
    this.#swap(origin, compiled.policies, notes);
    const { warnings = [] } = compiled;
    if (warnings.length > 0)
      this.#record.warn('is this meant in the rules in force?', { revision, warnings: report(warnings) });
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
    const { revision, source } = this.#inForce;
    const names = this.#options.policyNames(policies);
    this.#record.accepted(origin, { revision, source, policies: names, ...(notes.length > 0 && { notes }) });
    for (const callback of this.#swapped) callback(policies);
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
