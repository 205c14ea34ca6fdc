import type { ServerHttp2Session } from 'node:http2';
import type { SecureContextOptions } from 'node:tls';
import { fileURLToPath } from 'node:url';
import grpc from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { Refusal, refusals } from '../../errors.ts';
import type { Intake } from '../../model/intake.ts';
import { MalformedError } from '../../wire/reader.ts';
import { headOf } from '../access.ts';
import { closeBy } from '../close-by.ts';
import { encodeExportResponse } from '../export-response.ts';
import { Inbound } from '../inbound.ts';
import { cannotListen } from '../listen.ts';
import { messageOf } from '../message.ts';
import type { Peer } from '../peer.ts';
import type { Endpoint, GrpcReceiver, GrpcReceiverOptions } from '../receiver.ts';
import { refused } from '../refused.ts';
import { type ServerCredentials, secureContextOf } from '../server-credentials.ts';
import { subjectOf } from '../subject.ts';
import { refusalMetadata } from './answer.ts';
import { encodeHealth, healthOf, readHealthRequest, ServingStatus } from './health.ts';
import { reflect } from './reflection.ts';
import { healthService, methodNeeds, reflectionServices, traceService } from './services.ts';
import { widenWindows } from './widen-windows.ts';

const protoDirectory = fileURLToPath(new URL('../../../proto', import.meta.url));
const watchMs = 200;
/** Of all connections. */
const maxWatches = 1024;

/** OTLP/gRPC on @grpc/grpc-js: the reference. It collects and unpacks each message itself; we take it from there. */
export class GrpcJsReceiver implements GrpcReceiver {
  readonly #options: GrpcReceiverOptions;
  readonly #server: grpc.Server;
  readonly #credentials: grpc.ServerCredentials;
  readonly #sessions: ReadonlySet<ServerHttp2Session>;
  readonly #watchers = new Set<() => void>();
  /** Where calls go that were let in, until they are there: grpc-js hands their metadata on. */
  readonly #intakes = new WeakMap<grpc.Metadata, Intake>();

