import { readdir, readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { join } from 'node:path';
import {
  type ConnectionOptions,
  checkServerIdentity,
  createSecureContext,
  getCACertificates,
  type PeerCertificate,
  type SecureContext,
} from 'node:tls';
import { certificatesIn, privateKeyIn } from '../pem.ts';

/** How a client tells servers it may trust, and shows who it is itself: files, in PEM. */
export interface TlsFiles {
  /** Authorities; comes before `caDirectory`. Where neither is given, Node's and the system's count. */
  readonly caFile?: string;
  /** All files in it and in the folders below it. */
  readonly caDirectory?: string;
  /** Both or neither: the client's certificate, with the intermediates that others need for it, and its key. */
  readonly certFile?: string;
  readonly keyFile?: string;
  /** The name that is asked for and that the certificate must have; the host's where none is given. */
  readonly serverName?: string;
  /** false: take any certificate. */
  readonly verify?: boolean;
}

/** What such files hold, for any number of connections. */
export interface TlsClient {
  readonly context: SecureContext;
  readonly serverName: string | undefined;
  readonly verify: boolean;
  readonly hasCa: boolean;
  readonly hasCertificate: boolean;
  /** When its own certificate expires, in Unix milliseconds. */
  readonly expiresAt?: number;
}

/** The files' texts. */
export interface TlsTexts {
  readonly ca?: string | readonly string[];
  readonly cert?: string;
  readonly key?: string;
}

/** What is wrong with one of them. */
type Complaint = (text: keyof TlsTexts, message: string) => Error;

/** Throws what is wrong with them: by `complaint` where it is one, as a plain Error where they do not fit each other. */
export function tlsClient(
  { ca, cert, key }: TlsTexts,
  { serverName, verify = true }: Pick<TlsFiles, 'serverName' | 'verify'>,
  complaint: Complaint,
): TlsClient {
  // Most are in both, the system's even several times; each costs as much as it is read.
  const usual = () => [...new Set([...getCACertificates('default'), ...getCACertificates('system')])];
  const trusted = ca === undefined ? usual() : [ca].flat();
  if (ca !== undefined) for (const text of trusted) certificatesIn(text, (message) => complaint('ca', message));
  const common = { serverName: serverName || undefined, verify, hasCa: ca !== undefined };
  if (cert === undefined || key === undefined) {
    return { ...common, context: createSecureContext({ ca: trusted }), hasCertificate: false };
  }
  const [own] = certificatesIn(cert, (message) => complaint('cert', message));
  if (!own.checkPrivateKey(privateKeyIn(key, (message) => complaint('key', message))))
    throw new Error('the key does not belong to the certificate');
  const context = createSecureContext({ ca: trusted, cert, key });
  return { ...common, context, hasCertificate: true, expiresAt: Date.parse(own.validTo) };
}

/**
 * Reads the files, once. As Consul's own client has it (hashicorp/go-rootcerts), of a folder of authorities every file
 * counts, and what is no certificate is an error rather than passed over. Throws an Error that names the file.
 */
export async function readTlsClient(files: TlsFiles): Promise<TlsClient> {
  const { caFile, caDirectory, certFile, keyFile } = files;
  const caFiles = caFile ? [caFile] : caDirectory ? await filesBelow(caDirectory) : undefined;
  const [ca, cert, key] = await Promise.all([
    caFiles && Promise.all(caFiles.map((file) => readAuthorities(file))),
    certFile ? readFile(certFile, 'utf8') : undefined,
    keyFile ? readFile(keyFile, 'utf8') : undefined,
  ]);
  const paths = { ca: caFile ?? caDirectory, cert: certFile, key: keyFile };
  const texts = { ...(ca && { ca }), ...(cert !== undefined && { cert }), ...(key !== undefined && { key }) };
  return tlsClient(texts, files, (text, message) => new Error(`${paths[text]}: ${message}`));
}

async function filesBelow(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => !entry.isDirectory()).map((entry) => join(entry.parentPath, entry.name));
}

async function readAuthorities(file: string): Promise<string> {
  const text = await readFile(file, 'utf8');
  certificatesIn(text, (message) => new Error(`${file}: ${message}`));
  return text;
}

/** What node:tls needs to reach `host` by it. An address is not asked for as a name (RFC 6066 §3). */
export function connectionOptions({ context, serverName, verify }: TlsClient, host = ''): ConnectionOptions {
  const name = serverName ?? host;
  const common = { secureContext: context, rejectUnauthorized: verify };
  if (name === '') return common;
  if (!isIP(name)) return { ...common, servername: name };
  return {
    ...common,
    servername: '',
    checkServerIdentity: (_: string, certificate: PeerCertificate) => checkServerIdentity(name, certificate),
  };
}
