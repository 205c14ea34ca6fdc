import { join } from 'node:path';
import { isDamage } from './damage.ts';
import type { WorkerOptions } from './messages.ts';
import { type Opened, openAnew, openStore } from './opened.ts';
import type { StorageStats } from './retain.ts';

interface Place {
  readonly options: WorkerOptions;
  opened: Opened;
  storage: StorageStats;
}

/**
 * The store's databases: one for each tenant, in a folder of its own name with its part of `maxBytes`, or, where there
 * are no tenants, the one. No question is ever asked of two, so nobody finds what is another's.
 */
export class Databases {
  readonly #places: ReadonlyMap<string, Place>;
  readonly #now: () => number;
  readonly #onSetAside: (message: string) => void;

  /** Throws where one of them cannot be opened: that may be better later. */
  constructor(options: WorkerOptions, now: () => number, onSetAside: (message: string) => void) {
    this.#now = now;
    this.#onSetAside = onSetAside;
    const places = new Map<string, Place>();
    try {
      for (const [name, each] of optionsByTenant(options)) {
        const opened = openStore(each, now(), onSetAside);
        places.set(name, { options: each, opened, storage: opened.retention.stats() });
      }
    } catch (error) {
      for (const { opened } of places.values()) opened.close();
      throw error;
    }
    this.#places = places;
  }

  /** Of all of them together. */
  get storage(): StorageStats {
    const all = [...this.#places.values()].map(({ storage }) => storage);
    const sum = (of: (storage: StorageStats) => number): number => all.reduce((total, each) => total + of(each), 0);
    const oldest = all.map(({ oldestAt }) => oldestAt).filter((at) => at > 0);
    return {
      bytes: sum(({ bytes }) => bytes),
      limitBytes: sum(({ limitBytes }) => limitBytes),
      traces: sum(({ traces }) => traces),
      oldestAt: oldest.length === 0 ? 0 : Math.min(...oldest),
      overLimit: all.some(({ overLimit }) => overLimit),
    };
  }

  /**
   * Does `work` with a tenant's database. A damaged page may be found at any time; then it is done with the empty one
   * that takes its place.
   */
  async use<T>(name: string, work: (opened: Opened, options: WorkerOptions) => T | Promise<T>): Promise<T> {
    const place = this.#places.get(name);
    if (place === undefined) throw new Error(`this store has no tenant ${name}`);
    const before = place.opened;
    try {
      return await this.#work(place, work);
    } catch (error) {
      // Where somebody else found it before, what was asked failed because the database was closed.
      if (place.opened === before && !isDamage(error)) throw error;
      if (place.opened === before) this.#replace(place, error as Error);
      return this.#work(place, work);
    }
  }

  /** The same with each, one after the other. */
  async useAll(work: (opened: Opened, options: WorkerOptions) => unknown): Promise<void> {
    for (const name of this.#places.keys()) await this.use(name, work);
  }

  async #work<T>(place: Place, work: (opened: Opened, options: WorkerOptions) => T | Promise<T>): Promise<T> {
    const { opened } = place;
    const done = await work(opened, place.options);
    if (opened.db.isOpen) place.storage = opened.retention.stats();
    return done;
  }

  #replace(place: Place, error: Error): void {
    place.opened.close();
    place.opened = openAnew(place.options, this.#now(), error, this.#onSetAside);
  }
}

function optionsByTenant(options: WorkerOptions): [string, WorkerOptions][] {
  const { tenants, directory, maxBytes } = options;
  if (tenants === undefined) return [['', options]];
  return tenants.map(({ name, share }) => [
    name,
    { ...options, directory: join(tenantsDirectory(directory), name), maxBytes: Math.floor(maxBytes * share) },
  ]);
}

/** Names are such that each is a folder of its own, see model/tenant.ts. */
export const tenantsDirectory = (directory: string): string => join(directory, 'tenants');