  constructor(options: GrpcReceiverOptions) {
    this.#options = options;
    this.#credentials = credentialsOf(options.tls);
    this.#server = new grpc.Server({
      'grpc.max_receive_message_length': options.admission.maxRequestBytes,
      'grpc.keepalive_time_ms': 60_000,
      'grpc.keepalive_timeout_ms': 20_000,
      'grpc.max_connection_age_ms': 30 * 60_000,
      'grpc.max_connection_age_grace_ms': 60_000,
      'grpc.max_concurrent_streams': 1000,
      'grpc.enable_channelz': 0,
      interceptors: [(method, call) => this.#admit(method.path, call)],
    });
    // What it would print to stderr, such as a port in use, comes back to us as an error and is told once.
    grpc.setLogVerbosity(grpc.logVerbosity.NONE);
    this.#sessions = widenWindows(this.#server);
    this.#addServices();
  }

  async start(): Promise<Endpoint> {
    const { host, port } = this.#options.endpoint;
    const address = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
    return new Promise((resolve, reject) => {
      this.#server.bindAsync(address, this.#credentials, (error, bound) => {
        if (error !== null) {
          const cause = /E[A-Z]{4,}/.exec(error.message)?.[0] ?? error.message;
          reject(cannotListen('receive.grpc', this.#options.endpoint, cause));
        } else resolve({ host, port: bound });
      });
    });
  }

  renew(tls: ServerCredentials): void {
    (this.#credentials as unknown as Renewable).updateSecureContextOptions(secureContextOf(tls));
  }

  async stopReceiving(deadlineMs: number): Promise<void> {
    for (const tell of this.#watchers) tell();
    this.#watchers.clear();
    await closeBy(
      deadlineMs,
      (done) => this.#server.tryShutdown(() => done()),
      () => this.#cut(),
    );
  }

  #cut(): void {
    for (const session of this.#sessions) session.destroy();
  }

  #addServices(): void {
    const definitions = loadSync(
      [
        'opentelemetry/proto/collector/trace/v1/trace_service.proto',
        'grpc/health/v1/health.proto',
        'grpc/reflection/v1/reflection.proto',
      ],
      { includeDirs: [protoDirectory] },
    );
    const define = (service: string): grpc.ServiceDefinition =>
      passThrough(definitions[service] as grpc.ServiceDefinition);
    this.#server.addService(define(traceService), { Export: this.#export });
    this.#server.addService(define(healthService), { Check: this.#check, Watch: this.#watch });
    for (const service of reflectionServices) {
      this.#server.addService(rename(define(reflectionServices[0]), service), { ServerReflectionInfo: reflectAll });
    }
  }

  /** Before the message is read, asks whose a call is. */
  #admit(path: string, call: grpc.ServerInterceptingCallInterface): grpc.ServerInterceptingCall {
    const need = methodNeeds.get(path);
    if (need === 'nobody') return new grpc.ServerInterceptingCall(call);
    const { access } = this.#options;
    const onReceiveMetadata = (metadata: grpc.Metadata, admit: (metadata: grpc.Metadata) => void): void => {
      const head = headOf(peerOf(call));
      head.authorization = headerOf(metadata, 'authorization');
      if (access.tenantHeader !== undefined) head.tenant = headerOf(metadata, access.tenantHeader);
      const intake = need === 'sender' ? access.admit(head) : access.refuses(head);
      if (intake instanceof Refusal) {
        refused(this.#options, intake, { peer: head.peer });
        call.sendStatus(statusOf(intake));
      } else {
        if (intake !== undefined) this.#intakes.set(metadata, intake);
        admit(metadata);
      }
    };
    return new grpc.ServerInterceptingCall(call, { start: (next) => next({ onReceiveMetadata }) });
  }

  readonly #export = async (
    call: grpc.ServerUnaryCall<Buffer, Buffer>,
    callback: grpc.sendUnaryData<Buffer>,
  ): Promise<void> => {
    // It holds nothing of ours when it comes here, and has its answer in the same turn.
    const sender = { heldBytes: 0, peer: { address: addressOf(call.getPeer()) } };
    const inbound = new Inbound(this.#options, 'grpc', sender, this.#intakes.get(call.metadata) as Intake);
    const { length } = call.request;
    const answer = inbound.expect(length, true) ?? (await inbound.deliver(messageOf([call.request])));
    inbound.close();
    if (answer instanceof Refusal) {
      inbound.refused(answer, length);
      callback(statusOf(answer));
    } else callback(null, Buffer.from(encodeExportResponse(answer)));
  };

  readonly #check = (call: grpc.ServerUnaryCall<Buffer, Buffer>, callback: grpc.sendUnaryData<Buffer>): void => {
    readOr(callback, () => {
      const service = readHealthRequest(call.request);
      const status = healthOf(service, this.#options.serving());
      if (status !== ServingStatus.SERVICE_UNKNOWN) callback(null, Buffer.from(encodeHealth(status)));
      else callback({ code: grpc.status.NOT_FOUND, details: `unknown service ${service}` });
    });
  };

  readonly #watch = (call: grpc.ServerWritableStream<Buffer, Buffer>): void => {
    if (this.#watchers.size >= maxWatches) {
      const refusal = new Refusal('calls_full', `${maxWatches} watches already`);
      refused(this.#options, refusal, { peer: { address: addressOf(call.getPeer()) } });
      call.destroy(statusOf(refusal) as never);
      return;
    }
    readOr(
      (error) => call.destroy(error as Error),
      () => {
        const service = readHealthRequest(call.request);
        let told = 0;
        const tell = (): void => {
          const status = healthOf(service, this.#options.serving());
          if (status !== told) call.write(Buffer.from(encodeHealth((told = status))));
        };
        tell();
        const timer = setInterval(tell, watchMs).unref();
        const finish = (): void => {
          clearInterval(timer);
          tell();
          call.end();
        };
        this.#watchers.add(finish);
        call.on('cancelled', () => {
          clearInterval(timer);
          this.#watchers.delete(finish);
        });
      },
    );
  };
}

/** A header's value; of one that was sent more than once, all of them. */
function headerOf(metadata: grpc.Metadata, name: string): string | undefined {
  const values = metadata.get(name);
  return values.length === 0 ? undefined : values.join(', ');
}

/** Without the port. */
const addressOf = (peer: string): string => peer.replace(/:\d+$/, '');

function peerOf(call: grpc.ServerInterceptingCallInterface): Peer {
  const { sslPeerCertificate: certificate } = call.getAuthContext();
  return { address: addressOf(call.getPeer()), ...(certificate && { subject: subjectOf(certificate) }) };
}

/** What grpc-js keeps for certificates that it reads itself. */
interface Renewable {
  updateSecureContextOptions(options: SecureContextOptions): void;
}

/** It bounds neither handshakes nor connections; a client without the right certificate is cut off. */
function credentialsOf(tls: ServerCredentials | undefined): grpc.ServerCredentials {
  if (tls === undefined) return grpc.ServerCredentials.createInsecure();
  const { certificate, key, clientCa } = tls;
  const pair = { cert_chain: Buffer.from(certificate), private_key: Buffer.from(key) };
  const ca = clientCa === undefined ? null : Buffer.from(clientCa);
  const credentials = grpc.ServerCredentials.createSsl(ca, [pair], ca !== null);
  (credentials as unknown as Renewable).updateSecureContextOptions(secureContextOf(tls));
  return credentials;
}

function reflectAll(call: grpc.ServerDuplexStream<Buffer, Buffer>): void {
  call.on('data', (request: Buffer) => {
    readOr(
      (error) => call.destroy(error as Error),
      () => call.write(Buffer.from(reflect(request))),
    );
  });
  call.on('end', () => call.end());
}

function readOr(refuse: (status: Partial<grpc.StatusObject>) => void, read: () => void): void {
  try {
    read();
  } catch (error) {
    if (!(error instanceof MalformedError)) throw error;
    refuse({ code: grpc.status.INVALID_ARGUMENT, details: error.message });
  }
}

function statusOf(refusal: Refusal): grpc.StatusObject {
  const metadata = new grpc.Metadata();
  for (const [key, value] of Object.entries(refusalMetadata(refusal))) {
    metadata.set(key, key.endsWith('-bin') ? Buffer.from(value, 'base64') : value);
  }
  return { code: refusals[refusal.reason].grpc, details: refusal.message, metadata };
}

/** The service with its messages left as bytes. */
function passThrough(service: grpc.ServiceDefinition): grpc.ServiceDefinition {
  const asIs = (bytes: Buffer): Buffer => bytes;
  const bytes = {
    requestSerialize: asIs,
    requestDeserialize: asIs,
    responseSerialize: asIs,
    responseDeserialize: asIs,
  };
  return Object.fromEntries(Object.entries(service).map(([name, method]) => [name, { ...method, ...bytes }]));
}

function rename(service: grpc.ServiceDefinition, name: string): grpc.ServiceDefinition {
  return Object.fromEntries(
    Object.entries(service).map(([method, definition]) => [method, { ...definition, path: `/${name}/${method}` }]),
  );
}
