import { readdir, readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { checkServerIdentity, getCACertificates, type PeerCertificate } from 'node:tls';
import type { ConsulClient } from './consul-options.ts';

/**
 * What node:tls needs, read anew: as Consul's own client has it (hashicorp/go-rootcerts), the file of authorities comes
 * before the folder, of the folder every file counts, and what is no certificate is an error rather than passed over.
 */
export async function tlsOptions(tls: ConsulClient['tls']): Promise<Record<string, unknown>> {
  const { caFile, caDirectory, certFile, keyFile, serverName, verify } = tls;
  return {
    ca: await authorities(caFile, caDirectory),
    cert: certFile && (await readFile(certFile)),
    key: keyFile && (await readFile(keyFile)),
    rejectUnauthorized: verify,
    ...(serverName && named(serverName)),
  };
}

async function authorities(file: string | undefined, directory: string | undefined): Promise<string[]> {
  if (file) return [await certificatesIn(file)];
  if (!directory) return [...getCACertificates('default'), ...getCACertificates('system')];
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => !entry.isDirectory()).map((entry) => join(entry.parentPath, entry.name));
  return await Promise.all(files.map(certificatesIn));
}

async function certificatesIn(file: string): Promise<string> {
  const text = await readFile(file, 'utf8');
  if (!text.includes('-----BEGIN CERTIFICATE-----')) throw new Error(`${file}: holds no certificate: expected PEM`);
  return text;
}

/** The name that is asked for and that the certificate must have; an address is not asked for (RFC 6066 §3). */
function named(serverName: string): Record<string, unknown> {
  if (!isIP(serverName)) return { servername: serverName };
  return {
    servername: '',
    checkServerIdentity: (_: string, certificate: PeerCertificate) => checkServerIdentity(serverName, certificate),
  };
}
