import { createHash, timingSafeEqual } from 'node:crypto';
import { compareSync } from 'bcryptjs';

/** Whether it takes milliseconds and more to compare a password with this hash, for that is what it is for. */
export const isSlow = (hash: string): boolean => /^\$(?:2|apr1\$)/.test(hash);

/** Is this the password? `hash` as in password-file.ts. */
export function matches(password: string, hash: string): boolean {
  if (hash.startsWith('$2')) return compareSync(password, hash);
  if (hash.startsWith('$apr1$')) return isSame(apr1(password, hash.split('$')[2]), hash);
  const sha1 = /^\{(S?)SHA\}(.*)$/.exec(hash);
  if (sha1 === null) return isSame(password, hash);
  const stored = Buffer.from(sha1[2], 'base64');
  const found = createHash('sha1').update(password).update(stored.subarray(20)).digest();
  return timingSafeEqual(found, stored.subarray(0, 20));
}

/** In a time that says nothing of where they differ, nor how long they are. */
function isSame(a: string, b: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}

const rounds = 1000;
const alphabet = './0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
/** Which bytes of the digest make four characters, the highest first. */
const groups = [
  [0, 6, 12],
  [1, 7, 13],
  [2, 8, 14],
  [3, 9, 15],
  [4, 10, 5],
];

/** Apache's own: MD5, a thousand times over. Source: apr-util, crypto/apr_md5.c. */
function apr1(text: string, salt: string): string {
  const password = Buffer.from(text);
  const md5 = (...parts: readonly (Uint8Array | string)[]): Buffer =>
    parts.reduce<ReturnType<typeof createHash>>((sum, part) => sum.update(part), createHash('md5')).digest();
  const inner = md5(password, salt, password);
  const mixed: (Uint8Array | string)[] = [password, '$apr1$', salt];
  for (let left = password.length; left > 0; left -= 16) mixed.push(inner.subarray(0, Math.min(16, left)));
  for (let bits = password.length; bits > 0; bits >>= 1)
    mixed.push((bits & 1) === 1 ? Buffer.alloc(1) : password.subarray(0, 1));
  let digest = md5(...mixed);
  for (let i = 0; i < rounds; i++) {
    const parts: (Uint8Array | string)[] = [i % 2 === 1 ? password : digest];
    if (i % 3 !== 0) parts.push(salt);
    if (i % 7 !== 0) parts.push(password);
    parts.push(i % 2 === 1 ? digest : password);
    digest = md5(...parts);
  }
  const characters = groups.map(([a, b, c]) => inAlphabet((digest[a] << 16) | (digest[b] << 8) | digest[c], 4));
  return `$apr1$${salt}$${characters.join('')}${inAlphabet(digest[11], 2)}`;
}

/** The lowest six bits first. */
const inAlphabet = (bits: number, count: number): string =>
  Array.from({ length: count }, (_, i) => alphabet[(bits >> (6 * i)) & 63]).join('');
