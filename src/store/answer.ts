import { QueryFailure } from '../traceql/evaluate.ts';
import { BadRequest } from './bad-request.ts';
import { isDamage } from './damage.ts';
import type { TempoAnswer, TempoRequest } from './messages.ts';
import { Abandoned, inTurn, type Pace } from './pace.ts';
import { plainTag } from './plain-tag.ts';
import { json, jsonText, plain } from './respond.ts';
import { DeletedMeanwhile, type StoredParts, TraceReader } from './search.ts';
import { metricsJson, plainTraceJson, traceJson } from './search-json.ts';
import { checkTraceParameters, parseSearchRequest } from './search-request.ts';
import { shownFields } from './shown-fields.ts';
import { parseScopes, parseTagRequest, traceQLField, virtualValues } from './tag-request.ts';
import { intrinsics, TagReader, type TagScope } from './tags.ts';
import { traceV1, traceV2 } from './trace-answer.ts';
import type { Traces } from './traces.ts';

type Answerer = (
  parts: readonly string[],
  params: URLSearchParams,
  asked: { readonly accept: string; readonly pace: Pace },
) => TempoAnswer | Promise<TempoAnswer>;

/** Answers Tempo's read API from a database. Paths and shapes: grafana/tempo, pkg/api and pkg/tempopb/tempo.proto. */
export class TempoAnswers {
  readonly #db: Traces['db'];
  readonly #traces: TraceReader;
  readonly #tags: TagReader;
  readonly #routes: readonly (readonly [RegExp, Answerer])[];

  constructor(traces: Traces) {
    this.#db = traces.db;
    this.#traces = new TraceReader(traces);
    this.#tags = new TagReader(traces.db, this.#traces);
    this.#routes = [
      [
        /^\/api\/traces\/([^/]+)$/,
        ([id], params, asked) => orGone((parts) => traceV1(parts, asked), this.#parts(id, params, asked.pace)),
      ],
      [
        /^\/api\/v2\/traces\/([^/]+)$/,
        ([id], params, asked) => orGone((parts) => traceV2(parts, asked), this.#parts(id, params, asked.pace)),
      ],
      [/^\/api\/search$/, (_, params, { pace }) => this.#search(params, pace)],
      [/^\/api\/search\/tags$/, (_, params, { pace }) => this.#tagNames(params, pace)],
      [/^\/api\/v2\/search\/tags$/, (_, params, { pace }) => this.#scopes(params, pace)],
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
        return plain(
          error instanceof BadRequest || error instanceof QueryFailure ? 400 : 500,
          (error as Error).message,
        );
      }
    }
    return plain(404, 'not found');
  }

  #parts(id: string, params: URLSearchParams, pace: Pace): StoredParts | undefined {
    checkTraceParameters(params);
    return this.#traces.parts(parseTraceId(id), pace);
  }

  async #search(params: URLSearchParams, pace: Pace): Promise<TempoAnswer> {
    const { query, isTraceQL, window, limit, spansPerSpanSet } = parseSearchRequest(params);
    const fields = shownFields(query);
    const inspected = { traces: 0, bytes: 0 };
    const traces: string[] = [];
    let characters = 0;
    for await (const match of this.#traces.search(query, window, { inspected, pace })) {
      const shown = isTraceQL ? await inTurn(traceJson(match, fields, spansPerSpanSet), pace) : plainTraceJson(match);
      const text = JSON.stringify(shown);
      characters += text.length;
      if (characters > maxAnswerCharacters) return plain(422, answerTooLarge);
      if (traces.push(text) >= limit) break;
    }
    return jsonText(`{"traces":[${traces.join()}],"metrics":${JSON.stringify(metricsJson(inspected))}}`);
  }

  /** Version 1 lists intrinsics only where they alone are asked for, and knows no filter. */
  async #tagNames(params: URLSearchParams, pace: Pace): Promise<TempoAnswer> {
    const asked = { ...parseTagRequest(params, pace), filter: undefined };
    const { attributes, isIntrinsicOnly } = parseScopes(params);
    const scopes = isIntrinsicOnly ? [{ tags: intrinsics }] : await this.#tags.scopes(attributes, asked);
    const names = [...new Set(scopes.flatMap(({ tags }) => tags))].sort();
    return json({ tagNames: isIntrinsicOnly ? names : names.slice(0, asked.limit), metrics: {} });
  }

  async #scopes(params: URLSearchParams, pace: Pace): Promise<TempoAnswer> {
    const { attributes, hasIntrinsics } = parseScopes(params);
    const scopes: TagScope[] = await this.#tags.scopes(attributes, parseTagRequest(params, pace));
    if (hasIntrinsics) scopes.push({ name: 'intrinsic', tags: intrinsics });
    return json({ scopes, metrics: {} });
  }

  async #tagValuesV1(tag: string, params: URLSearchParams, pace: Pace): Promise<TempoAnswer> {
    const asked = { ...parseTagRequest(params, pace), filter: undefined };
    const fixed = virtualValues(tag);
    const values = tag === 'status.code' ? [] : await this.#tags.values(plainTag(tag), asked);
    const texts = new Set([...fixed, ...values.map(({ value }) => value)]);
    return json({ tagValues: [...texts].sort().slice(0, asked.limit), metrics: {} });
  }

  async #tagValuesV2(tag: string, params: URLSearchParams, pace: Pace): Promise<TempoAnswer> {
    const values = await this.#tags.values(traceQLField(tag), parseTagRequest(params, pace));
    // As jsonpb leaves out what is empty.
    return json({ tagValues: values.map(({ type, value }) => ({ type, value: value || undefined })), metrics: {} });
  }
}

/** A trace that was deleted while it was read is none. */
async function orGone(
  answer: (parts: StoredParts | undefined) => Promise<TempoAnswer>,
  parts: StoredParts | undefined,
): Promise<TempoAnswer> {
  try {
    return await answer(parts);
  } catch (error) {
    if (error instanceof DeletedMeanwhile) return answer(undefined);
    throw error;
  }
}

const maxAnswerCharacters = 32 * 1024 * 1024;
const answerTooLarge = `the answer is larger than ${maxAnswerCharacters} characters: ask for fewer traces (limit), spans (spss) or fields`;

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
