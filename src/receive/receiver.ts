import type { RefusalReason } from '../errors.ts';
import type { RefusedReason } from '../model/refused.ts';
import type { Access } from './access.ts';
import type { Admission } from './admission.ts';
import type { ConnectionLimit } from './connection-limit.ts';
import type { Peer } from './peer.ts';
import type { ServerCredentials } from './server-credentials.ts';
import type { ReceiveStats } from './stats.ts';

/** Port 0 picks a free one. */
export interface Endpoint {
  readonly host: string;
  readonly port: number;
  /** Other threads of this process listen at the same address; connections are spread over them. Linux. */
  readonly reusePort?: boolean;
}

/** A request that was refused, or of which spans were rejected, and whose it was. */
export interface Refused {
  readonly reason: RefusedReason;
  /** What the sender is told. */
  readonly message: string;
  /** As far as they were known; 0 where the request was taken. */
  readonly bytes: number;
  /** Of the request that was taken, those that were not; else 0. */
  readonly spans: number;
  /** Empty where it is not known, or there is one. */
  readonly tenant: string;
  /** To be asked at once, if at all: connections go. */
  readonly peer: Peer | undefined;
}

/** What every receiver works with: whose a request is, whether there is room for it, and where refusals are counted. */
export interface Ports {
  readonly access: Access;
  readonly admission: Admission;
  readonly stats: ReceiveStats;
  /** Of this listener; none = no limit. */
  readonly connections?: ConnectionLimit;
  /** What the port is opened with where it is for TLS. */
  readonly tls?: ServerCredentials | undefined;
  /** Told why a connection came to nothing, and from where it was; the reason is counted. */
  readonly onTurnedAway?: (reason: RefusalReason, why: string, address: string) => void;
  /** Told of requests that were refused for good, and of those of which spans were rejected. */
  readonly onRefused?: (refused: Refused) => void;
  /** Told of a fault of ours (the sender gets INTERNAL or 500), so that it reaches the log. */
  readonly onError?: (error: unknown) => void;
}

export interface Receiver {
  /** Binds and returns the address bound. Throws UsageError where it cannot. */
  start(): Promise<Endpoint>;
  /**
   * Stops accepting at once, lets requests under way finish until `deadlineMs` of the monotonic clock, then cuts what
   * is left.
   */
  stopReceiving(deadlineMs: number): Promise<void>;
  /** Other certificates for connections that come from now on; those that are open stay as they are. */
  renew(tls: ServerCredentials): void;
}

export type GrpcReceiver = Receiver;
export type HttpReceiver = Receiver;

export interface GrpcReceiverOptions extends Ports {
  readonly endpoint: Endpoint;
  /** Where the endpoint stands in the boot file; `receive.grpc` where it is not said. */
  readonly where?: string;
  /** `http2`: our own unary receiver, the default. `grpc-js`: the reference. Both pass the same protocol tests. */
  readonly server: 'http2' | 'grpc-js';
  /** What the health service answers. */
  readonly serving: () => boolean;
  /** At the port of a fleet's members: one's word for another's; throws MalformedError. */
  readonly exchange?: (request: Uint8Array) => Uint8Array;
}
