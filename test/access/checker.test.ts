import { describe, expect, it } from 'vitest';
import { basicPair, bearerToken } from '../../src/access/authorization.ts';
import { Checker } from '../../src/access/checker.ts';
import type { Credentials } from '../../src/access/credential.ts';
import { newKey } from '../../src/access/digest.ts';
import { parsePasswordFile } from '../../src/access/password-file.ts';
import { PasswordQueue } from '../../src/access/password-queue.ts';
import { parseTokenFile } from '../../src/access/token-file.ts';

const key = newKey();
const asker = { address: '10.0.0.1' };
const [current, retired] = ['0123456789abcdef-current', '0123456789abcdef-retired'];
const tokens = (text: string): Credentials => ({
  scheme: 'bearer',
  key,
  tokens: parseTokenFile(text, key, { scopes: true }),
});
const users = (text: string): Credentials => ({ scheme: 'basic', key, users: parsePasswordFile(text) });
const basic = (user: string, password: string): string =>
  `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
/** bcrypt of `secret`. */
const slow = '$2y$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW';

/** A thread that compares when it is told to. */
function handThread() {
  const asked: { password: string; answer: (isRight: boolean) => void }[] = [];
  let waits = 0;
  const pauses: (() => void)[] = [];
  const queue = new PasswordQueue(
    (password) => new Promise((answer) => asked.push({ password, answer })),
    () => new Promise<void>((resolve) => pauses.push(resolve)),
  );
  const answer = async (isRight: boolean): Promise<void> => {
    asked[waits++].answer(isRight);
    for (let turns = 0; turns < 5; turns++) await Promise.resolve();
  };
  return { queue, asked, pauses, answer };
}
const nobody = handThread().queue;

describe('an Authorization header', () => {
  it.each([
    ['Bearer abc', 'abc'],
    ['bEARER   a+/=~', 'a+/=~'],
    ['Bearer', undefined],
    ['Bearer ', undefined],
    ['Bearer a b', undefined],
    ['Bearer a, Bearer a', undefined],
    ['Bearer\ta', undefined],
    [' Bearer a', undefined],
    ['Bearer ä', undefined],
    ['Token a', undefined],
    ['', undefined],
  ])('%j has the token %s', (header, token) => {
    expect(bearerToken(header)).toBe(token);
  });

  it.each([
    [basic('ana', 'a:b'), { user: 'ana', password: 'a:b' }],
    [basic('', ''), { user: '', password: '' }],
    [basic('ä', '€'), { user: 'ä', password: '€' }],
    [`Basic ${Buffer.from('ana').toString('base64')}`, undefined],
    ['Basic !!', undefined],
    ['Basic ', undefined],
    [`${basic('a', 'b')}, ${basic('a', 'b')}`, undefined],
    ['Bearer YTpi', undefined],
  ])('%j has user and password', (header, pair) => {
    expect(basicPair(header)).toEqual(pair);
  });
});

describe('tokens', () => {
  it('are told apart by their names, and one that was retired is none', () => {
    const checker = new Checker(tokens(`new: ${current} read\nold: ${retired}`), nobody);
    expect(checker.find(`Bearer ${current}`, asker)).toMatchObject({ name: 'new', scope: 'read' });
    expect(checker.find(`Bearer ${retired}`, asker)).toMatchObject({ name: 'old' });
    const later = new Checker(tokens(`new: ${current}`), nobody, false, checker);
    expect(later.find(`Bearer ${retired}`, asker)).toBe('wrong');
    expect(later.find(`Bearer ${current}`, asker)).toMatchObject({ name: 'new' });
  });

  it('are no passwords, but where a browser asks', () => {
    const credentials = tokens(`new: ${current}`);
    expect(new Checker(credentials, nobody).find(basic('x', current), asker)).toBe('wrong');
    expect(new Checker(credentials, nobody, true).find(basic('x', current), asker)).toMatchObject({ name: 'new' });
    expect(new Checker(credentials, nobody, true).find(basic(current, 'x'), asker)).toBe('wrong');
  });

  it('are missing or wrong', () => {
    const checker = new Checker(tokens(`new: ${current}`), nobody);
    expect(checker.find(undefined, asker)).toBe('missing');
    const wrong = [
      '',
      'Bearer',
      `Bearer ${current}x`,
      `Bearer ${current.slice(1)}`,
      current,
      `Bearer ${'x'.repeat(9000)}`,
    ];
    for (const header of wrong) expect(checker.find(header, asker)).toBe('wrong');
  });
});

describe('passwords', () => {
  it('that are quick to compare are compared at once', () => {
    const checker = new Checker(users('ana:secret\nben:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ='), nobody);
    expect(checker.find(basic('ana', 'secret'), asker)).toMatchObject({ name: 'ana' });
    expect(checker.find(basic('ben', 'secret'), asker)).toMatchObject({ name: 'ben' });
    expect(checker.find(basic('ben', 'Secret'), asker)).toBe('wrong');
    // As right as a guess can be: the password of another user.
    expect(checker.find(basic('eve', 'secret'), asker)).toBe('wrong');
  });

  it('that are slow are compared once, whatever comes of it, while the sender is asked to come again', async () => {
    const { queue, asked, answer } = handThread();
    const checker = new Checker(users(`ana:${slow}`), queue);
    for (let n = 0; n < 3; n++) expect(checker.find(basic('ana', 'secret'), asker)).toBe('busy');
    await answer(true);
    for (let n = 0; n < 3; n++) expect(checker.find(basic('ana', 'secret'), asker)).toMatchObject({ name: 'ana' });
    expect(checker.find(basic('ana', 'guess'), { address: '10.0.0.2' })).toBe('busy');
    await answer(false);
    for (let n = 0; n < 3; n++) expect(checker.find(basic('ana', 'guess'), { address: '10.0.0.2' })).toBe('wrong');
    expect(asked.map(({ password }) => password)).toEqual(['secret', 'guess']);
  });

  it('of a user whom nobody knows take as long, and are never right', async () => {
    const { queue, answer } = handThread();
    const checker = new Checker(users(`ana:${slow}`), queue);
    expect(checker.find(basic('eve', 'secret'), asker)).toBe('busy');
    await answer(true);
    expect(checker.find(basic('eve', 'secret'), asker)).toBe('wrong');
  });

  it('of a user with a fast hash wait as well, where another has a slow one', async () => {
    const { queue, answer } = handThread();
    const checker = new Checker(users(`ana:${slow}\nben:secret`), queue);
    expect(checker.find(basic('ben', 'guess'), asker)).toBe('busy');
    await answer(false);
    expect(checker.find(basic('ben', 'guess'), asker)).toBe('wrong');
  });

  it('are compared for whoever can wait while he waits', async () => {
    const { queue, answer } = handThread();
    const checker = new Checker(users(`ana:${slow}`), queue);
    const found = checker.findInTime(basic('ana', 'secret'), asker);
    await answer(true);
    expect(await found).toMatchObject({ name: 'ana' });
  });

  it('that did not change need not be compared again when others do', async () => {
    const { queue, answer } = handThread();
    const checker = new Checker(users(`ana:${slow}\nben:${slow}`), queue);
    for (const user of ['ana', 'ben']) {
      checker.find(basic(user, 'secret'), asker);
      await answer(true);
    }
    const later = new Checker(users(`ana:${slow}\nben:${slow.replace('abc', 'abd')}`), queue, false, checker);
    expect(later.find(basic('ana', 'secret'), asker)).toMatchObject({ name: 'ana' });
    expect(later.find(basic('ben', 'secret'), asker)).toBe('busy');
    const without = new Checker(users(`ben:${slow}`), queue, false, checker);
    expect(without.find(basic('ana', 'secret'), { address: '10.0.0.9' })).toBe('busy');
  });
});

describe('who guesses', () => {
  it('has one password of its address compared at a time, and after a wrong one none for a second', async () => {
    const { queue, asked, pauses, answer } = handThread();
    const checker = new Checker(users(`ana:${slow}`), queue);
    for (let n = 0; n < 100; n++) expect(checker.find(basic('ana', `guess ${n}`), asker)).toBe('busy');
    expect(checker.find(basic('ana', 'secret'), { address: '10.0.0.2' })).toBe('busy');
    await answer(false);
    await answer(true);
    expect(checker.find(basic('ana', 'secret'), { address: '10.0.0.2' })).toMatchObject({ name: 'ana' });
    for (let n = 0; n < 100; n++) checker.find(basic('ana', `more ${n}`), asker);
    expect(asked.map(({ password }) => password)).toEqual(['guess 0', 'secret']);
    pauses[0]();
    await Promise.resolve();
    await Promise.resolve();
    checker.find(basic('ana', 'last'), asker);
    expect(asked.map(({ password }) => password)).toEqual(['guess 0', 'secret', 'last']);
  });

  it('has one turn for all the addresses that begin like its own, where it has so many', async () => {
    const { queue, asked, answer } = handThread();
    const checker = new Checker(users(`ana:${slow}`), queue);
    for (let n = 1; n < 300; n++) checker.find(basic('ana', `guess ${n}`), { address: `2001:db8::${n.toString(16)}` });
    expect(checker.find(basic('ana', 'secret'), { address: '2001:db8:1::1' })).toBe('busy');
    await answer(false);
    await answer(true);
    expect(asked.map(({ password }) => password)).toEqual(['guess 1', 'secret']);
    expect(checker.find(basic('ana', 'secret'), { address: '2001:db8:1::1' })).toMatchObject({ name: 'ana' });
  });

  it('from thousands of addresses waits in a line that ends', async () => {
    const { queue, asked, answer } = handThread();
    const checker = new Checker(users(`ana:${slow}`), queue);
    for (let n = 0; n < 5000; n++) checker.find(basic('ana', `guess ${n}`), { address: `10.0.${n >> 8}.${n & 255}` });
    for (let n = 0; n < 256; n++) await answer(false);
    expect(asked).toHaveLength(256);
    // One whom there was no room for comes again.
    expect(checker.find(basic('ana', 'guess 4999'), { address: '10.1.0.1' })).toBe('busy');
    await answer(true);
    expect(checker.find(basic('ana', 'guess 4999'), { address: '10.1.0.1' })).toMatchObject({ name: 'ana' });
  });
});

it('compares on a thread of its own', async () => {
  const checker = new Checker(users(`ana:${slow}`), new PasswordQueue());
  expect(await checker.findInTime(basic('ana', 'secret'), asker)).toMatchObject({ name: 'ana' });
  expect(await checker.findInTime(basic('ana', 'wrong'), asker)).toBe('wrong');
}, 30_000);
