import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { AttributeScope, Field, Query } from '../traceql/ast.ts';
import { kinds, statuses } from '../traceql/ast.ts';
import { readScalar } from './any-value.ts';
import type { TimeWindow } from './candidates.ts';
import { Distinct, type Enough, mostListedBytes } from './distinct.ts';
import { isNoted } from './noted-fields.ts';
import type { Pace } from './pace.ts';
import type { TraceReader } from './search.ts';
import { anyValuesOf, elementsOf, keysOf } from './span-attributes.ts';
import type { SpanView } from './span-view.ts';

interface TagValue {
  readonly type: string;
  readonly value: string;
}

export interface TagScope {
  readonly name: string;
  readonly tags: readonly string[];
}

/** What is asked for: so many at most, of all spans or of those that a filter matches. */
export interface AskedTags extends Enough {
  readonly filter?: Query | undefined;
  readonly window: TimeWindow;
  readonly pace: Pace;
}

/** Those that Tempo 2.8 lists; ids are not for completion. */
export const intrinsics: readonly string[] = [
  ...['duration', 'kind', 'name', 'status', 'statusMessage', 'traceDuration', 'rootServiceName', 'rootName'],
  ...['span:status', 'span:statusMessage', 'span:duration', 'span:name', 'span:kind'],
  ...['trace:rootName', 'trace:rootService', 'trace:duration', 'event:name', 'event:timeSinceStart'],
  ...['instrumentation:name', 'instrumentation:version'],
];
export const attributeScopes = ['resource', 'span', 'event', 'link', 'instrumentation'] as const;
type Scope = (typeof attributeScopes)[number];

const withoutValues = new Set<string>([
  ...['duration', 'traceDuration', 'trace:id', 'span:id', 'span:parentID', 'link:traceID', 'link:spanID'],
]);
const keyword = ({ name }: { name: string }): TagValue => ({ type: 'keyword', value: name });
const mostValues = 1000;
/** What a filter matches is read from the newest traces, so much of them and no more. */
const mostBytes = 32 * 1024 * 1024;

/** Keys and values that stored traces have: those that were noted as they came (tag-book.ts), or those of a search. */
export class TagReader {
  readonly #nextKey: StatementSync;
  readonly #values: StatementSync;
  readonly #traces: TraceReader;

