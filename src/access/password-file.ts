import type { PasswordEntry } from './credential.ts';
import { entriesOf } from './lines.ts';

const bcrypt = /^\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}$/;
/** Each more is twice the work: of this, a second or so a password. */
const mostBcryptCost = 14;

/**
 * A password file as Apache's htpasswd writes it, a line `USER:HASH` for each, with what the Collector's basicauth takes
 * of it: bcrypt (`htpasswd -B`), Apache's MD5 (`$apr1$`), `{SHA}`, `{SSHA}`, or the password itself. Empty lines and
 * those that begin with # are passed over. Throws what is wrong, with its line and nothing of a hash.
 */
export function parsePasswordFile(text: string): PasswordEntry[] {
  const entries = entriesOf(text, ({ line }) => {
    const colon = line.indexOf(':');
    if (colon <= 0) return 'expected USER:HASH, as htpasswd -B writes it';
    const [name, hash] = [line.slice(0, colon), line.slice(colon + 1)];
    return whyNot(hash) ?? { name, hash };
  });
  if (entries.length === 0) throw new Error('no user in it: expected a line USER:HASH, as htpasswd -B writes it');
  return entries;
}

function whyNot(hash: string): string | undefined {
  if (hash === '') return 'no hash behind the user';
  if (hash.startsWith('$2')) return whyNoBcrypt(hash);
  if (hash.startsWith('$apr1$')) return /^\$apr1\$[^$]{1,8}\$[./A-Za-z0-9]{22}$/.test(hash) ? undefined : broken;
  const digest = /^\{S?SHA\}([A-Za-z0-9+/]+={0,2})$/.exec(hash)?.[1];
  if (/^\{S?SHA\}/.test(hash)) {
    const bytes = Buffer.from(digest ?? '', 'base64').length;
    return bytes === 20 || (bytes > 20 && hash.startsWith('{SSHA}')) ? undefined : broken;
  }
  // What looks like a hash is not taken for a password.
  return /^[${]/.test(hash) ? 'a hash of another kind: expected one of htpasswd -B, -m or -s' : undefined;
}

const broken = 'a hash that is not whole: expected it as htpasswd wrote it';

function whyNoBcrypt(hash: string): string | undefined {
  const cost = Number(bcrypt.exec(hash)?.[1]);
  if (!(cost >= 4)) return broken;
  return cost > mostBcryptCost
    ? `bcrypt of cost ${cost}, seconds for each password: expected at most ${mostBcryptCost}`
    : undefined;
}
