import { sensitiveHeaders } from 'node:http2';
import { systemClock } from '../../clock.ts';
import { proxyFor } from '../../proxy.ts';
import {
  type Answer,
  type Client,
  Code,
  describe,
  type Encoding,
  judgeGrpc,
  type Payload,
  type Surroundings,
} from '../answer.ts';
import type { OtlpExporterConfig } from '../options.ts';
import { shorten } from '../response.ts';
import { call, type Reply } from './call.ts';
import { Connections } from './connections.ts';
import { requestHeaders } from './headers.ts';
import { judgeReply } from './judge.ts';

/** Tries of one attempt that the peer need not have looked at. */
const maxUnprocessed = 3;

/** For what was cancelled to be told so. */
const closeLingerMs = 1_000;

/**
 * OTLP/gRPC: one unary call, on node:http2. Header and flag of the compression are written here, side by side; a
 * library's client knows no message that is compressed already (docs/decisions/0008-grpc-client.md).
 */
export class GrpcClient implements Client {
  readonly #connections: Connections;
  readonly #headers: Record<Encoding, Readonly<Record<string, string>>>;
  readonly #tenantHeader: string | undefined;

  /** Throws for a header that gRPC does not allow, and for a variable that should name a proxy and does not. */
  constructor(
    endpoint: URL,
    { headers, timeoutMs, tenantHeader }: OtlpExporterConfig['otlp'],
    { env, security }: Surroundings,
  ) {
    this.#tenantHeader = tenantHeader;
    const none = requestHeaders(endpoint, headers, timeoutMs);
    this.#headers = {
      none,
      gzip: { ...none, 'grpc-encoding': 'gzip' },
      // Never indexed (RFC 7541 §6.2.3): on a connection that has indexed a value which grpc's C core does not know, it
      // refuses any other value of that name too.
      zstd: { ...none, 'grpc-encoding': 'zstd', [sensitiveHeaders]: ['grpc-encoding'] },
    };
    const proxy = proxyFor(endpoint, env);
    this.#connections = new Connections({ endpoint, proxy, security, timeoutMs }, systemClock.monotonicMs);
  }

  async send(payload: Readonly<Payload>, signal: AbortSignal): Promise<Answer> {
    try {
      let reply = await this.#call(payload, signal);
      for (let tries = 1; reply.isUnprocessed && tries < maxUnprocessed; tries++)
        reply = await this.#call(payload, signal);
      return judgeReply(reply);
    } catch (error) {
      return judgeGrpc(Code.UNAVAILABLE, shorten(describe(error)), null);
    }
  }

  async #call(payload: Readonly<Payload>, signal: AbortSignal): Promise<Reply> {
    const session = await this.#connections.take();
    signal.throwIfAborted();
    const reply = await call(
      session,
      this.#headersOf(payload),
      { pieces: [payload.bytes], encoding: payload.encoding },
      signal,
    );
    if (signal.aborted) this.#connections.retire(session);
    return reply;
  }

  #headersOf({ encoding, tenant }: Readonly<Payload>): Readonly<Record<string, string>> {
    const headers = this.#headers[encoding];
    if (this.#tenantHeader === undefined || tenant === undefined) return headers;
    return { ...headers, [this.#tenantHeader]: tenant };
  }

  close(): void {
    this.#connections.close(closeLingerMs);
  }
}
