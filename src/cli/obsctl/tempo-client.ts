import { Reader } from '../../wire/reader.ts';
import { CommandError } from '../exit.ts';
import { type Answer, AnswerFault, type BytesAnswer, type JsonClient, type Place } from './http-json.ts';
import { listOf, type OtlpTrace, objectOf, readTrace, textOf } from './otlp-json.ts';
import type { Became } from './verdict.ts';

/** A trace that a search found. `spans` and `errors` are undefined where the store does not count them. */
export interface FoundTrace {
  readonly traceId: string;
  readonly startMs: number;
  readonly rootService: string;
  readonly rootName: string;
  readonly durationMs: number;
  readonly spans: number | undefined;
  readonly errors: number | undefined;
  /** Where the gateway's window was searched. */
  readonly verdict?: string;
  readonly policy?: string;
  /** How many of its spans are known to be missing there. */
  readonly missingSpans?: number;
}

export interface SearchResult {
  /** Newest first. */
  readonly traces: readonly FoundTrace[];
  readonly partial: boolean;
  /** Gateways of the fleet whose part is missing. */
  readonly unanswered: readonly string[];
}

interface FetchedTrace {
  readonly trace: OtlpTrace;
  /** Why some spans are missing; '' when none is. */
  readonly partial: string;
  /** Where only the gateway's window has it: what became of it. */
  readonly past: Became | undefined;
}

/** The same as bytes: the trace's own, of which nothing was read. */
export type TraceBytes = Omit<FetchedTrace, 'trace'> & { readonly trace: Uint8Array };

/** Tempo's read API (Tempo, "HTTP API"), which the gateway's own store speaks too. */
export class TempoClient {
  readonly #http: JsonClient;
  readonly #place: Place;

  constructor(http: JsonClient, place: Place) {
    this.#http = http;
    this.#place = place;
  }

  /** Traces with a span that matches the TraceQL query between two Unix times in milliseconds. */
  async search(query: string, fromMs: number, toMs: number, limit: number, isWindow = false): Promise<SearchResult> {
    const parameters = new URLSearchParams({
      ...(isWindow && { window: 'true' }),
      q: isWindow ? query : newestFirst(query),
      start: String(Math.floor(fromMs / 1000)),
      end: String(Math.ceil(toMs / 1000)),
      limit: String(limit),
    });
    const { status, body, headers } = await this.#http.get(this.#place, `/api/search?${parameters}`, [404]);
    if (status === 404) throw isWindow ? this.#windowless() : this.#storeless();
    const answer = objectOf(body);
    const traces = listOf(answer.traces).map(foundTrace);
    const unanswered = unansweredIn(headers);
    const partial = answer.status === 'PARTIAL' || unanswered.length > 0;
    return { traces: traces.sort((a, b) => b.startMs - a.startMs), partial, unanswered };
  }

  /**
   * The whole trace, by its id of 32 hex digits; undefined when there is none. Version 2 of the API first, which also
   * says what is missing.
   */
  async trace(id: string): Promise<FetchedTrace | undefined> {
    const second = await this.#http.get(this.#place, `/api/v2/traces/${id}`, [404]);
    const answer = objectOf(second.body);
    const found = second.status === 200 ? readTrace(answer) : await this.#firstVersion(id);
    if (found === undefined || found.resourceSpans.length === 0) return undefined;
    const partial = answer.status === 'PARTIAL' ? textOf(answer.message) || holdsMore : '';
    return { trace: found, partial, past: pastOf(second.headers) };
  }

  /** The same in protobuf, an ExportTraceServiceRequest: nothing is lost on the way through somebody's JSON. */
  async traceBytes(id: string): Promise<TraceBytes | undefined> {
    const second = await this.#protobuf(`/api/v2/traces/${id}`);
    if (second.status === 200) {
      const { trace, partial } = this.#read(second.body);
      return trace.length === 0 ? undefined : { trace, partial, past: pastOf(second.headers) };
    }
    const first = await this.#protobuf(`/api/traces/${id}`);
    if (first.status === 200 && first.body.length > 0)
      return { trace: first.body, partial: '', past: pastOf(first.headers) };
    const echo = await this.#http.get(this.#place, '/api/echo', [200, 404]);
    if (echo.status === 404) throw this.#storeless();
    return undefined;
  }

