import { describe, expect, it } from 'vitest';
import { isSlow, matches } from '../../src/access/hashes.ts';
import { parsePasswordFile } from '../../src/access/password-file.ts';

/** Of `secret`, as crypt(3), openssl passwd -apr1 and slapd make them. */
const hashes = {
  bcrypt: '$2y$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW',
  apr1: '$apr1$Ab3/x.zQ$84DTBX3NgBZSimpb5vybf/',
  sha: '{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=',
  ssha: '{SSHA}1G904nLkTkGWjKNnQuB/hpWXC/hzYWx0c2FsdA==',
  plain: 'secret',
};

describe('a hash', () => {
  it.each(Object.entries(hashes))('of %s is that of its password and of no other', (kind, hash) => {
    expect(matches('secret', hash)).toBe(true);
    for (const wrong of ['Secret', 'secret ', 'secre', '', `${hash}x`]) expect(matches(wrong, hash)).toBe(false);
    expect(isSlow(hash)).toBe(kind === 'bcrypt' || kind === 'apr1');
  });

  it.each([
    ['a', '$apr1$Ab3/x.zQ$F6lz43GHA5jRjOYSrHLzZ0'],
    ['längeres Passwort mit mehr als sechzehn Bytes', '$apr1$Ab3/x.zQ$4VEYir1KyKmrhT9dAyrH/1'],
    ['x'.repeat(72), '$apr1$Ab3/x.zQ$Sl7cQbH03SeKBBY3wzXsN.'],
  ])("of Apache's MD5 is what openssl makes of %s", (password, hash) => {
    expect(matches(password, hash)).toBe(true);
    expect(matches(`${password}x`, hash)).toBe(false);
  });
});

describe('a password file', () => {
  it('has a user and a hash a line', () => {
    const text = `# by htpasswd\n\nana:${hashes.bcrypt}\r\nben:${hashes.sha}\nc:a:b\n`;
    expect(parsePasswordFile(text)).toEqual([
      { name: 'ana', hash: hashes.bcrypt },
      { name: 'ben', hash: hashes.sha },
      { name: 'c', hash: 'a:b' },
    ]);
  });

  it.each([
    ['nothing', '', 'no user in it'],
    ['a line without a colon', 'ana', 'line 1: expected USER:HASH'],
    ['a hash without a user', ':secret', 'line 1: expected USER:HASH'],
    ['a user without a hash', 'ana:', 'line 1: no hash behind the user'],
    ['half a bcrypt', `ana:${hashes.bcrypt.slice(0, -1)}`, 'line 1: a hash that is not whole'],
    ['a bcrypt that takes seconds', `ana:${hashes.bcrypt.replace('$04$', '$15$')}`, 'line 1: bcrypt of cost 15'],
    ['half an MD5', `ana:${hashes.apr1.slice(0, -1)}`, 'line 1: a hash that is not whole'],
    ['half a SHA', 'ana:{SHA}5en6G6MezRroT3X=', 'line 1: a hash that is not whole'],
    ['a SHA-512 of crypt', 'ana:$6$salt$hash', 'line 1: a hash of another kind'],
    ['a user twice', 'ana:a\nana:b', 'line 2: the name "ana" of line 1 once more'],
  ])('refuses %s', (_what, text, message) => {
    expect(() => parsePasswordFile(text)).toThrow(message);
  });
});
