import { openWriter } from './client.ts';
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

  /** `seed` differs between processes. */
  constructor(connection: KafkaConnection, seed: number) {
    const { topic, maxBytes, maxRecordBytes, timeoutMs } = connection;
    this.#outbox = new Outbox({ topic, maxBytes, maxBatchBytes: maxRecordBytes, timeoutMs }, openWriter(connection));
    const limits = { maxEnvelopeBytes: anyBytes, maxSpanBytes: anyBytes, maxRecordBytes, maxBytes };
    this.#splitter = new TraceSplitter(limits, seed);
  }

  async send({ bytes }: { readonly bytes: Uint8Array }): Promise<Answer> {
    try {
      const { records, invalid, reason } = this.#splitter.split(bytes, 0, bytes.length);
      const failure = await this.#outbox.put(records);
      if (failure !== undefined) return { kind: 'retryable', waitMs: 0, message: failure.message };
      return { kind: 'accepted', rejectedSpans: invalid, message: reason };
    } catch (error) {
      const { message } = error as Error;
      return { kind: error instanceof TooMuchError ? 'too_large' : 'rejected', message };
    }
  }

  close(): void {
    void this.#outbox.close().catch(() => {});
  }
}
