import { systemClock } from '../clock.ts';
import type { RefusalReason } from '../errors.ts';
import type { Admission } from '../receive/admission.ts';
import { ConnectionLimit, type ConnectionStats } from '../receive/connection-limit.ts';
import { createGrpcReceiver } from '../receive/grpc.ts';
import { createHttpReceiver } from '../receive/http.ts';
import { connectionsByOpenFiles } from '../receive/open-files.ts';
import type { Endpoint, Receiver, Refused } from '../receive/receiver.ts';
import type { ServerCredentials } from '../receive/server-credentials.ts';
import { ReceiveStats } from '../receive/stats.ts';
import type { RefusedAt } from './refusals.ts';
import type { SenderAccess } from './sender-access.ts';
import type { Addresses, OfProtocols, Protocol, ShardConfig, ShardEvents } from './shards.ts';

/** How often it is told that a listener is full. */
const tellFullEveryMs = 60_000;

const noConnections = (): ConnectionStats => ({ open: 0, sentAway: 0, refused: 0 });

interface ReceiversOptions {
  readonly senders: SenderAccess;
  readonly admission: Admission;
  /** This shard's part of what a protocol may have. */
  readonly maxConnections: number;
  /** Shards that share the files which may be open. */
  readonly shards: number;
  readonly tls: OfProtocols<ServerCredentials> | undefined;
  /** What this member of a fleet says of itself. */
  readonly word: () => Uint8Array;
  readonly events: Pick<ShardEvents, 'fault' | 'full' | 'heard'>;
  /** Told of each request that is refused for good, and of each connection that came to nothing. */
  readonly refused: (refused: RefusedAt) => void;
}

/** The ports of one shard, with a receiver each. */
export class Receivers {
  readonly refused = new ReceiveStats();
  readonly connections = { grpc: noConnections(), http: noConnections(), cluster: noConnections() };
  readonly #options: ReceiversOptions;
  readonly #tls: Partial<Record<Protocol, ServerCredentials>>;
  readonly #open = new Map<Protocol, Receiver>();
  readonly #tellFull: ShardEvents['full'];
  #stopping = false;

  constructor(options: ReceiversOptions) {
    this.#options = options;
    this.#tls = { ...options.tls };
    const { events } = options;
    this.#tellFull = nowAndThen(tellFullEveryMs, (protocol: string) => events.full(protocol));
  }

  /** Listens at the addresses given; `cluster`: where other gateways come in. */
  async start({ grpc, http }: ShardConfig['receive'], cluster: Endpoint | undefined): Promise<Addresses> {
    const serving = (): boolean => !this.#stopping;
    const open = async (protocol: Protocol, receiver: Receiver): Promise<Endpoint> => {
      const address = await receiver.start();
      this.#open.set(protocol, receiver);
      return address;
    };
    return {
      ...(grpc && { grpc: await open('grpc', createGrpcReceiver({ ...grpc, ...this.#ports('grpc'), serving })) }),
      ...(http && { http: await open('http', createHttpReceiver({ ...http, ...this.#ports('http') })) }),
      ...(cluster && {
        cluster: await open(
          'cluster',
          createGrpcReceiver({
            ...this.#ports('cluster'),
            serving,
            server: 'http2',
            endpoint: cluster,
            where: 'cluster.listen',
            exchange: (word) => this.#exchange(word),
          }),
        ),
      }),
    };
  }

  /** Other certificates for connections that come from now on. */
  renewTls(port: Protocol, credentials: ServerCredentials): void {
    this.#tls[port] = credentials;
    this.#open.get(port)?.renew(credentials);
  }

  async stopReceiving(deadlineMs: number): Promise<void> {
    this.#stopping = true;
    await Promise.all([...this.#open.values()].map((receiver) => receiver.stopReceiving(deadlineMs)));
  }

  #ports(protocol: Protocol) {
    const { senders, admission, events, refused } = this.#options;
    return {
      access: senders.of(protocol),
      admission,
      stats: this.refused,
      connections: this.#limitConnections(protocol),
      tls: this.#tls[protocol],
      onTurnedAway: (reason: RefusalReason, message: string, address: string) =>
        refused({ ...nothing, reason, message, peer: { address }, port: protocol, what: 'connection' }),
      onRefused: (it: Refused) => refused({ ...it, port: protocol, what: 'request' }),
      onError: (error: unknown) => events.fault(error),
    };
  }

  #limitConnections(protocol: Protocol): ConnectionLimit {
    const { maxConnections, shards } = this.#options;
    const most = Math.min(maxConnections, connectionsByOpenFiles() / 2);
    return new ConnectionLimit(Math.ceil(most / shards), this.connections[protocol], () => this.#tellFull(protocol));
  }

  #exchange(word: Uint8Array): Uint8Array {
    const { events, word: own } = this.#options;
    // Its bytes are the receiver's.
    events.heard(word.slice());
    return own();
  }
}

/** What has come of a request that never came. */
const nothing = { bytes: 0, spans: 0, tenant: '' };

/** Tells the first of what there is to tell in so long; what comes after it is not told. */
function nowAndThen<T extends readonly unknown[]>(everyMs: number, tell: (...told: T) => void): (...told: T) => void {
  let toldAt = Number.NEGATIVE_INFINITY;
  return (...told) => {
    const now = systemClock.monotonicMs();
    if (now - toldAt < everyMs) return;
    toldAt = now;
    tell(...told);
  };
}
