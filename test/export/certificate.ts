import { generateKeyPairSync, sign } from 'node:crypto';

/** One ASN.1 value in DER (X.690): tag, length, contents. */
function der(tag: number, ...contents: Uint8Array[]): Buffer {
  const body = Buffer.concat(contents);
  const length = body.length < 128 ? [body.length] : [0x82, body.length >> 8, body.length & 255];
  return Buffer.concat([Buffer.from([tag, ...length]), body]);
}

const sequence = (...contents: Uint8Array[]) => der(0x30, ...contents);
const oid = (hex: string) => der(0x06, Buffer.from(hex, 'hex'));
const ecdsaWithSha256 = sequence(oid('2a8648ce3d040302'));
const commonName = (name: string) => sequence(der(0x31, sequence(oid('550403'), der(0x0c, Buffer.from(name)))));
const time = (text: string) => der(0x18, Buffer.from(text));

/** subjectAltName (2.5.29.17) with one IPv4 address. */
const altAddress = (ip: string) =>
  sequence(oid('551d11'), der(0x04, sequence(der(0x87, Uint8Array.from(ip.split('.').map(Number))))));

/** A certificate for an IPv4 address, signed by itself (RFC 5280), with its key; both PEM. For tests only. */
export function certificateFor(ip: string): { cert: string; key: string } {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const toBeSigned = sequence(
    der(0xa0, der(0x02, Uint8Array.of(2))),
    der(0x02, Uint8Array.of(1)),
    ecdsaWithSha256,
    commonName(`test ${ip}`),
    sequence(time('20200101000000Z'), time('21200101000000Z')),
    commonName(`test ${ip}`),
    publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, sequence(altAddress(ip))),
  );
  const signature = der(0x03, Uint8Array.of(0), sign('sha256', toBeSigned, privateKey));
  const certificate = sequence(toBeSigned, ecdsaWithSha256, signature);
  const cert = `-----BEGIN CERTIFICATE-----\n${certificate.toString('base64')}\n-----END CERTIFICATE-----\n`;
  return { cert, key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() };
}
