import { Agent, type buildConnector, type Dispatcher, ProxyAgent } from 'undici';
import { systemClock } from '../clock.ts';
import { validateHeaderName, validateHeaderValue } from '../node-http.ts';
import { hostOf, portOf, proxyFor } from '../proxy.ts';
import { contentCodings } from './accept-encoding.ts';
import {
  type Answer,
  type Client,
  describe,
  type Encoding,
  judgeHttp,
  type Payload,
  parseRetryAfter,
  type Surroundings,
} from './answer.ts';
import type { OtlpExporterConfig } from './options.ts';
import { readExportResponse, readRpcStatus, shorten } from './response.ts';
import type { Security } from './security.ts';

/** Of a response; what is beyond it is not read. The collector's figure. */
const maxResponseBytes = 64 * 1024;

/** Twice the requests that are under way at once: a connection is free again a moment after its answer was read. */
const maxConnections = 8;

/** So that a name is looked up again and new replicas get their share. */
const connectionAgeMs = 5 * 60_000;

/** OTLP/HTTP in protobuf, on kept-alive HTTP/1.1 connections, through a proxy where the variables name one. */
export class HttpClient implements Client {
  readonly #origin: string;
  readonly #path: string;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #tenantHeader: string | undefined;
  readonly #agent: Dispatcher;
  readonly #security: Security | null;

  /** Throws for a header that HTTP does not allow, and for a variable that should name a proxy and does not. */
  constructor(
    url: URL,
    { headers, timeoutMs, tenantHeader }: OtlpExporterConfig['otlp'],
    { env, security }: Surroundings,
  ) {
    this.#tenantHeader = tenantHeader;
    this.#security = security;
    this.#origin = url.origin;
    this.#path = (url.pathname === '/' ? '/v1/traces' : url.pathname) + url.search;
    this.#headers = { 'user-agent': 'tailgate', ...lowerCased(headers), 'content-type': 'application/x-protobuf' };
    const pool = {
      connections: maxConnections,
      allowH2: false,
      keepAliveTimeout: 30_000,
      clientTtl: connectionAgeMs,
      // The chain's timeout covers the whole attempt.
      headersTimeout: 0,
      bodyTimeout: 0,
    };
    const proxy = proxyFor(url, env);
    if (security) this.#agent = new Agent({ ...pool, connect: connector(security, url, proxy, timeoutMs) });
    else if (proxy) this.#agent = new ProxyAgent({ ...pool, uri: proxy.href, connectTimeout: timeoutMs });
    else this.#agent = new Agent({ ...pool, connect: { timeout: timeoutMs } });
  }

  async send({ bytes, encoding, tenant }: Readonly<Payload>, signal: AbortSignal): Promise<Answer> {
    const headers = {
      ...this.#headers,
      ...(encoding !== 'none' && { 'content-encoding': encoding }),
      ...(this.#tenantHeader !== undefined && tenant !== undefined && { [this.#tenantHeader]: tenant }),
    };
    const request = { origin: this.#origin, path: this.#path, method: 'POST', headers, body: bytes, signal } as const;
    try {
      return await judge(await this.#agent.request(request), encoding);
    } catch (error) {
      const explained = this.#security?.explained(error) ?? error;
      return { kind: 'retryable', waitMs: 0, message: shorten(describe(explained)) };
    }
  }

  close(): void {
    void this.#agent.destroy();
  }
}

/** The library's own would read no certificate anew, and tell little of one that it does not take. */
function connector(security: Security, url: URL, proxy: URL | null, timeoutMs: number): buildConnector.connector {
  const [host, port] = [hostOf(url), portOf(url)];
  const open = async () => {
    const signal = AbortSignal.timeout(timeoutMs);
    const tunnel =
      proxy && (await (await import('./grpc/tunnel.ts')).openTunnel(proxy, `${url.hostname}:${port}`, signal));
    const over = tunnel ? { socket: tunnel } : { host, port };
    return (await security.connect({ host, over, protocol: 'http/1.1', signal })).setNoDelay();
  };
  return (_, done) =>
    void open().then(
      (socket) => done(null, socket),
      (error) => done(error, null),
    );
}

function lowerCased(headers: Readonly<Record<string, string>>): Record<string, string> {
  for (const [name, value] of Object.entries(headers)) {
    validateHeaderName(name);
    validateHeaderValue(name, value);
  }
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}

async function judge({ statusCode, headers, body }: Dispatcher.ResponseData, encoding: Encoding): Promise<Answer> {
  const bytes = await readCapped(body);
  const type = String(headers['content-type'] ?? '');
  if (statusCode >= 200 && statusCode < 300) return judgeSuccess(statusCode, type, bytes);
  const said = statusCode < 400 ? `moved to ${headers.location ?? 'nowhere'}` : complaint(type, bytes);
  const answer = judgeHttp(statusCode, said, parseRetryAfter(headers['retry-after']?.toString(), systemClock.unixMs()));
  if (statusCode !== 415) return answer;
  // Without compression it is about the media type (RFC 9110 §15.5.16), in which pieces would go as well.
  if (encoding === 'none') return { kind: 'rejected', message: answer.message };
  const list = headers['accept-encoding'];
  return list === undefined ? answer : { ...answer, reads: contentCodings(String(list)) };
}

async function readCapped(body: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of body) {
    chunks.push(chunk);
    if ((length += chunk.length) >= maxResponseBytes) break;
  }
  return Buffer.concat(chunks).subarray(0, maxResponseBytes);
}

/** Success in any other form than OTLP's is taken at its word, but for a web page: no receiver answers with one. */
function judgeSuccess(status: number, type: string, bytes: Uint8Array): Answer {
  try {
    if (/protobuf/.test(type)) return readExportResponse(bytes);
    if (/json/.test(type) && bytes.length > 0) return readJsonResponse(bytes);
  } catch (error) {
    return { kind: 'rejected', message: `HTTP ${status}, but not an OTLP response: ${(error as Error).message}` };
  }
  if (/html/.test(type)) return { kind: 'rejected', message: `HTTP ${status} with a web page: not an OTLP endpoint` };
  return { kind: 'accepted', rejectedSpans: 0, message: '' };
}

function readJsonResponse(bytes: Uint8Array): Answer {
  const { partialSuccess } = JSON.parse(Buffer.from(bytes).toString());
  const rejectedSpans = Math.max(0, Number(partialSuccess?.rejectedSpans ?? 0)) || 0;
  return { kind: 'accepted', rejectedSpans, message: shorten(String(partialSuccess?.errorMessage ?? '')) };
}

/** What an error's body says: the message of a google.rpc.Status, or the text of whatever else it is. */
function complaint(type: string, bytes: Uint8Array): string {
  const text = Buffer.from(bytes).toString();
  try {
    if (/protobuf/.test(type)) return readRpcStatus(bytes).message;
    if (/json/.test(type)) return shorten(String(JSON.parse(text).message ?? text));
  } catch {
    // Not what it says it is: show it as it came.
  }
  return shorten(text);
}
