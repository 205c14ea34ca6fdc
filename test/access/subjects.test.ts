import { expect, it } from 'vitest';
import { subjectMatcher } from '../../src/access/subjects.ts';

const cn = (commonName: string) => ({ commonName, names: [] });
const san = (...names: string[]) => ({ commonName: '', names });

it.each([
  ['shop.example', cn('shop.example'), true],
  ['shop.example', cn('Shop.Example'), true],
  ['shop.example', san('DNS:other.example', 'DNS:shop.example'), true],
  ['shop.example', san('URI:shop.example'), true],
  ['spiffe://prod/shop', san('URI:spiffe://prod/shop'), true],
  ['spiffe://prod/shop', san('URI:spiffe://prod/Shop'), false],
  ['spiffe://prod/shop', san('URI:spiffe://prod/shop/x'), false],
  ['*.shop.example', san('DNS:a.shop.example'), true],
  ['*.shop.example', cn('A.SHOP.EXAMPLE'), true],
  ['*.shop.example', san('DNS:shop.example'), false],
  ['*.shop.example', san('DNS:.shop.example'), false],
  ['*.shop.example', san('DNS:a.b.shop.example'), false],
  ['*.shop.example', san('DNS:ashop.example'), false],
  ['*.shop.example', san('DNS:a.shop.example.evil.example'), false],
  ['*.example', san('URI:spiffe://a/b.example'), false],
  // What is no name of a service: anybody may have such a mailbox.
  ['shop.example', san('email:shop.example'), false],
  ['10.0.0.1', san('IP Address:10.0.0.1'), false],
  ['sender', { commonName: 'sendersender', names: ['DNS:xsender'] }, false],
  ['a', cn(''), false],
  ['constructor', san('DNS:__proto__'), false],
])('%s and %j: %s', (pattern, subject, fits) => {
  expect(subjectMatcher([pattern])(subject)).toBe(fits);
  expect(subjectMatcher(['x.example', pattern, '*.y.example'])(subject)).toBe(fits);
});

it('lets in nobody who showed no certificate', () => {
  expect(subjectMatcher(['*.example', 'a'])(undefined)).toBe(false);
});
