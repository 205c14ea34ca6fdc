import type { DatabaseSync } from 'node:sqlite';
import type { Field, Query } from '../traceql/ast.ts';
import { TraceQLError } from '../traceql/error.ts';
import { parseField, parseQuery } from '../traceql/parse.ts';
import { Writer } from '../wire/writer.ts';
import { BadRequest } from './bad-request.ts';
import { isDamage } from './damage.ts';
import type { TempoAnswer, TempoRequest } from './messages.ts';
import { Abandoned, type Pace } from './pace.ts';
import { json, jsonText, plain, protobuf } from './respond.ts';
import { maxTraceBytes, namedFields, type StoredParts, TraceReader } from './search.ts';
import { metricsJson, plainTraceJson, traceJson } from './search-json.ts';
import { parseSearchRequest, parseWindow } from './search-request.ts';
import { TagReader, type TagScope } from './tags.ts';
import { traceToJson } from './trace-json.ts';

type Answerer = (
  parts: readonly string[],
  params: URLSearchParams,
  asked: { readonly accept: string; readonly pace: Pace },
) => TempoAnswer | Promise<TempoAnswer>;

/** Answers Tempo's read API from a database. Paths and shapes: grafana/tempo, pkg/api and pkg/tempopb/tempo.proto. */
export class TempoAnswers {
  readonly #db: DatabaseSync;
  readonly #traces: TraceReader;
  readonly #tags: TagReader;
  readonly #routes: readonly (readonly [RegExp, Answerer])[];