  constructor(db: DatabaseSync, traces: TraceReader) {
    this.#nextKey = db.prepare('SELECT min(key) AS key FROM tag WHERE scope = ? AND key > ?');
    this.#values = db.prepare(`SELECT DISTINCT type, value FROM tag
      WHERE scope IN (?, ?, ?) AND key = ? AND type <> 'none' ORDER BY value LIMIT ?`);
    this.#traces = traces;
  }

  /** The keys of each of these scopes that has any. */
  async scopes(wanted: readonly Scope[], asked: AskedTags): Promise<TagScope[]> {
    const keys = asked.filter === undefined ? undefined : await this.#searchKeys(wanted, asked.filter, asked);
    const scopes = wanted.map((name) => ({ name, tags: keys?.get(name)?.sorted() ?? this.#keys(name, asked.limit) }));
    return scopes.filter(({ tags }) => tags.length > 0);
  }

  /** From key to key, past their values: DISTINCT would read them all. */
  #keys(scope: Scope, limit: number): string[] {
    const keys: string[] = [];
    for (let key: unknown = ''; keys.length < limit; keys.push(String(key))) {
      key = this.#nextKey.get(scope, String(key))!.key;
      if (key === null) break;
    }
    return keys;
  }

  async #searchKeys(wanted: readonly Scope[], filter: Query, asked: AskedTags): Promise<Map<Scope, Distinct>> {
    const found = new Map(wanted.map((scope) => [scope, new Distinct(asked)]));
    for await (const span of this.#spans(filter, asked)) {
      for (const [scope, keys] of found) await addAll(keysOf(span, scope), keys, asked.pace);
      if ([...found.values()].every(({ isFull }) => isFull)) break;
    }
    return found;
  }

  /** All values of a field, or of those spans only that the filter matches. */
  async values(field: Field, asked: AskedTags): Promise<TagValue[]> {
    if (field.type === 'intrinsic') {
      if (field.name === 'status') return [statuses[1], statuses[2], statuses[0]].map(keyword).slice(0, asked.limit);
      if (field.name === 'kind') return kinds.map(keyword).slice(0, asked.limit);
      if (withoutValues.has(field.name)) return [];
    }
    if (asked.filter !== undefined) return this.#search(field, asked.filter, asked);
    const noted = this.#noted(field, asked.limit);
    // What came before it was noted, or had no room, is looked for in the traces themselves.
    return noted.length > 0 ? noted : this.#search(field, havingIt(field), asked);
  }

  #noted(field: Field, limit: number): TagValue[] {
    if (field.type === 'intrinsic') return isNoted(field.name) ? this.#stored(['intrinsic'], field.name, limit) : [];
    return this.#stored(scopesOf(field.scope), field.key, limit);
  }

  #stored([first, second = first, third = first]: readonly string[], key: string, limit: number): TagValue[] {
    const values: TagValue[] = [];
    let bytes = 0;
    for (const row of this.#values.iterate(first, second, third, key, Math.min(limit, mostValues))) {
      const value = String(row.value);
      bytes += Buffer.byteLength(value);
      if (bytes >= mostListedBytes) break;
      values.push({ type: String(row.type), value });
    }
    return values;
  }

  async #search(field: Field, filter: Query, asked: AskedTags): Promise<TagValue[]> {
    const found = new Distinct(asked);
    for await (const span of this.#spans(filter, asked)) {
      for (const value of listed(field, span)) found.add(`${value.type} ${value.value}`);
      if (found.isFull) break;
    }
    const values = found.sorted().map((text) => {
      const at = text.indexOf(' ');
      return { type: text.slice(0, at), value: text.slice(at + 1) };
    });
    return values.sort((a, b) => (a.value < b.value ? -1 : a.value > b.value ? 1 : 0));
  }

  /** Of the newest traces, as many as may be read. */
  async *#spans(filter: Query, { window, pace }: AskedTags): AsyncGenerator<SpanView> {
    const inspected = { traces: 0, bytes: 0 };
    for await (const { sets } of this.#traces.search(filter, window, { inspected, pace, mostBytes }))
      for (const { spans } of sets)
        for (const span of spans) {
          yield span;
          if (pace.isOver) await pace.next();
        }
  }
}

/** One span may have a million of them, all the same. */
async function addAll(keys: Iterable<string>, to: Distinct, pace: Pace): Promise<void> {
  for (const key of keys) {
    if (to.isFull) return;
    to.add(key);
    if (pace.isOver) await pace.next();
  }
}

/** `.key` is looked for where Tempo looks: not in events and links. */
const scopesOf = (scope: AttributeScope): readonly Scope[] =>
  scope === 'any' ? ['span', 'resource', 'instrumentation'] : [scope];

const havingIt = (field: Field): Query => ({
  spansets: { type: 'spanset', filter: { type: 'exists', operand: field, wanted: true } },
  select: [],
});

/** The values of a span's field, those of a list one by one; a text that is not there is an empty one. */
function listed(field: Field, span: SpanView): TagValue[] {
  if (field.type === 'attribute') {
    const values = scopesOf(field.scope).flatMap((scope) => anyValuesOf(span, { ...field, scope }));
    const scalars = values.flatMap((value) => elementsOf(value) ?? value).map(readScalar);
    return scalars.flatMap((scalar) => (scalar ? { type: scalar.type, value: scalar.text } : []));
  }
  const value = span.field(field) ?? (isNoted(field.name) ? '' : undefined);
  // A query takes an empty event for none; for completion there is nothing to list.
  if (/^(event|link):/.test(field.name) && !Array.isArray(value)) return [];
  return [value].flat().flatMap((each) => {
    if (typeof each === 'string') return { type: 'string', value: each };
    return typeof each === 'number' || typeof each === 'bigint' ? { type: 'int', value: String(each) } : [];
  });
}
