import { byTrace, type PlacedSpan } from './captures.ts';
import { decodeRequest } from './otlp.ts';

/** Tempo's read API as Grafana asks it: of Tempo, or of the gateway's own store. */
export interface TempoApi {
  readonly base: string;
  /** Trace ids in 32 digits, sorted. `parameters` beside `q` or `tags`: start, end, limit, spss … */
  search(parameters: Record<string, string>): Promise<string[]>;
  /** Every span of a trace, from the protobuf answer; version 2 wraps it. None where there is no such trace. */
  spans(trace: string, version?: 1 | 2): Promise<readonly PlacedSpan[]>;
  /** Names of tags by scope, sorted. */
  tags(scope: 'resource' | 'span'): Promise<string[]>;
  /** Values of a tag, as `type:value`, sorted. */
  values(tag: string): Promise<string[]>;
  json(path: string, parameters?: Record<string, string>): Promise<Record<string, unknown>>;
}

/** `more`: headers of each question, as a tenant's name. */
export function tempoApi(base: string, more: Readonly<Record<string, string>> = {}): TempoApi {
  const get = (path: string, accept: string): Promise<Response> => fetch(base + path, { headers: { accept, ...more } });
  const json: TempoApi['json'] = async (path, parameters = {}) => {
    const response = await get(`${path}?${new URLSearchParams(parameters)}`, 'application/json');
    const text = await response.text();
    if (!response.ok) throw new Error(`${path}: ${response.status} ${text}`);
    return JSON.parse(text);
  };
  return {
    base,
    json,
    search: async (parameters) => {
      const { traces = [] } = (await json('/api/search', parameters)) as { traces?: { traceID: string }[] };
      return traces.map(({ traceID }) => traceID.padStart(32, '0')).sort();
    },
    spans: async (trace, version = 1) => {
      const path = version === 1 ? `/api/traces/${trace}` : `/api/v2/traces/${trace}`;
      const response = await get(path, 'application/protobuf');
      if (response.status === 404) return [];
      if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
      const body = Buffer.from(await response.arrayBuffer());
      return byTrace([decodeRequest(version === 1 ? body : firstField(body))]).get(trace) ?? [];
    },
    tags: async (scope) => {
      const { scopes } = (await json('/api/v2/search/tags', { scope })) as {
        scopes: { name: string; tags?: string[] }[];
      };
      return (scopes.find(({ name }) => name === scope)?.tags ?? []).toSorted();
    },
    values: async (tag) => {
      const answer = await json(`/api/v2/search/tag/${encodeURIComponent(tag)}/values`);
      const { tagValues = [] } = answer as { tagValues?: { type: string; value: string }[] };
      return tagValues.map(({ type, value }) => `${type}:${value}`).sort();
    },
  };
}

/** tempopb.TraceByIDResponse, whose field 1 is the trace; both have the shape of an export request. */
function firstField(body: Buffer): Buffer {
  if (body[0] !== 0x0a) return Buffer.alloc(0);
  let [length, at, shift] = [0, 1, 0];
  for (; ; shift += 7) {
    const byte = body[at++];
    length += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) return body.subarray(at, at + length);
  }
}
