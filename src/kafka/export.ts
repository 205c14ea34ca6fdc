import { openWriter, type RecordHeaders } from './client.ts';
import type { KafkaConnection } from './options.ts';
import { Outbox } from './outbox.ts';
import { TooMuchError, TraceSplitter } from './split.ts';

/** How one attempt of an exporter went, see export/answer.ts. */
type Answer =
  | { readonly kind: 'accepted'; readonly rejectedSpans: number; readonly message: string }
  | { readonly kind: 'retryable'; readonly waitMs: number; readonly message: string }
  | { readonly kind: 'too_large' | 'rejected'; readonly message: string };

/** What was kept has been through our own scan, and is as large as batch.max_bytes has it. */
const anyBytes = 2 ** 30;

/**
 * The far end of an exporter that writes kept traces to a topic, each trace a record keyed by its id, in the form in
 * which the Collector's kafka receiver reads them. Accepted means that the brokers have them.
 */
export class KafkaClient {
  readonly #outbox: Outbox;
  readonly #splitter: TraceSplitter;
  readonly #tenantHeader: string | undefined;

  /** `seed` differs between processes. `tenantHeader`: of records, where there are tenants: whose they are. */
  constructor(connection: KafkaConnection, seed: number, tenantHeader?: string) {
    const { topic, maxBytes, maxRecordBytes, timeoutMs } = connection;
    this.#tenantHeader = tenantHeader;
    this.#outbox = new Outbox({ topic, maxBytes, maxBatchBytes: maxRecordBytes, timeoutMs }, openWriter(connection));
    const limits = { maxEnvelopeBytes: anyBytes, maxSpanBytes: anyBytes, maxRecordBytes, maxBytes };
    this.#splitter = new TraceSplitter(limits, seed);
  }

  async send({ bytes, tenant }: { readonly bytes: Uint8Array; readonly tenant?: string }): Promise<Answer> {
    try {
      const { records, invalid, reason } = this.#splitter.split(bytes, 0, bytes.length);
      const failure = await this.#outbox.put(records, this.#headersOf(tenant));
      if (failure !== undefined) return { kind: 'retryable', waitMs: 0, message: failure.message };
      return { kind: 'accepted', rejectedSpans: invalid, message: reason };
    } catch (error) {
      const { message } = error as Error;
      return { kind: error instanceof TooMuchError ? 'too_large' : 'rejected', message };
    }
  }

  #headersOf(tenant: string | undefined): RecordHeaders | undefined {
    if (this.#tenantHeader === undefined || tenant === undefined) return undefined;
    return new Map([[Buffer.from(this.#tenantHeader), Buffer.from(tenant)]]);
  }

  close(): void {
    void this.#outbox.close().catch(() => {});
  }
}
