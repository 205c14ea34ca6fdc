import type { DetailedPeerCertificate, PeerCertificate } from 'node:tls';
import type { TlsClient } from './files.ts';

/** What the user sets of it, by the names that it has where they are set: `tls.ca_file`, `--ca-file`. */
export interface TlsNames {
  readonly ca: string;
  /** Of the client's certificate and its key. */
  readonly certificate: string;
  readonly serverName: string;
}

/** Of a stranger's certificate, that is shown. */
const maxNames = 5;
const maxNameLength = 80;

const unknownAuthority = [
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
];

/** Why a server's certificate is not taken, and what to do; `code` is OpenSSL's or Node's word for it. */
export function distrust(
  code: string,
  certificate: DetailedPeerCertificate | undefined,
  { name, client, names }: { name: string; client: TlsClient; names: TlsNames },
): string {
  const its = `the server's certificate${certificate ? ` (${commonName(certificate.subject)})` : ''}`;
  if (unknownAuthority.includes(code)) {
    const whose = certificate ? ` (${commonName(certificate.issuer)})` : '';
    const advice = client.hasCa ? `is ${names.ca} that of this server?` : `set ${names.ca} to it`;
    return `${its} is of an authority that is not trusted${whose}: ${advice}`;
  }
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    const advice = `set ${names.serverName} where the server is known by another name`;
    return `${its} is ${certificate ? `for ${namesOf(certificate)} and ` : ''}not for ${name}: ${advice}`;
  }
  if (code === 'CERT_HAS_EXPIRED') {
    if (!certificate) return `${its} has expired`;
    const first = earliest(chainOf(certificate), ({ valid_to }) => valid_to);
    return `${expiring(first, certificate, its)} has expired: it was valid until ${iso(first.valid_to)}`;
  }
  if (code === 'CERT_NOT_YET_VALID') {
    if (!certificate) return `${its} is not valid yet: is the clock right?`;
    const last = earliest(chainOf(certificate), ({ valid_from }) => valid_from, -1);
    return `${expiring(last, certificate, its)} is valid from ${iso(last.valid_from)} only: is the clock right?`;
  }
  return `${its} is not trusted: ${code}`;
}

const judged = [...unknownAuthority, 'ERR_TLS_CERT_ALTNAME_INVALID', 'CERT_HAS_EXPIRED', 'CERT_NOT_YET_VALID'];

const expiring = (one: DetailedPeerCertificate, leaf: DetailedPeerCertificate, its: string): string =>
  one === leaf ? its : `the certificate of the server's authority (${commonName(one.subject)})`;

/** The server's own first; the root, which is its own issuer, last. */
function chainOf(leaf: DetailedPeerCertificate): DetailedPeerCertificate[] {
  const chain = new Set<DetailedPeerCertificate>();
  for (let at: DetailedPeerCertificate | undefined = leaf; at && !chain.has(at); at = at.issuerCertificate)
    chain.add(at);
  const dated = [...chain].filter(({ valid_to }) => valid_to);
  return dated.length > 0 ? dated : [leaf];
}

function earliest(
  chain: readonly DetailedPeerCertificate[],
  time: (each: DetailedPeerCertificate) => string,
  sign = 1,
): DetailedPeerCertificate {
  return chain.reduce((best, each) => ((Date.parse(time(each)) - Date.parse(time(best))) * sign < 0 ? each : best));
}

const iso = (time: string): string => (Number.isNaN(Date.parse(time)) ? time : new Date(time).toISOString());

const shown = (value: string | string[] | undefined): string => String(value ?? '').slice(0, maxNameLength);

const commonName = (of: PeerCertificate['subject'] | undefined): string =>
  of?.CN ? `CN=${shown(of.CN)}` : 'without a CN';

/** `DNS:a, IP Address:::1` → a, ::1. */
function namesOf({ subjectaltname = '' }: DetailedPeerCertificate): string {
  const names = subjectaltname.split(', ').map((name) => shown(name.replace(/^[A-Za-z ]+:/, '')));
  if (names[0] === '') return 'no name at all';
  return names.slice(0, maxNames).join(', ') + (names.length > maxNames ? ' …' : '');
}

/**
 * What node:tls found wrong, or the other side said (RFC 8446 §6), in words that say what to do; undefined where an
 * error is of something else.
 */
export function explanation(error: unknown, client: TlsClient, names: TlsNames): string | undefined {
  const { code: said, host = '', cert } = error as { code?: unknown; host?: string; cert?: DetailedPeerCertificate };
  const code = String(said ?? '');
  if (judged.includes(code)) return distrust(code, cert, { name: client.serverName ?? host, client, names });
  return code.startsWith('ERR_SSL_') ? alertText(code, client, names) : undefined;
}

function alertText(code: string, client: TlsClient, names: TlsNames): string {
  const alert = /ALERT_(\w+)$/.exec(code)?.[1] ?? '';
  const isAboutUs = /CERTIFICATE|UNKNOWN_CA|ACCESS_DENIED|HANDSHAKE_FAILURE|DECRYPT_ERROR/.test(alert);
  if (alert === 'CERTIFICATE_REQUIRED' || (isAboutUs && !client.hasCertificate)) {
    return `the server demands a client certificate: set ${names.certificate}`;
  }
  if (isAboutUs) return `the server refuses our certificate (${names.certificate}): ${words(alert)}`;
  if (alert === 'NO_APPLICATION_PROTOCOL') return noProtocol;
  if (/PROTOCOL_VERSION|UNSUPPORTED_PROTOCOL/.test(code)) return 'the server speaks no TLS 1.2 or 1.3';
  if (/WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|HTTP_REQUEST/.test(code)) {
    return 'the server speaks no TLS: does the address begin with http://?';
  }
  return words(code.slice('ERR_SSL_'.length));
}

export const noProtocol = 'the server speaks TLS, but not the protocol that is wanted in it (ALPN)';

const words = (code: string): string => code.toLowerCase().replaceAll('_', ' ');
