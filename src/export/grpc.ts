import { isIP } from 'node:net';
import { checkServerIdentity } from 'node:tls';
import {
  Channel,
  type ChannelCredentials,
  type ChannelInterface,
  type ChannelOptions,
  status as Code,
  compressionAlgorithms,
  credentials,
  Metadata,
  type StatusObject,
} from '@grpc/grpc-js';
import { systemClock } from '../clock.ts';
import { type Answer, type Client, judgeGrpc, type Payload } from './answer.ts';
import type { OtlpExporterConfig } from './options.ts';
import { readExportResponse, readRpcStatus, shorten } from './response.ts';

const method = '/opentelemetry.proto.collector.trace.v1.TraceService/Export';

/** grpc-js' WriteFlags.NoCompress, which it does not export: leave the message as it is. */
const noCompress = 2;

/**
 * OTLP/gRPC on grpc-js, without its Client class: a channel takes a message's bytes as they are. One connection an address, as
 * round robin over all that the name resolves to; it comes back by itself after a failure.
 */
export class GrpcClient implements Client {
  readonly #target: string;
  readonly #credentials: ChannelCredentials;
  readonly #options: ChannelOptions;
  readonly #metadata = new Metadata();
  readonly #timeoutMs: number;
  #channel: ChannelInterface;

  /** Throws for a header that gRPC does not allow. */
  constructor(url: URL, { headers, compression, timeoutMs }: OtlpExporterConfig['otlp'], _env: NodeJS.ProcessEnv) {
    const secure = url.protocol === 'https:';
    const ip = secure && isIP(bare(url.hostname)) ? bare(url.hostname) : null;
    this.#target = `dns:///${url.hostname}:${url.port || (secure ? 443 : 80)}`;
    this.#credentials = secure ? tlsCredentials(ip) : credentials.createInsecure();
    this.#options = { ...channelOptions(compression), ...(ip && { 'grpc.ssl_target_name_override': nameless }) };
    this.#timeoutMs = timeoutMs;
    for (const [name, value] of Object.entries(headers)) this.#metadata.set(name.toLowerCase(), value);
    this.#channel = this.#connect();
  }

  send(payload: Payload, signal: AbortSignal): Promise<Answer> {
    const channel = this.#channel;
    return new Promise((resolve) => {
      const call = channel.createCall(method, systemClock.unixMs() + this.#timeoutMs, null, null, null);
      let response: Uint8Array = new Uint8Array(0);
      signal.addEventListener('abort', () => call.cancelWithStatus(Code.CANCELLED, String(signal.reason)));
      call.start(this.#metadata, {
        onReceiveMetadata: () => {},
        onReceiveMessage: (message) => {
          response = message;
        },
        onReceiveStatus: (status) => {
          if (signal.aborted || status.code === Code.DEADLINE_EXCEEDED) this.#reconnect(channel);
          resolve(judge(status, response));
        },
      });
      call.startRead();
      call.sendMessageWithContext({ flags: noCompress }, message(payload));
      call.halfClose();
    });
  }

  close(): void {
    this.#channel.close();
  }

  #connect(): ChannelInterface {
    return new Channel(this.#target, this.#credentials, this.#options);
  }

  /**
   * After a timeout, a new connection: when a peer vanished without a word, the kernel notices minutes later, and
   * until then HTTP/2 would put every retry onto the dead connection. Calls under way on the old one go on.
   */
  #reconnect(channel: ChannelInterface): void {
    if (this.#channel !== channel) return;
    this.#channel = this.#connect();
    channel.close();
  }
}

const bare = (hostname: string) => hostname.replace(/^\[|\]$/g, '');

/**
 * grpc-js would send an IP address as the TLS server name, which RFC 6066 §3 forbids and Node refuses. So it gets a name
 * that belongs to nobody, and the certificate is held against the address.
 */
const nameless = 'address.invalid';

const tlsCredentials = (ip: string | null): ChannelCredentials =>
  ip === null
    ? credentials.createSsl()
    : credentials.createSsl(null, null, null, { checkServerIdentity: (_, cert) => checkServerIdentity(ip, cert) });

const channelOptions = (compression: Payload['encoding']): ChannelOptions => ({
  'grpc.default_compression_algorithm': compressionAlgorithms[compression === 'gzip' ? 'gzip' : 'identity'],
  'grpc.primary_user_agent': 'tailgate',
  // Exporters share nothing, connections included.
  'grpc.use_local_subchannel_pool': 1,
  'grpc.service_config_disable_resolution': 1,
  'grpc.service_config': JSON.stringify({ loadBalancingConfig: [{ round_robin: {} }] }),
  'grpc.initial_reconnect_backoff_ms': 250,
  'grpc.max_reconnect_backoff_ms': 5000,
  // Requests are bounded where they are made; responses as the OTLP specification recommends.
  'grpc.max_send_message_length': -1,
  'grpc.max_receive_message_length': 4 * 1024 * 1024,
});

/**
 * The message as grpc-js takes it. It would gzip at zlib's default level and again for each try, and has no way to take
 * bytes that are gzip already: it writes flag 0 ("not compressed") into a frame's first byte and then has the message
 * copy itself behind. So a compressed message corrects the flag while it is copied.
 */
function message({ bytes, encoding }: Payload): Buffer {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (encoding === 'none') return buffer;
  const copy = (frame: Buffer, start: number) => {
    frame[0] = 1;
    return Buffer.prototype.copy.call(buffer, frame, start);
  };
  return Object.assign(buffer, { copy });
}

function judge(status: StatusObject, response: Uint8Array): Answer {
  if (status.code !== Code.OK) return judgeGrpc(status.code, shorten(status.details), retryInfoMs(status));
  try {
    return readExportResponse(response);
  } catch (error) {
    return { kind: 'rejected', message: `OK, but not an OTLP response: ${(error as Error).message}` };
  }
}

function retryInfoMs({ metadata }: StatusObject): number | null {
  const [details] = metadata.get('grpc-status-details-bin');
  if (!(details instanceof Uint8Array)) return null;
  try {
    return readRpcStatus(details).retryDelayMs;
  } catch {
    // Details are a courtesy; broken ones say nothing.
    return null;
  }
}
