import type { PeerCertificate } from 'node:tls';
import type { Subject } from './peer.ts';

/** One alternative name as node:tls writes it, in quotes where it has characters that could be taken for its end. */
const alternativeName = /([A-Za-z][\w ]*):("(?:[^"\\]|\\.)*"|[^,]*)(?:, |$)/y;

/** Of a certificate as node:tls gives it. */
export function subjectOf({
  subject,
  subjectaltname = '',
}: Pick<PeerCertificate, 'subject' | 'subjectaltname'>): Subject {
  const { CN } = subject ?? {};
  const names: string[] = [];
  alternativeName.lastIndex = 0;
  for (let found = alternativeName.exec(subjectaltname); found !== null; found = alternativeName.exec(subjectaltname)) {
    const [, kind, value] = found;
    names.push(`${kind}:${value.startsWith('"') ? JSON.parse(value) : value}`);
  }
  return { commonName: (Array.isArray(CN) ? CN[0] : CN) ?? '', names };
}
