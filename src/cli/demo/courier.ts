import { CommandError } from '../exit.ts';
import { encodeRequest } from './encode.ts';
import type { Batch } from './outbox.ts';
import type { Sender } from './send.ts';
import { grpcSender } from './send-grpc.ts';
import { httpSender } from './send-http.ts';
import { services } from './topology.ts';

/** Above this many requests under way, further batches are lost at the sender, as an SDK's full queue loses them. */
const maxUnderWay = 64;

/** Carries batches to the gateway, each service by its own protocol, and counts what became of them. */
export class Courier {
  readonly #targets: { readonly grpc: string; readonly http: string };
  readonly #senders: Record<'grpc' | 'http' | 'gzip', Sender>;
  readonly #underWay = new Set<Promise<void>>();
  traces = 0;
  /** Spans, by what the gateway said. */
  taken = 0;
  refused = 0;
  lastRefusal = '';

  constructor(targets: { readonly grpc: string; readonly http: string }) {
    this.#targets = targets;
    this.#senders = {
      grpc: grpcSender(targets.grpc),
      http: httpSender(targets.http, false),
      gzip: httpSender(targets.http, true),
    };
  }

  /** An empty request on each way (OTLP wants it to succeed), so that a wrong address is told at once. */
  async knock(): Promise<void> {
    await this.#try('grpc', `gRPC on ${this.#targets.grpc}`, '--grpc');
    await this.#try('http', this.#targets.http, '--http');
  }

  async #try(way: 'grpc' | 'http', where: string, flag: string): Promise<void> {
    const refusal = await this.#senders[way].send(new Uint8Array()).catch((error: NodeJS.ErrnoException) => {
      throw new CommandError(
        `cannot reach ${where} (${reason(error)}): is the gateway running? \`make run\` starts it; ${flag} names another`,
      );
    });
    if (refusal !== '')
      throw new CommandError(`${where} answers ${refusal} to an empty OTLP request: is it a trace receiver?`);
  }

  /** Sends a batch; never throws: what is not taken is counted as refused. */
  deliver(batch: Batch): Promise<void> {
    if (this.#underWay.size >= maxUnderWay) {
      this.#refuse(batch, 'too many requests under way');
      return Promise.resolve();
    }
    const delivery = this.#send(batch).finally(() => this.#underWay.delete(delivery));
    this.#underWay.add(delivery);
    return delivery;
  }

  async #send(batch: Batch): Promise<void> {
    try {
      const refusal = await this.#senders[wayOf(batch.service)].send(encodeRequest(batch.spans));
      if (refusal === '') this.taken += batch.spans.length;
      else this.#refuse(batch, refusal);
    } catch (error) {
      this.#refuse(batch, reason(error as NodeJS.ErrnoException));
    }
  }

  #refuse(batch: Batch, why: string): void {
    this.refused += batch.spans.length;
    this.lastRefusal = why;
  }

  /** When every delivery has an answer. */
  async settled(): Promise<void> {
    await Promise.all(this.#underWay);
  }

  summary(): string {
    const refused = this.refused > 0 ? `${this.refused} refused (${this.lastRefusal})` : '0 refused';
    return `${this.traces} traces made, ${this.taken} spans taken by the gateway, ${refused}`;
  }

  async close(): Promise<void> {
    await Promise.all(Object.values(this.#senders).map((sender) => sender.close()));
  }
}

/** Go, Envoy and nginx speak gRPC; Node sends over HTTP, Python too, compressed. */
function wayOf(service: string): 'grpc' | 'http' | 'gzip' {
  const style = services.get(service)?.style;
  if (style === 'node') return 'http';
  return style === 'python' ? 'gzip' : 'grpc';
}

/** An HTTP/2 stream that never came to be tells why in its cause. */
function reason(error: NodeJS.ErrnoException): string {
  const { code, message } = (error.cause ?? error) as NodeJS.ErrnoException;
  return code === 'ECONNREFUSED' ? 'connection refused' : message;
}
