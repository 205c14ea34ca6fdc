import { UsageError } from '../errors.ts';
import type { Exporter } from '../model/export-request.ts';
import type { Client } from './answer.ts';
import { Books, type OnError } from './books.ts';
import { type Clock, systemClock } from './clock.ts';
import { compressing } from './compress.ts';
import { delivering } from './deliver.ts';
import { GrpcClient } from './grpc.ts';
import { HttpClient } from './http.ts';
import type { OtlpExporterConfig } from './options.ts';
import { Queue } from './queue.ts';
import { type Closing, retrying } from './retry.ts';
import { timingOut } from './timeout.ts';

/** For tests and for the log; all have defaults. */
export interface OtlpExporterDeps {
  readonly clock?: Clock;
  readonly client?: Client;
  /** Told of every failed attempt and every request given up: limit the rate before logging it. */
  readonly onError?: OnError;
  /** How many requests are under way at once. */
  readonly consumers?: number;
}

const defaultConsumers = 4;

/**
 * An exporter that speaks OTLP. Throws UsageError for an endpoint or header that can never work; connects when the first
 * request comes.
 */
export function createOtlpExporter(config: OtlpExporterConfig, deps: OtlpExporterDeps = {}): Exporter {
  const { clock = systemClock, client = connect(config), onError = () => {}, consumers = defaultConsumers } = deps;
  const { name, otlp, queue, retry } = config;
  const books = new Books(queue.maxBytes, clock, onError);
  const closing: Closing = { hurry: new AbortController(), stop: new AbortController() };

  // The chain, from the far end to the near one: each stage wraps the one before it.
  const attempt = timingOut((payload, signal) => client.send(payload, signal), otlp.timeoutMs, clock);
  const tries = retrying(attempt, retry, clock, closing, (message) => books.retried(message));
  const compressed = compressing(tries, otlp.compression);
  const deliver = delivering(compressed, (piece, result) => books.settled(piece, result));
  const close = () => client.close();
  return new Queue({ name, maxBytes: queue.maxBytes, consumers }, { deliver, closing, close }, books, clock);
}

function connect({ name, otlp }: OtlpExporterConfig): Client {
  const url = URL.parse(otlp.endpoint);
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw new UsageError(
      `export ${name}: endpoint "${otlp.endpoint}" is not a URL that begins with http:// or https://`,
    );
  }
  try {
    return otlp.protocol === 'grpc' ? new GrpcClient(url, otlp) : new HttpClient(url, otlp);
  } catch (error) {
    throw new UsageError(`export ${name}: ${(error as Error).message}`);
  }
}
