import { Http2Receiver } from './grpc/http2-receiver.ts';
import type { Endpoint, GrpcReceiver, GrpcReceiverOptions } from './receiver.ts';
import type { ServerCredentials } from './server-credentials.ts';

/** OTLP/gRPC TraceService, with health and reflection, on one port. Source: OTLP specification 1.11, "OTLP/gRPC". */
export function createGrpcReceiver(options: GrpcReceiverOptions): GrpcReceiver {
  return options.server === 'grpc-js' ? new ReferenceReceiver(options) : new Http2Receiver(options);
}

/** Loads grpc-js and its proto loader only where they are asked for: 90 ms and 30 MB that the default does without. */
class ReferenceReceiver implements GrpcReceiver {
  readonly #options: GrpcReceiverOptions;
  #receiver: GrpcReceiver | undefined = undefined;

  constructor(options: GrpcReceiverOptions) {
    this.#options = options;
  }

  async start(): Promise<Endpoint> {
    const { GrpcJsReceiver } = await import('./grpc/grpc-js-receiver.ts');
    this.#receiver = new GrpcJsReceiver(this.#options);
    return this.#receiver.start();
  }

  renew(tls: ServerCredentials): void {
    this.#receiver?.renew(tls);
  }

  async stopReceiving(deadlineMs: number): Promise<void> {
    await this.#receiver?.stopReceiving(deadlineMs);
  }
}
