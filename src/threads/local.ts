import type { Explanation } from '../model/explanation.ts';
import { DataPath } from './data-path.ts';
import type { Addresses, PathConfig, PathEvents, Paths, RulesRevision } from './paths.ts';
import { type ShardStats, shardStats } from './shard-stats.ts';

/** The one shard of a gateway without worker threads, in this thread. */
export class LocalPath implements Paths {
  readonly shards = 1;
  readonly #path: DataPath;

  constructor(config: PathConfig, rules: RulesRevision, events: PathEvents) {
    this.#path = new DataPath(config, rules, events);
  }

  start(): Promise<Addresses> {
    return this.#path.start();
  }

  swap(rules: RulesRevision): void {
    this.#path.swap(rules);
  }

  async stats(): Promise<readonly ShardStats[]> {
    return [shardStats(this.#path)];
  }

  async explain(traceId: string): Promise<Explanation | undefined> {
    return this.#path.pipeline.explain(traceId);
  }

  stopReceiving(deadlineMs: number): Promise<void> {
    return this.#path.stopReceiving(deadlineMs);
  }

  async decide(limit: number): Promise<boolean> {
    return this.#path.decide(limit);
  }

  async end(): Promise<void> {
    this.#path.end();
  }

  stalledMs(): number {
    return this.#path.stalledMs();
  }
}