  constructor(db: DatabaseSync) {
    this.#db = db;
    this.#traces = new TraceReader(db);
    this.#tags = new TagReader(db, this.#traces);
    this.#routes = [
      [/^\/api\/traces\/([^/]+)$/, ([id], _, { accept, pace }) => this.#traceV1(id, accept, pace)],
      [/^\/api\/v2\/traces\/([^/]+)$/, ([id], _, { accept, pace }) => this.#traceV2(id, accept, pace)],
      [/^\/api\/search$/, (_, params, { pace }) => this.#search(params, pace)],
      [/^\/api\/search\/tags$/, (_, params) => this.#tagNames(params)],
      [/^\/api\/v2\/search\/tags$/, (_, params) => json({ scopes: this.#scopes(params), metrics: {} })],
      [/^\/api\/search\/tag\/([^/]+)\/values$/, ([tag], params, { pace }) => this.#tagValuesV1(tag, params, pace)],
      [/^\/api\/v2\/search\/tag\/([^/]+)\/values$/, ([tag], params, { pace }) => this.#tagValuesV2(tag, params, pace)],
    ];
  }

  /**
   * Throws Abandoned where nobody waits for it any more, and where the database is damaged, or was closed meanwhile because it is; what cannot be answered else is a status
   * with the reason as text.
   */
  async answer({ path, query, accept }: TempoRequest, pace: Pace): Promise<TempoAnswer> {
    for (const [pattern, answer] of this.#routes) {
      const parts = pattern.exec(path);
      if (parts === null) continue;
      try {
        return await answer(parts.slice(1).map(decode), new URLSearchParams(query), { accept, pace });
      } catch (error) {
        if (error instanceof Abandoned || isDamage(error) || !this.#db.isOpen) throw error;
        return plain(error instanceof BadRequest ? 400 : 500, (error as Error).message);
      }
    }
    return plain(404, 'not found');
  }

  async #traceV1(id: string, accept: string, pace: Pace): Promise<TempoAnswer> {
    const found = this.#traces.parts(parseTraceId(id), pace);
    if (found === undefined) return plain(404, 'trace not found');
    const answer = wantsProtobuf(accept)
      ? protobuf(await collect(found, asProtobuf))
      : jsonText(await collect(found, asJson('batches')));
    return found.read.isWhole ? answer : plain(422, tooLarge);
  }

  /** An unknown trace is an empty one here, as in Tempo. */
  async #traceV2(id: string, accept: string, pace: Pace): Promise<TempoAnswer> {
    const found = this.#traces.parts(parseTraceId(id), pace) ?? noParts;
    const { read } = found;
    if (wantsProtobuf(accept)) return protobuf(traceByIdResponse(await collect(found, asProtobuf), read.isWhole));
    const trace = await collect(found, asJson('resourceSpans'));
    const metrics = read.bytes === 0 ? {} : { inspectedBytes: String(read.bytes) };
    const status = read.isWhole ? {} : { status: 'PARTIAL', message: `${tooLarge}: its first part` };
    return jsonText(`{"trace":${trace},${JSON.stringify({ metrics, ...status }).slice(1)}`);
  }

  async #search(params: URLSearchParams, pace: Pace): Promise<TempoAnswer> {
    const { query, isTraceQL, window, limit, spansPerSpanSet } = parseSearchRequest(params);
    const fields = namedFields(query);
    const inspected = { traces: 0, bytes: 0 };
    const traces: string[] = [];
    let characters = 0;
    for await (const match of this.#traces.search(query.spansets, window, { inspected, pace })) {
      const text = JSON.stringify(isTraceQL ? traceJson(match, fields, spansPerSpanSet) : plainTraceJson(match));
      characters += text.length;
      if (characters > maxAnswerCharacters) return plain(422, answerTooLarge);
      if (traces.push(text) >= limit) break;
    }
    return jsonText(`{"traces":[${traces.join()}],"metrics":${JSON.stringify(metricsJson(inspected))}}`);
  }

  #tagNames(params: URLSearchParams): TempoAnswer {
    // Version 1 lists intrinsics only where they are asked for.
    const scopes = this.#scopes(params).filter(({ name }) => params.get('scope') === name || name !== 'intrinsic');
    return json({ tagNames: [...new Set(scopes.flatMap(({ tags }) => tags))], metrics: {} });
  }

  #scopes(params: URLSearchParams): TagScope[] {
    const wanted = params.get('scope') ?? '';
    if (!knownScopes.has(wanted)) throw new BadRequest(`invalid scope: ${wanted}`);
    return this.#tags.scopes().filter(({ name }) => wanted === '' || wanted === 'none' || wanted === name);
  }

  async #tagValuesV1(tag: string, params: URLSearchParams, pace: Pace): Promise<TempoAnswer> {
    const values = await this.#tags.values(plainTag(tag), { window: parseWindow(params), pace });
    return json({ tagValues: values.map(({ value }) => value), metrics: {} });
  }

  async #tagValuesV2(tag: string, params: URLSearchParams, pace: Pace): Promise<TempoAnswer> {
    const asked = { filter: filterOf(params), window: parseWindow(params), pace };
    const values = await this.#tags.values(traceQLField(tag), asked);
    return json({ tagValues: values, metrics: {} });
  }
}

/** Tempo's words. */
const tooLarge = `trace exceeds max size (max bytes: ${maxTraceBytes})`;
const maxAnswerCharacters = 32 * 1024 * 1024;
const answerTooLarge = `the answer is larger than ${maxAnswerCharacters} characters: ask for fewer traces (limit), spans (spss) or fields`;

const noParts: StoredParts = { read: { bytes: 0, isWhole: true }, parts: (async function* () {})() };

/** How a trace is written that comes part by part. */
interface Form<P, T> {
  readonly write: (part: Uint8Array) => P;
  readonly join: (written: readonly P[]) => T;
}

const asProtobuf: Form<Uint8Array, Uint8Array> = { write: (part) => part, join: (parts) => Buffer.concat(parts) };

const asJson = (list: 'batches' | 'resourceSpans'): Form<string, string> => ({
  write: (part) => JSON.stringify(traceToJson(part, list)[list] ?? []).slice(1, -1),
  join: (parts) => (parts.length === 0 ? '{}' : `{"${list}":[${parts.filter((part) => part !== '').join()}]}`),
});

async function collect<P, T>({ parts }: StoredParts, form: Form<P, T>): Promise<T> {
  const written: P[] = [];
  for await (const part of parts) written.push(form.write(part));
  return form.join(written);
}

const knownScopes = new Set(['', 'none', 'resource', 'span', 'intrinsic', 'event', 'link', 'instrumentation']);

const wantsProtobuf = (accept: string): boolean => accept.includes('application/protobuf');

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** Up to 32 hex digits: search results come without leading zeros, and old ids have 16. */
function parseTraceId(text: string): Uint8Array {
  const wrong = /[^0-9a-fA-F]/u.exec(text);
  if (wrong !== null) {
    throw new BadRequest(
      `trace IDs can only contain hex characters: invalid character '${wrong[0]}' at position ${wrong.index + 1}`,
    );
  }
  if (text.length > 32) throw new BadRequest("trace IDs can't be larger than 128 bits");
  return Buffer.from(text.padStart(32, '0'), 'hex');
}

/**
 * tempopb.TraceByIDResponse: trace = 1, metrics = 2 { inspectedBytes = 1 }, status = 3 (PARTIAL = 1), message = 4.
 */
function traceByIdResponse(trace: Uint8Array, isWhole: boolean): Uint8Array {
  const w = new Writer(trace.length + 32);
  w.bytes(1, trace);
  const metrics = w.open(2);
  if (trace.length > 0) {
    w.tag(1, 0);
    w.varint(trace.length);
  }
  w.close(metrics);
  if (!isWhole) {
    w.tag(3, 0);
    w.varint(1);
    w.string(4, `${tooLarge}: its first part`);
  }
  return w.finish();
}

/** Version 1 names tags without a scope. */
const plainTag = (tag: string): Field =>
  tag === 'name' || tag === 'status' || tag === 'kind'
    ? { type: 'intrinsic', name: tag }
    : { type: 'attribute', scope: 'any', key: tag };

function traceQLField(tag: string): Field {
  try {
    return parseField(tag);
  } catch (error) {
    if (error instanceof TraceQLError) throw new BadRequest(`please provide a valid tagName: ${error.message}`);
    throw error;
  }
}

/** A filter that does not parse is none, as in Tempo: completion asks while the query is being typed. */
function filterOf(params: URLSearchParams): Query | undefined {
  const q = params.get('q') ?? '';
  if (q === '' || q.replaceAll(/\s/g, '') === '{}') return undefined;
  try {
    return parseQuery(q);
  } catch {
    return undefined;
  }
}
