import { describe, expect, it } from 'vitest';
import { consulClient } from '../../src/consul/client.ts';

const url = (address: string, env = {}) => consulClient({ CONSUL_HTTP_ADDR: address, ...env }).url;

describe("Consul's own variables", () => {
  it('say where it is', () => {
    expect(consulClient({}).url).toBe('http://127.0.0.1:8500');
    expect(url('10.0.0.1')).toBe('http://10.0.0.1:80');
    expect(url(':8501')).toBe('http://localhost:8501');
    expect(url('consul:8501')).toBe('http://consul:8501');
    expect(url('consul:8501', { CONSUL_HTTP_SSL: 'true' })).toBe('https://consul:8501');
    expect(url('https://consul.example')).toBe('https://consul.example:443');
    expect(url('http://proxy:80/consul/')).toBe('http://proxy:80/consul');
    expect(url('[::1]:8500')).toBe('http://[::1]:8500');
  });

  it('name a unix socket', () => {
    expect(consulClient({ CONSUL_HTTP_ADDR: 'unix:///run/consul.sock' })).toMatchObject({
      socketPath: '/run/consul.sock',
    });
  });

  it('say who asks, and which certificates count', () => {
    expect(
      consulClient({
        CONSUL_HTTP_TOKEN: 't',
        CONSUL_HTTP_TOKEN_FILE: '/run/token',
        CONSUL_HTTP_AUTH: 'u:p',
        CONSUL_NAMESPACE: 'ns',
        CONSUL_PARTITION: 'part',
        CONSUL_CACERT: '/ca.pem',
        CONSUL_CAPATH: '/ca',
        CONSUL_CLIENT_CERT: '/cert.pem',
        CONSUL_CLIENT_KEY: '/key.pem',
        CONSUL_TLS_SERVER_NAME: 'server.dc1.consul',
        CONSUL_HTTP_SSL_VERIFY: 'false',
      }),
    ).toEqual({
      url: 'http://127.0.0.1:8500',
      token: 't',
      tokenFile: '/run/token',
      auth: 'u:p',
      namespace: 'ns',
      partition: 'part',
      tls: {
        caFile: '/ca.pem',
        caDirectory: '/ca',
        certFile: '/cert.pem',
        keyFile: '/key.pem',
        serverName: 'server.dc1.consul',
        verify: false,
      },
    });
  });

  it('that are empty say nothing', () => {
    const client = consulClient({ CONSUL_HTTP_ADDR: '', CONSUL_HTTP_TOKEN: '', CONSUL_HTTP_SSL_VERIFY: '' });
    expect(client).toEqual({ url: 'http://127.0.0.1:8500', tls: { verify: true } });
  });

  it('give way to an address in the boot file', () => {
    expect(consulClient({ CONSUL_HTTP_ADDR: 'a:1' }, 'b:2').url).toBe('http://b:2');
  });

  it.each([
    'a:b:c',
    'a b',
    '::1',
    'a/v1',
    'http://',
    'http://u:secret@a',
    'http://a/?x',
    'http://a#x',
    'unix://',
    ' a:1',
  ])('must hold an address, and %j is none', (address) => {
    expect(() => url(address)).toThrow(/^expected host:port, http:\/\/host:port|unknown scheme/);
  });

  it.each([
    ['tcp://a:8500', 'unknown scheme "tcp": expected http, https or unix'],
    ['HTTPS://a:8500', 'unknown scheme "HTTPS": expected http, https or unix, in lower case as Consul has it'],
    ['ftp://a', 'unknown scheme "ftp"'],
  ])('know schemes as Consul does, not %s', (address, message) => {
    expect(() => url(address)).toThrow(message);
  });

  it('that ask for TLS are never answered without', () => {
    for (const yes of ['1', 't', 'T', 'TRUE', 'true', 'True']) {
      expect(url('http://consul:8500', { CONSUL_HTTP_SSL: yes })).toBe('https://consul:8500');
      expect(url('unix:///run/consul.sock', { CONSUL_HTTP_SSL: yes })).toBe('https://localhost');
    }
    for (const no of ['0', 'f', 'F', 'FALSE', 'false', 'False']) {
      expect(url('consul:8500', { CONSUL_HTTP_SSL: no })).toBe('http://consul:8500');
      expect(url('https://consul:8500', { CONSUL_HTTP_SSL: no })).toBe('https://consul:8500');
    }
    for (const name of ['CONSUL_HTTP_SSL', 'CONSUL_HTTP_SSL_VERIFY']) {
      for (const neither of ['yes', 'tRuE', ' ', '2']) {
        expect(() => consulClient({ [name]: neither })).toThrow(`${name}=${neither}: expected true or false`);
      }
    }
  });

  it('name a certificate and its key together', () => {
    expect(() => consulClient({ CONSUL_CLIENT_CERT: '/c.pem' })).toThrow('expected both or none');
    expect(() => consulClient({ CONSUL_CLIENT_KEY: '/k.pem' })).toThrow('expected both or none');
  });

  it.each([
    ['server.dc1.consul:8501', 'server.dc1.consul'],
    ['[::1]:8501', '::1'],
    ['a', 'a'],
  ])("name the server's certificate, %s without its port", (name, bare) => {
    expect(consulClient({ CONSUL_TLS_SERVER_NAME: name }).tls.serverName).toBe(bare);
  });

  it('go with those of proxies, but not to a socket', () => {
    const env = { HTTPS_PROXY: 'http://proxy:3128' };
    expect(consulClient({ ...env, CONSUL_HTTP_ADDR: 'https://consul' }).proxy).toBe('http://proxy:3128/');
    expect(consulClient({ ...env, CONSUL_HTTP_ADDR: 'unix:///c', CONSUL_HTTP_SSL: '1' }).proxy).toBeUndefined();
    expect(consulClient({ ...env, CONSUL_HTTP_ADDR: 'https://127.0.0.1:8501' }).proxy).toBeUndefined();
  });
});
