import { mkdtempSync, rmSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import net, { type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tls from 'node:tls';
import grpc from '@grpc/grpc-js';
import { type ServerCredentials, serverCredentials } from '../../../src/receive/server-credentials.ts';
import { certificateSet, type Issued } from '../../support/certificates.ts';

/**
 * The stories of receivers are told twice: in plain, and in vitest's project `tls` with TLS in between. Only what opens a
 * connection knows.
 */
export const overTls = process.env.TLS === '1';

const folder = mkdtempSync(join(tmpdir(), 'tailgate-transport-'));
export const certificates = await certificateSet(folder);
rmSync(folder, { recursive: true });

/** What a port is opened with; with `clientCa`, clients must show a certificate. */
export const credentialsOf = ({ cert, key }: Issued, clientCa?: string): ServerCredentials =>
  serverCredentials(
    { cert_file: cert, key_file: key, ...(clientCa !== undefined && { client_ca_file: clientCa }) },
    (file, message) => new Error(`${file}: ${message}`),
  );

export const transport: { readonly tls?: ServerCredentials } = overTls
  ? { tls: credentialsOf(certificates.server) }
  : {};

// Whoever connects in this process believes it, fetch as well.
if (overTls) tls.setDefaultCACertificates([certificates.ca.ca]);
export const scheme = overTls ? 'https' : 'http';
export const [httpRequest, HttpAgent] = overTls ? [https.request, https.Agent] : [http.request, http.Agent];
/** For grpc-js, which takes no address for a server's name. */
export const grpcCredentials = overTls
  ? grpc.credentials.createSsl(Buffer.from(certificates.ca.ca))
  : grpc.credentials.createInsecure();
export const grpcOptions = overTls ? { 'grpc.ssl_target_name_override': 'localhost' } : {};

/** A client's connection; `ready` is called when it may be written to. */
export function dial(port: number, options: { readonly allowHalfOpen?: boolean } = {}, ready = (): void => {}): Socket {
  const raw = net.connect({ ...options, host: '127.0.0.1', port });
  if (!overTls) return raw.once('connect', ready);
  const socket = tls.connect({ socket: raw, servername: 'localhost' }, ready);
  return Object.assign(socket, { resetAndDestroy: () => raw.resetAndDestroy() && socket });
}
