import { describe, expect, it } from 'vitest';
import { consulClient } from '../../src/config/consul-options.ts';

const url = (address: string, env = {}) => consulClient({ CONSUL_HTTP_ADDR: address, ...env }).url;

describe("Consul's own variables", () => {
  it('say where it is', () => {
    expect(consulClient({}).url).toBe('http://127.0.0.1:8500');
    expect(url('10.0.0.1')).toBe('http://10.0.0.1:8500');
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

  it('must hold an address', () => {
    expect(() => url('a:b:c')).toThrow(TypeError);
    expect(() => url('a b')).toThrow(TypeError);
  });
});
