import { env } from 'node:process';
import { UsageError } from '../errors.ts';
import type { Exporter, ExportRequest } from '../model/export-request.ts';
import { QueueShares } from '../model/queue-shares.ts';
import type { TenantPart } from '../model/tenant.ts';
import type { TlsClient } from '../tls-client/files.ts';
import type { Attempt, Client, Encoding } from './answer.ts';
import { Books, type Reports } from './books.ts';
import { type ExportClock, exportClock } from './clock.ts';
import { Compression } from './compression.ts';
import { delivering } from './deliver.ts';
import type { OtlpExporterConfig } from './options.ts';
import { Queue } from './queue.ts';
import { type Closing, retrying } from './retry.ts';
import type { Security } from './security.ts';
import { timingOut } from './timeout.ts';

/** For tests and for the log; all have defaults. */
interface OtlpExporterDeps extends Partial<Reports> {
  readonly clock?: ExportClock;
  /** How many requests are under way at once. */
  readonly consumers?: number;
  /** The variables that name proxies (src/proxy.ts). */
  readonly env?: NodeJS.ProcessEnv;
  /** Who shares the queue; absent: nobody. */
  readonly tenants?: readonly TenantPart[];
  /** What an https:// endpoint is reached by, now; by default Node's and the system's authorities. */
  readonly tls?: () => TlsClient;
}

/** What the chain round a client goes by. */
interface ChainConfig extends Pick<OtlpExporterConfig, 'name' | 'queue' | 'retry'> {
  readonly otlp: { readonly timeoutMs: number; readonly compression: Encoding };
}

const defaultConsumers = 4;

/**
 * An exporter that speaks OTLP; it connects when the first request comes. Throws UsageError for an endpoint, header or
 * proxy that can never work.
 */
export async function openOtlpExporter(config: OtlpExporterConfig, deps: OtlpExporterDeps = {}): Promise<Exporter> {
  return createOtlpExporter(config, await connect(config, deps), deps);
}

/** The same round a client that is there already. */
export function createOtlpExporter(config: ChainConfig, client: Client, deps: OtlpExporterDeps = {}): Exporter {
  const { clock = exportClock, onError = () => {}, onFailure = () => {}, consumers = defaultConsumers } = deps;
  const { name, otlp, queue, retry } = config;
  const books = new Books(queue.maxBytes, clock, { onError, onFailure });
  const closing: Closing = { hurry: new AbortController(), stop: new AbortController() };

  // The chain, from the far end to the near one: each stage wraps the one before it.
  const givenUp = new WeakSet<Uint8Array>();
  const send: Attempt = (payload, signal) => client.send(payload, signal);
  const attempt = timingOut(send, otlp.timeoutMs, clock, ({ bytes }) => givenUp.add(bytes));
  const onFallback = (message: string): void => books.error(message);
  const compression = new Compression(otlp.compression, clock, onFallback, (bytes) => books.copied(bytes));
  const negotiated = compression.negotiating(attempt);
  const tries = retrying(negotiated, retry, clock, closing, (message) => books.retried(message));
  const compressed = compression.compressing(tries);
  const deliver = delivering(
    compressed,
    (piece, result) => books.settled(piece, result),
    () => clock.monotonicMs(),
  );
  const delivery = {
    deliver,
    isInUse: ({ body }: ExportRequest) => givenUp.has(body),
    closing,
    close: () => client.close(),
  };
  const shares = new QueueShares(queue.maxBytes, deps.tenants);
  return new Queue({ name, maxBytes: queue.maxBytes, consumers, shares }, delivery, books, clock);
}

/** Of the two clients only the one that is asked for is loaded: undici is 7 MB and 50 ms. */
async function connect({ name, otlp }: OtlpExporterConfig, deps: OtlpExporterDeps): Promise<Client> {
  const url = URL.parse(otlp.endpoint);
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw new UsageError(
      `export ${name}: endpoint "${otlp.endpoint}" is not a URL that begins with http:// or https://`,
    );
  }
  const ClientOf =
    otlp.protocol === 'grpc' ? (await import('./grpc/client.ts')).GrpcClient : (await import('./http.ts')).HttpClient;
  try {
    const security = url.protocol === 'https:' ? await securityOf(deps) : null;
    return new ClientOf(url, otlp, { env: deps.env ?? env, security });
  } catch (error) {
    throw new UsageError(`export ${name}: ${(error as Error).message}`);
  }
}

async function securityOf({ tls }: OtlpExporterDeps): Promise<Security> {
  const { Security } = await import('./security.ts');
  if (tls) return new Security(tls);
  const byDefault = await (await import('../tls-client/files.ts')).readTlsClient({});
  return new Security(() => byDefault);
}
