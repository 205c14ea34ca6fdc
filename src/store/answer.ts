import type { DatabaseSync } from 'node:sqlite';
import type { Field, Query } from '../traceql/ast.ts';
import { TraceQLError } from '../traceql/error.ts';
import { parseField, parseQuery } from '../traceql/parse.ts';
import { BadRequest } from './bad-request.ts';
import { isDamage } from './damage.ts';
import type { TempoAnswer, TempoRequest } from './messages.ts';
import { Abandoned, type Pace } from './pace.ts';
import { json, jsonText, plain } from './respond.ts';
import { namedFields, TraceReader } from './search.ts';
import { metricsJson, plainTraceJson, traceJson } from './search-json.ts';
import { parseSearchRequest, parseWindow } from './search-request.ts';
import { TagReader, type TagScope } from './tags.ts';
import { traceV1, traceV2 } from './trace-answer.ts';

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
      [
        /^\/api\/traces\/([^/]+)$/,
        ([id], _, { accept, pace }) => traceV1(this.#traces.parts(parseTraceId(id), pace), accept),
      ],
      [
        /^\/api\/v2\/traces\/([^/]+)$/,
        ([id], _, { accept, pace }) => traceV2(this.#traces.parts(parseTraceId(id), pace), accept),
      ],
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

const maxAnswerCharacters = 32 * 1024 * 1024;
const answerTooLarge = `the answer is larger than ${maxAnswerCharacters} characters: ask for fewer traces (limit), spans (spss) or fields`;

const knownScopes = new Set(['', 'none', 'resource', 'span', 'intrinsic', 'event', 'link', 'instrumentation']);

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
