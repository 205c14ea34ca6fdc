import { expect } from 'vitest';
import { systemClock } from '../../../src/clock.ts';
import { type Access, openAccess } from '../../../src/receive/access.ts';
import { Admission, type AdmissionLimits } from '../../../src/receive/admission.ts';
import { chunks } from '../../../src/receive/chunks.ts';
import { ConnectionLimit } from '../../../src/receive/connection-limit.ts';
import { createGrpcReceiver } from '../../../src/receive/grpc.ts';
import { createHttpReceiver } from '../../../src/receive/http.ts';
import type { Receiver, Refused } from '../../../src/receive/receiver.ts';
import type { ServerCredentials } from '../../../src/receive/server-credentials.ts';
import { ReceiveStats } from '../../../src/receive/stats.ts';
import { ParsingIntake } from './intake.ts';
import { transport } from './transport.ts';

const MiB = 1024 * 1024;

export interface Started extends AsyncDisposable {
  readonly port: number;
  readonly receiver: Receiver;
  readonly intake: ParsingIntake;
  readonly admission: Admission;
  readonly stats: ReceiveStats;
  readonly connections: ConnectionLimit;
  readonly errors: unknown[];
  /** Connections that came to nothing, as `reason: why`. */
  readonly turnedAway: string[];
  /** What was refused for good, as `reason (where known: spans, tenant) from address: why`. */
  readonly refused: string[];
  serving: boolean;
}

export type Kind = 'http2' | 'grpc-js' | 'http';

interface Settings extends Partial<AdmissionLimits> {
  readonly allowedOrigins?: readonly string[];
  readonly maxConnections?: number;
  readonly tls?: ServerCredentials;
  /** By default everybody may send, to `intake`. */
  readonly access?: Access;
}

/** Starts a receiver on a free port. When disposed of, it must have given back all it took. */
export async function start(kind: Kind, settings: Settings = {}): Promise<Started> {
  const {
    maxRequestBytes = 8 * MiB,
    maxInflightBytes = 32 * MiB,
    maxConnectionBytes = maxInflightBytes,
    allowedOrigins = [],
  } = settings;
  const errors: unknown[] = [];
  const turnedAway: string[] = [];
  const refused: string[] = [];
  const intake = new ParsingIntake();
  const ports = {
    endpoint: { host: '127.0.0.1', port: 0 },
    access: settings.access ?? openAccess(intake),
    admission: new Admission({ maxRequestBytes, maxInflightBytes, maxConnectionBytes }),
    connections: new ConnectionLimit(settings.maxConnections ?? 10_000),
    stats: new ReceiveStats(),
    ...transport,
    ...(settings.tls && { tls: settings.tls }),
    onTurnedAway: (reason: string, why: string) => turnedAway.push(`${reason}: ${why}`),
    onRefused: ({ reason, spans, tenant, peer, message }: Refused) => {
      const of = [...(spans > 0 ? [`${spans} spans`] : []), ...(tenant === '' ? [] : [tenant])];
      refused.push(`${[reason, ...of].join(' ')} from ${peer?.address}: ${message}`);
    },
    onError: (error: unknown) => errors.push(error),
  };
  const receiver =
    kind === 'http'
      ? createHttpReceiver({ ...ports, cors: { allowedOrigins } })
      : createGrpcReceiver({ ...ports, server: kind, serving: () => started.serving });
  const { port } = await receiver.start();
  const started: Started = {
    ...ports,
    intake,
    port,
    receiver,
    errors,
    turnedAway,
    refused,
    serving: true,
    [Symbol.asyncDispose]: async () => {
      await receiver.stopReceiving(systemClock.monotonicMs() + 2000);
      expect(ports.admission.inflightBytes, 'bytes in flight after all is over').toBe(0);
      expect(chunks.heldBytes, 'bytes of chunks that nobody gave back').toBe(0);
    },
  };
  return started;
}

/** Waits for what happens on its own account, e.g. that a closed connection is noticed. */
export async function until(condition: () => boolean): Promise<void> {
  await expect.poll(condition, { timeout: 30_000, interval: 5 }).toBe(true);
}

export const refusals = (stats: ReceiveStats): Record<string, number> =>
  Object.fromEntries(
    Object.entries(stats.refused).flatMap(([reason, { requests }]) => (requests > 0 ? [[reason, requests]] : [])),
  );
