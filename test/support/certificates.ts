import 'reflect-metadata';
import { KeyObject, webcrypto } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { join } from 'node:path';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509CertificateGenerator,
} from '@peculiar/x509';

/** A certificate with its chain, without the root, and its key: as text in PEM, and the files that hold them. */
export interface Issued {
  readonly cert: string;
  readonly key: string;
  readonly certFile: string;
  readonly keyFile: string;
}

export interface Wanted {
  readonly usage: 'server' | 'client';
  /** Of the subject; what the files are called where it is not given. */
  readonly commonName?: string;
  /** subjectAltName: addresses, URIs (`spiffe://…`) and, else, DNS names. */
  readonly names?: readonly string[];
  /** P-256, which takes a millisecond to make, or RSA of 2048 bits, which takes a hundred times as long. */
  readonly key?: 'ec' | 'rsa';
  /** From an hour ago to a day ahead where not given. */
  readonly notBefore?: Date;
  readonly notAfter?: Date;
  /** By its own key, so that it is its own authority. */
  readonly selfSigned?: boolean;
}

type Pair = webcrypto.CryptoKeyPair;

const hourMs = 3_600_000;
const fromNow = (hours: number) => new Date(Date.now() + hours * hourMs);
const ecdsa = { name: 'ECDSA', namedCurve: 'P-256' };
const rsa = {
  ...{ name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256', modulusLength: 2048 },
  publicExponent: Uint8Array.of(1, 0, 1),
};
const makeKeys = (kind: 'ec' | 'rsa' = 'ec') =>
  webcrypto.subtle.generateKey(kind === 'ec' ? ecdsa : rsa, true, ['sign', 'verify']) as Promise<Pair>;

/** Issues certificates into files of a folder: `NAME.crt` and `NAME.key`. Issued again, the files are replaced. */
export class Authority {
  readonly commonName: string;
  /** The root's, whoever of the chain this is: for those who shall trust it. */
  readonly caFile: string;
  readonly ca: string;
  readonly #folder: string;
  readonly #keys: Pair;
  /** What goes after every certificate: the intermediates, nearest first. */
  readonly #chain: string;

  private constructor(
    commonName: string,
    folder: string,
    keys: Pair,
    root: { caFile: string; ca: string },
    chain = '',
  ) {
    this.commonName = commonName;
    this.#folder = folder;
    this.#keys = keys;
    this.caFile = root.caFile;
    this.ca = root.ca;
    this.#chain = chain;
  }

  /** A root; its certificate is in `FOLDER/NAME.crt`. */
  static async create(folder: string, name: string, commonName = `Test ${name}`): Promise<Authority> {
    mkdirSync(folder, { recursive: true });
    const keys = await makeKeys();
    const ca = await certificate({ subject: commonName, issuer: commonName, keys, signedBy: keys, extensions: ofCa() });
    const caFile = join(folder, `${name}.crt`);
    writeFileSync(caFile, ca);
    return new Authority(commonName, folder, keys, { caFile, ca });
  }

  /** An authority below this one. What it issues brings its certificate along. */
  async intermediate(name: string, valid: Pick<Wanted, 'notBefore' | 'notAfter'> = {}): Promise<Authority> {
    const commonName = `Test ${name}`;
    const keys = await makeKeys();
    const subject = { ...valid, subject: commonName, issuer: this.commonName, keys, extensions: ofCa() };
    const own = await certificate({ ...subject, signedBy: this.#keys });
    return new Authority(commonName, this.#folder, keys, this, own + this.#chain);
  }

  async issue(name: string, wanted: Wanted): Promise<Issued> {
    const keys = await makeKeys(wanted.key);
    const { commonName: subject = name, selfSigned = false } = wanted;
    const issuer = selfSigned ? { issuer: subject, signedBy: keys } : { issuer: this.commonName, signedBy: this.#keys };
    const own = await certificate({ ...wanted, subject, ...issuer, keys, extensions: ofLeaf(wanted) });
    const cert = own + (selfSigned ? '' : this.#chain);
    const key = KeyObject.from(keys.privateKey).export({ type: 'pkcs8', format: 'pem' }).toString();
    const certFile = join(this.#folder, `${name}.crt`);
    const keyFile = join(this.#folder, `${name}.key`);
    writeFileSync(certFile, cert);
    writeFileSync(keyFile, key, { mode: 0o600 });
    return { cert, key, certFile, keyFile };
  }
}

interface Certificate extends Pick<Wanted, 'notBefore' | 'notAfter'> {
  readonly subject: string;
  readonly issuer: string;
  readonly keys: Pair;
  readonly signedBy: Pair;
  readonly extensions: Extension[];
}

const named = (commonName: string) => [{ CN: [commonName] }];

async function certificate(wanted: Certificate): Promise<string> {
  const { subject, issuer, keys, signedBy, extensions, notBefore = fromNow(-1), notAfter = fromNow(24) } = wanted;
  // Python's ssl, which is strict since 3.13, wants to see both.
  const identifiers = [
    await SubjectKeyIdentifierExtension.create(keys.publicKey),
    await AuthorityKeyIdentifierExtension.create(signedBy.publicKey),
  ];
  const made = await X509CertificateGenerator.create({
    ...{ subject: named(subject), issuer: named(issuer), notBefore, notAfter },
    extensions: [...extensions, ...identifiers],
    ...{ publicKey: keys.publicKey, signingKey: signedBy.privateKey },
    signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' },
  });
  return `${made.toString('pem')}\n`;
}

const ofCa = (): Extension[] => [
  new BasicConstraintsExtension(true, undefined, true),
  new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
];

function ofLeaf({ usage, names = [] }: Wanted): Extension[] {
  const type = (value: string) => (isIP(value) ? 'ip' : value.includes('://') ? 'url' : 'dns');
  return [
    new BasicConstraintsExtension(false, undefined, true),
    new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
    new ExtendedKeyUsageExtension([ExtendedKeyUsage[usage === 'server' ? 'serverAuth' : 'clientAuth']]),
    ...(names.length > 0
      ? [new SubjectAlternativeNameExtension(names.map((value) => ({ type: type(value), value })))]
      : []),
  ];
}

/** The names of this machine that a test's servers are reached by. */
export const loopback = ['localhost', '127.0.0.1', '::1'];

/**
 * What most stories of TLS need: an authority that is trusted and one that is not, and of servers (for `loopback`) and
 * clients (CN `sender`) one that is right, one that has expired a minute ago, and one of the other authority. Takes some
 * ten milliseconds: make it once for a test file, in a folder of its own.
 */
export async function certificateSet(folder: string) {
  const ca = await Authority.create(folder, 'ca');
  const otherCa = await Authority.create(folder, 'other-ca');
  const below = await ca.intermediate('below');
  const server = { usage: 'server', commonName: 'gateway', names: loopback } as const;
  const client = { usage: 'client', commonName: 'sender', names: ['sender.test', 'spiffe://test/sender'] } as const;
  const expired = { notBefore: fromNow(-48), notAfter: new Date(Date.now() - 60_000) };
  return {
    ca,
    otherCa,
    server: await ca.issue('server', server),
    expiredServer: await ca.issue('expired-server', { ...server, ...expired }),
    foreignServer: await otherCa.issue('foreign-server', server),
    /** For `elsewhere.test` alone. */
    misnamedServer: await ca.issue('misnamed-server', { ...server, names: ['elsewhere.test'] }),
    /** Through an intermediate that comes along with it. */
    chainedServer: await below.issue('chained-server', server),
    client: await ca.issue('client', client),
    expiredClient: await ca.issue('expired-client', { ...client, ...expired }),
    foreignClient: await otherCa.issue('foreign-client', client),
    chainedClient: await below.issue('chained-client', client),
  };
}
