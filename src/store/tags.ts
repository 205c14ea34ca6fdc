import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { Field, Query, Value } from '../traceql/ast.ts';
import { kinds, statuses } from '../traceql/ast.ts';
import type { Pace } from './pace.ts';
import type { TimeWindow, TraceReader } from './search.ts';

interface TagValue {
  readonly type: string;
  readonly value: string;
}

export interface TagScope {
  readonly name: 'resource' | 'span' | 'intrinsic';
  readonly tags: readonly string[];
}

interface AskedValues {
  /** Values of those spans only that it matches. */
  readonly filter?: Query | undefined;
  readonly window: TimeWindow;
  readonly pace: Pace;
}

const intrinsics = [
  ...['duration', 'kind', 'name', 'rootName', 'rootServiceName', 'status', 'statusMessage', 'traceDuration'],
  ...['span:duration', 'span:id', 'span:kind', 'span:name', 'span:parentID', 'span:status', 'span:statusMessage'],
  ...['trace:duration', 'trace:id', 'trace:rootName', 'trace:rootService', 'event:name', 'event:timeSinceStart'],
  ...['link:spanID', 'link:traceID', 'instrumentation:name', 'instrumentation:version'],
];
const keyword = ({ name }: { name: string }): TagValue => ({ type: 'keyword', value: name });
const maxValues = 1000;
/** Values asked for together with a filter are read from the newest matching traces. */
const maxTracesRead = 500;

/** Attribute keys and values that stored traces have. */
export class TagReader {
  readonly #nextKey: StatementSync;
  readonly #values: StatementSync;
  readonly #traces: TraceReader;

  constructor(db: DatabaseSync, traces: TraceReader) {
    this.#nextKey = db.prepare('SELECT min(key) AS key FROM tag WHERE scope = ? AND key > ?');
    this.#values = db.prepare(
      `SELECT DISTINCT type, value FROM tag WHERE scope IN (?, ?) AND key = ? ORDER BY value LIMIT ${maxValues}`,
    );
    this.#traces = traces;
  }

  scopes(): TagScope[] {
    return [
      { name: 'resource', tags: this.#keys('resource') },
      { name: 'span', tags: this.#keys('span') },
      { name: 'intrinsic', tags: intrinsics },
    ];
  }

  /** From key to key, past their values: DISTINCT would read them all. */
  #keys(scope: string): string[] {
    const keys: string[] = [];
    for (let key: unknown = ''; ; keys.push(String(key))) {
      key = this.#nextKey.get(scope, String(key))!.key;
      if (key === null) return keys;
    }
  }

  /** All values of a field, or of those spans only that `filter` matches. */
  async values(field: Field, asked: AskedValues): Promise<TagValue[]> {
    if (field.type === 'intrinsic') {
      if (field.name === 'status') return [statuses[1], statuses[2], statuses[0]].map(keyword);
      if (field.name === 'kind') return kinds.map(keyword);
      if (field.name === 'duration' || field.name === 'traceDuration') return [];
    }
    if (asked.filter !== undefined) return this.#search(field, asked.filter, asked);
    if (field.type === 'attribute') return this.#stored(field.scope, field.key);
    if (field.name === 'name') return this.#stored('name', 'name');
    return this.#search(field, anything, asked);
  }

  #stored(scope: string, key: string): TagValue[] {
    const [first, second] = scope === 'any' ? ['span', 'resource'] : [scope, scope];
    return this.#values.all(first, second, key).map((row) => ({ type: String(row.type), value: String(row.value) }));
  }

  async #search(field: Field, filter: Query, { window, pace }: AskedValues): Promise<TagValue[]> {
    const found = new Map<string, TagValue>();
    let traces = 0;
    const inspected = { traces: 0, bytes: 0 };
    for await (const { spans } of this.#traces.search(filter.spansets, window, { inspected, pace })) {
      for (const span of spans)
        for (const value of listed(span.field(field))) found.set(`${value.type} ${value.value}`, value);
      if (++traces >= maxTracesRead || found.size >= maxValues) break;
    }
    return [...found.values()].sort((a, b) => (a.value < b.value ? -1 : 1)).slice(0, maxValues);
  }
}

const anything: Query = { spansets: { type: 'spanset', filter: { type: 'literal', value: true } }, select: [] };

function listed(value: Value): TagValue[] {
  if (Array.isArray(value)) return value.flatMap(listed);
  if (typeof value === 'string') return [{ type: 'string', value }];
  if (typeof value === 'boolean') return [{ type: 'bool', value: String(value) }];
  if (typeof value === 'bigint') return [{ type: 'int', value: String(value) }];
  return typeof value === 'number' ? [{ type: Number.isInteger(value) ? 'int' : 'float', value: String(value) }] : [];
}
