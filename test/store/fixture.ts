import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TempoAnswer } from '../../src/store/messages.ts';
import { type Opened, openParts } from '../../src/store/opened.ts';
import { Pace, Turns } from '../../src/store/pace.ts';
import { requestBytes, type Told } from '../support/spans.ts';

export const start = 1_790_000_000_000;
export const hour = 3_600_000;
const gibibyte = 1024 ** 3;

/** A directory that is gone when the test is over. */
export function temporaryDirectory(): { readonly path: string } & Disposable {
  const path = mkdtempSync(join(tmpdir(), 'tailgate-store-'));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

export interface FoundSpan {
  spanID: string;
  name?: string;
  startTimeUnixNano?: string;
  durationNanos?: string;
  attributes?: { key: string; value: Record<string, unknown> }[];
}

export interface FoundTrace {
  traceID: string;
  rootServiceName?: string;
  rootTraceName?: string;
  startTimeUnixNano?: string;
  durationMs?: number;
  spanSets?: { spans: FoundSpan[]; matched: number }[];
  spanSet?: { spans: FoundSpan[]; matched: number };
  serviceStats?: Record<string, { spanCount: number; errorCount?: number }>;
}

/** The store's inside, without its worker: what it does with bytes, times and questions. */
export class Inside implements Disposable {
  readonly #directory = temporaryDirectory();
  readonly #opened: Opened;

  constructor(limits = { retentionMs: 24 * hour, maxBytes: gibibyte }) {
    this.#opened = openParts(join(this.#directory.path, 'traces.db'), limits);
  }

  keep(...spans: Told[]): this {
    return this.keepBytes(requestBytes(...spans));
  }

  keepBytes(request: Uint8Array, now = start): this {
    this.#opened.appender.append(request, now);
    return this;
  }

  retain(now: number): void {
    while (this.#opened.retention.step(now));
    this.#opened.appender.forgetTags(now);
  }

  get stats() {
    return this.#opened.retention.stats();
  }

  /** What the attribute values of completion take of the file (sqlite.org/dbstat.html). */
  tagPageBytes(): number {
    return Number(this.#opened.db.prepare("SELECT sum(pgsize) AS n FROM dbstat WHERE name = 'tag'").get()!.n);
  }

  checkpoint(): void {
    this.#opened.db.exec('PRAGMA wal_checkpoint(TRUNCATE)');
  }

  /** Of the database and its bodies. */
  get fileBytes(): number {
    const files = readdirSync(this.#directory.path).filter((name) => !/-(wal|shm)$/.test(name));
    return files.reduce((sum, name) => sum + statSync(join(this.#directory.path, name)).size, 0);
  }

  get(
    path: string,
    query: Record<string, string | number> = {},
    accept = '',
    pace = new Pace(new Turns()),
  ): Promise<TempoAnswer> {
    const params = new URLSearchParams(Object.entries(query).map(([key, value]) => [key, String(value)]));
    return this.#opened.answers.answer({ path, query: params.toString(), accept }, pace);
  }

  async json<T = Record<string, unknown>>(path: string, query: Record<string, string | number> = {}): Promise<T> {
    const { status, body } = await this.get(path, query);
    if (status !== 200) throw new Error(`${status}: ${body}`);
    return JSON.parse(body as string) as T;
  }

  async search(query: Record<string, string | number>): Promise<FoundTrace[]> {
    return (await this.json<{ traces: FoundTrace[] }>('/api/search', query)).traces;
  }

  /** The names of the roots of the traces that a TraceQL query finds. */
  async names(q: string): Promise<string[]> {
    return (await this.search({ q })).map((trace) => trace.rootTraceName ?? '');
  }

  [Symbol.dispose](): void {
    this.#opened.close();
    this.#directory[Symbol.dispose]();
  }
}