  async #protobuf(path: string): Promise<BytesAnswer> {
    const answer = await this.#http.getBytes(this.#place, path, protobuf, [404, ...ofOneTrace]);
    if (ofOneTrace.includes(answer.status))
      throw new AnswerFault(
        `${this.#place.base} answered HTTP ${answer.status}: ${answer.body.toString('utf8', 0, 300).split('\n')[0]}`,
      );
    const type = String(answer.headers['content-type'] ?? 'nothing');
    if (answer.status === 200 && !type.startsWith(protobuf))
      throw new CommandError(
        `${this.#place.base} answered a trace as ${type.slice(0, 100)}, not as ${protobuf}: is this ${this.#place.name}? Set ${this.#place.flag}`,
      );
    return answer;
  }

  #read(body: Uint8Array): ReturnType<typeof readTraceByIdResponse> {
    try {
      return readTraceByIdResponse(body);
    } catch (error) {
      throw new CommandError(`${this.#place.base} answered no trace: ${(error as Error).message}`);
    }
  }

  async #firstVersion(id: string): Promise<OtlpTrace | undefined> {
    const { status, body } = await this.#http.get(this.#place, `/api/traces/${id}`, [404]);
    if (status === 200) return readTrace(body);
    const echo = await this.#http.get(this.#place, '/api/echo', [200, 404]);
    if (echo.status === 404) throw this.#storeless();
    return undefined;
  }

  #windowless(): CommandError {
    return new CommandError(`${this.#place.base} has no window to search: set window.max_bytes in its boot file`);
  }

  #storeless(): CommandError {
    return new CommandError(
      `${this.#place.base} keeps no traces (no /api/search there): name Tempo by --tempo or OBSCTL_TEMPO`,
    );
  }
}

const protobuf = 'application/protobuf';
/** Of a trace that is too large, or that it cannot read. */
const ofOneTrace = [422, 500];
const holdsMore = 'the store holds more than it returns';

/** tempopb.TraceByIDResponse: trace = 1, status = 3 (PARTIAL = 1), message = 4. Throws MalformedError. */
function readTraceByIdResponse(body: Uint8Array): { readonly trace: Uint8Array; readonly partial: string } {
  const parts: Uint8Array[] = [];
  let [isPartial, message] = [false, ''];
  for (const r = new Reader(body); r.next(); ) {
    if (r.field === 1 && r.wireType === 2) parts.push(r.bytes());
    else if (r.field === 3 && r.wireType === 0) isPartial = r.varint() === 1;
    else if (r.field === 4 && r.wireType === 2) message = r.string();
    else r.skip();
  }
  const trace = parts.length === 1 ? parts[0] : Buffer.concat(parts);
  return { trace, partial: isPartial ? message || holdsMore : '' };
}

/** What the gateway says of a trace that is in its window alone, see docs/window.md. */
function unansweredIn(headers: Answer['headers']): readonly string[] {
  const named = String(headers['x-tailgate-unanswered'] ?? '');
  return named === '' ? [] : named.split(',').map(decodeURIComponent);
}

function pastOf(headers: Answer['headers']): FetchedTrace['past'] {
  if (headers['x-tailgate-found-in'] !== 'window') return undefined;
  const policy = String(headers['x-tailgate-policy'] ?? '');
  return { verdict: String(headers['x-tailgate-verdict'] ?? ''), policy: decodeURIComponent(policy) };
}

function foundTrace(trace: Record<string, unknown>): FoundTrace {
  const stats =
    trace.serviceStats === undefined ? undefined : Object.values(objectOf(trace.serviceStats)).map(objectOf);
  return {
    traceId: textOf(trace.traceID).toLowerCase().padStart(32, '0'),
    startMs: Number(BigInt(/^\d{1,20}$/.exec(textOf(trace.startTimeUnixNano))?.[0] ?? 0) / 1_000_000n),
    rootService: rootOf(trace.rootServiceName),
    rootName: textOf(trace.rootTraceName),
    durationMs: Number(trace.durationMs ?? 0),
    spans: stats?.reduce((sum, each) => sum + Number(each.spanCount ?? 0), 0),
    errors: stats?.reduce((sum, each) => sum + Number(each.errorCount ?? 0), 0),
    ...(trace.tailgate !== undefined && becameOf(objectOf(trace.tailgate))),
  };
}

const becameOf = ({ verdict, policy, missingSpans }: Record<string, unknown>) => ({
  verdict: textOf(verdict),
  policy: textOf(policy),
  ...(typeof missingSpans === 'number' && { missingSpans }),
});

/** Without this hint Tempo returns whatever it finds first (TraceQL, "Retrieve most recent results"). */
const newestFirst = (query: string): string =>
  /\bwith\s*\([^{}]*\)\s*$/.test(query) ? query : `${query} with (most_recent=true)`;

/** Tempo's words for a trace without a root, in ours. */
const rootOf = (name: unknown): string => (textOf(name).startsWith('<root span not') ? '(no root)' : textOf(name));
