import { describe, expect, it } from 'vitest';
import { Cors } from '../../../src/receive/http/cors.ts';

const allows = (allowed: string[], origin: string): boolean =>
  new Cors(allowed).headers(origin)['access-control-allow-origin'] !== undefined;

describe('allowed origins', () => {
  it.each([
    [['https://shop.example'], 'https://shop.example', true],
    [['https://shop.example'], 'https://SHOP.example', true],
    [['https://shop.example'], 'http://shop.example', false],
    [['https://shop.example'], 'https://shopxexample', false],
    [['https://shop.example'], 'https://shop.example.evil.example', false],
    [['https://*.shop.example'], 'https://eu.shop.example', true],
    [['https://*.shop.example'], 'https://shop.example', false],
    [['http://localhost:*'], 'http://localhost:3000', true],
    [['*'], 'https://anybody.example', true],
    [[], 'https://anybody.example', false],
  ])('%j and %s: %s', (allowed, origin, verdict) => {
    expect(allows(allowed, origin)).toBe(verdict);
  });

  it('grants credentials to named origins only', () => {
    expect(new Cors(['https://a.example']).headers('https://a.example')['access-control-allow-credentials']).toBe(
      'true',
    );
    const any = new Cors(['*']).headers('https://a.example');
    expect(any).toMatchObject({ 'access-control-allow-origin': '*' });
    expect(any['access-control-allow-credentials']).toBeUndefined();
  });

  it('adds nothing to the answers of programs', () => {
    expect(new Cors(['*']).headers(undefined)).toEqual({});
  });
});
