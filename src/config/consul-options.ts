import type { Variables } from './variables.ts';

/** How to reach Consul. Files are only named here: they are read when connecting, so that a rotated one counts. */
export interface ConsulClient {
  /** `http://host:port` or `https://host:port`, perhaps with a path, never with a slash at the end. */
  readonly url: string;
  /** The unix socket to reach `url` by. */
  readonly socketPath?: string;
  readonly token?: string;
  readonly tokenFile?: string;
  /** `user:password` of HTTP basic authentication. */
  readonly auth?: string;
  readonly tls: {
    readonly caFile?: string;
    readonly caDirectory?: string;
    readonly certFile?: string;
    readonly keyFile?: string;
    readonly serverName?: string;
    /** false: take any certificate. */
    readonly verify: boolean;
  };
  readonly namespace?: string;
  readonly partition?: string;
}

/**
 * The client that the variables of every Consul tool describe (developer.hashicorp.com/consul/commands, "Environment
 * variables"). `address` comes before CONSUL_HTTP_ADDR. Throws TypeError where an address cannot be understood.
 */
export function consulClient(env: Variables, address = env.CONSUL_HTTP_ADDR || '127.0.0.1:8500'): ConsulClient {
  return withoutAbsent<ConsulClient>({
    ...target(address, isTrue(env.CONSUL_HTTP_SSL) ? 'https' : 'http'),
    token: env.CONSUL_HTTP_TOKEN,
    tokenFile: env.CONSUL_HTTP_TOKEN_FILE,
    auth: env.CONSUL_HTTP_AUTH,
    namespace: env.CONSUL_NAMESPACE,
    partition: env.CONSUL_PARTITION,
    tls: withoutAbsent<ConsulClient['tls']>({
      caFile: env.CONSUL_CACERT,
      caDirectory: env.CONSUL_CAPATH,
      certFile: env.CONSUL_CLIENT_CERT,
      keyFile: env.CONSUL_CLIENT_KEY,
      serverName: env.CONSUL_TLS_SERVER_NAME,
      verify: !isFalse(env.CONSUL_HTTP_SSL_VERIFY),
    }),
  });
}

function target(address: string, scheme: string): { url: string; socketPath?: string } {
  if (address.startsWith('unix://')) return { url: 'http://localhost', socketPath: address.slice('unix://'.length) };
  const url = new URL(/^https?:\/\//.test(address) ? address : `${scheme}://${address}`);
  const path = url.pathname.replace(/\/+$/, '');
  return { url: `${url.protocol}//${url.hostname}:${url.port || defaultPort(url, address)}${path}` };
}

/** As Consul's own client has it: an address with a scheme and without a port means the scheme's. */
function defaultPort(url: URL, address: string): string {
  if (!/^https?:\/\//.test(address)) return '8500';
  return url.protocol === 'https:' ? '443' : '80';
}

const isTrue = (text?: string) => /^(1|t|true)$/i.test(text ?? '');
const isFalse = (text?: string) => /^(0|f|false)$/i.test(text ?? '');

/** Without the fields that are undefined or empty text. */
function withoutAbsent<T>(fields: { [K in keyof T]: T[K] | undefined }): T {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined && value !== '')) as T;
}
