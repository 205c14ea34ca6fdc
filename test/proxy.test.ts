import { describe, expect, it } from 'vitest';
import { proxyAuthorization, proxyFor } from '../src/proxy.ts';

const through = (url: string, env: Record<string, string>) => proxyFor(new URL(url), env)?.href ?? null;

describe('the proxy of a URL', () => {
  it.each([
    ['http://tempo:4317', { HTTP_PROXY: 'http://p:1' }, 'http://p:1/'],
    ['http://tempo:4317', { http_proxy: 'http://p:1' }, 'http://p:1/'],
    ['https://tempo', { HTTPS_PROXY: 'http://p:2' }, 'http://p:2/'],
    ['https://tempo', { https_proxy: 'https://p:2' }, 'https://p:2/'],
    ['http://tempo', { HTTP_PROXY: 'http://upper', http_proxy: 'http://lower' }, 'http://upper/'],
    ['http://tempo', { HTTP_PROXY: '', http_proxy: 'http://lower' }, 'http://lower/'],
    ['http://tempo', { HTTP_PROXY: 'p:3128' }, 'http://p:3128/'],
    ['http://tempo', { HTTP_PROXY: '10.0.0.1:3128' }, 'http://10.0.0.1:3128/'],
    ['http://tempo', { HTTP_PROXY: 'HTTP://P:3128' }, 'http://p:3128/'],
    ['http://tempo', { HTTPS_PROXY: 'http://p:2' }, null],
    ['https://tempo', { HTTP_PROXY: 'http://p:1' }, null],
    ['http://tempo', {}, null],
  ])('of %s by %j is %s', (url, env, proxy) => {
    expect(through(url, env)).toBe(proxy);
  });

  it.each([
    'http://localhost:4317',
    'http://LOCALHOST.:4317',
    'http://store.localhost',
    'http://127.0.0.1:4317',
    'http://127.8.9.10',
    'http://[::1]:4317',
    'http://[::ffff:127.0.0.1]:4317',
    'http://0.0.0.0:4317',
    'http://[::]:4317',
  ])('is none for this machine: %s', (url) => {
    expect(through(url, { HTTP_PROXY: 'http://p' })).toBeNull();
  });

  it.each(['socks5://p:1080', 'http://', 'p:port', 'http://p:99999'])(
    'is an error for %s, without its value',
    (value) => {
      expect(() => through('http://tempo', { HTTP_PROXY: value })).toThrow(
        new TypeError("HTTP_PROXY is not a proxy's URL: expected http://host:port or https://host:port"),
      );
    },
  );
});

describe('NO_PROXY', () => {
  const isDirect = (url: string, noProxy: string) =>
    through(url, { HTTP_PROXY: 'p', HTTPS_PROXY: 'p', NO_PROXY: noProxy }) === null;

  it.each([
    ['*', 'http://tempo'],
    ['tempo', 'http://tempo:4317'],
    ['TEMPO', 'http://tempo'],
    ['tempo', 'http://tempo.:4317'],
    ['example.com', 'http://example.com'],
    ['example.com', 'https://otlp.example.com'],
    ['.example.com', 'http://otlp.example.com'],
    ['*.example.com', 'http://a.b.example.com'],
    ['a, b ,tempo', 'http://tempo'],
    ['a b\ttempo', 'http://tempo'],
    ['tempo:4317', 'http://tempo:4317'],
    ['tempo:80', 'http://tempo'],
    ['tempo:443', 'https://tempo'],
    ['10.1.2.3', 'http://10.1.2.3:4317'],
    ['10.1.2.3:4317', 'http://10.1.2.3:4317'],
    ['10.0.0.0/8', 'http://10.200.1.1'],
    ['10.1.2.3/8', 'http://10.200.1.1'],
    ['0.0.0.0/0', 'http://192.0.2.1'],
    ['192.0.2.1/32', 'http://192.0.2.1'],
    ['2001:db8::/32', 'http://[2001:db8:1::5]:4317'],
    ['2001:db8::5', 'http://[2001:db8:0::5]'],
    ['[2001:db8::5]', 'http://[2001:db8::5]'],
    ['[2001:db8::5]:4317', 'http://[2001:db8::5]:4317'],
  ])('"%s" lets %s go direct', (noProxy, url) => {
    expect(isDirect(url, noProxy)).toBe(true);
  });

  it.each([
    ['', 'http://tempo'],
    [' , ', 'http://tempo'],
    ['.', 'http://tempo'],
    ['*.', 'http://tempo'],
    ['empo', 'http://tempo'],
    ['example.com', 'http://notexample.com'],
    ['.example.com', 'http://example.com'],
    ['*.example.com', 'http://example.com'],
    ['tempo:4318', 'http://tempo:4317'],
    ['tempo:443', 'http://tempo'],
    ['10.1.2.3:4318', 'http://10.1.2.3:4317'],
    ['10.0.0.0/8', 'http://11.0.0.1'],
    ['10.0.0.0/8', 'http://tempo'],
    ['10.0.0.0/99', 'http://10.0.0.1'],
    ['10.0.0.0/', 'http://10.0.0.1'],
    ['10.0.0.0/-1', 'http://10.0.0.1'],
    ['nonsense/8', 'http://10.0.0.1'],
    ['10.1.2', 'http://10.1.2.3'],
    ['1.2.3', 'http://10.1.2.3'],
    ['2001:db8::/32', 'http://[2001:db9::5]'],
    ['[2001:db8::5]:4318', 'http://[2001:db8::5]:4317'],
  ])('"%s" does not let %s go direct', (noProxy, url) => {
    expect(isDirect(url, noProxy)).toBe(false);
  });

  it('is read in lower case too', () => {
    expect(through('http://tempo', { HTTP_PROXY: 'p', no_proxy: 'tempo' })).toBeNull();
  });
});

it('a user and a password go to the proxy as Basic, percent-decoded', () => {
  expect(proxyAuthorization(new URL('http://p'))).toBeUndefined();
  expect(proxyAuthorization(new URL('http://jo:s%40fe@p'))).toBe(`Basic ${btoa('jo:s@fe')}`);
  expect(proxyAuthorization(new URL('http://jo@p'))).toBe(`Basic ${btoa('jo:')}`);
});
