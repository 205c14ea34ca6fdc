import { constants, randomBytes } from 'node:crypto';
import { createSecureContext, DEFAULT_CIPHERS, type SecureContextOptions } from 'node:tls';
import { certificatesIn, privateKeyIn } from '../pem.ts';

/** What a port with TLS is opened with: plain values, in PEM, so that they can go to other threads. */
export interface ServerCredentials {
  /** The certificate, then those that lead to its authority. */
  readonly certificate: string;
  readonly key: string;
  /** Who issues the certificates that clients must show; undefined where they need none. */
  readonly clientCa?: string;
  /** So that a client can resume its session with any shard; new with each change, which ends what was before. */
  readonly ticketKeys: Uint8Array;
  /** Unix milliseconds. */
  readonly expiresAt: number;
}

/** What is wrong with one of the texts, by its key in the boot file. */
type Complaint = (key: 'cert_file' | 'key_file' | 'client_ca_file', message: string) => Error;

/**
 * The texts of `cert_file`, `key_file` and `client_ca_file` as credentials. Throws what is wrong with them: by
 * `complaint` where it is one of them, as a plain Error where they do not fit each other.
 */
export function serverCredentials(texts: Readonly<Record<string, string>>, complaint: Complaint): ServerCredentials {
  const { cert_file: certificate, key_file: key, client_ca_file: clientCa } = texts;
  const [leaf] = certificatesIn(certificate, (message) => complaint('cert_file', message));
  if (clientCa !== undefined) certificatesIn(clientCa, (message) => complaint('client_ca_file', message));
  if (!leaf.checkPrivateKey(privateKeyIn(key, (message) => complaint('key_file', message))))
    throw new Error('the key in key_file does not belong to the certificate in cert_file');
  const credentials = {
    certificate,
    key,
    ...(clientCa !== undefined && { clientCa }),
    ticketKeys: randomBytes(48),
    expiresAt: Date.parse(leaf.validTo),
  };
  createSecureContext(secureContextOf(credentials));
  return credentials;
}

/** Node's own list, but that AES with 128 bits, as most servers choose it, comes before that with 256, which costs more. */
const fastest = 'TLS_AES_128_GCM_SHA256';
const ciphers = [fastest, ...DEFAULT_CIPHERS.split(':').filter((name) => name !== fastest)].join(':');

/** For node:tls and what is built on it: TLS 1.2 or newer, and never a second handshake on a connection. */
export function secureContextOf({ certificate, key, clientCa, ticketKeys }: ServerCredentials): SecureContextOptions {
  return {
    cert: certificate,
    key,
    ...(clientCa !== undefined && { ca: clientCa }),
    minVersion: 'TLSv1.2',
    ciphers,
    honorCipherOrder: true,
    secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
    sessionIdContext: 'tailgate',
    ticketKeys: Buffer.from(ticketKeys),
  };
}
