import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';

/**
 * Certificates and keys as files hold them (RFC 7468). What is wrong is thrown as what `complaint` makes of the words;
 * none of them is of the text, which may be a secret.
 */
type Complaint = (message: string) => Error;

/** All certificates of a text, the first one first. */
export function certificatesIn(text: string, complaint: Complaint): [X509Certificate, ...X509Certificate[]] {
  const begun = text.split('-----BEGIN CERTIFICATE-----').length - 1;
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
  if (begun === 0) throw complaint('holds no certificate: expected PEM');
  if (blocks.length < begun) throw complaint('a certificate in it is cut off');
  return blocks.map((block, i) => {
    try {
      return new X509Certificate(block);
    } catch {
      throw complaint(`certificate ${i + 1} in it cannot be read`);
    }
  }) as [X509Certificate, ...X509Certificate[]];
}

export function privateKeyIn(text: string, complaint: Complaint): KeyObject {
  if (!/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(text)) throw complaint('holds no private key: expected PEM');
  if (/-----BEGIN ENCRYPTED |^Proc-Type:.*ENCRYPTED/m.test(text))
    throw complaint('is encrypted: expected a key without a passphrase');
  try {
    return createPrivateKey(text);
  } catch {
    throw complaint('the private key in it cannot be read');
  }
}
