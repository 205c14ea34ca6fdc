import { proxyFor } from '../proxy.ts';
import type { TlsFiles } from '../tls-client/files.ts';

type Variables = Readonly<Record<string, string | undefined>>;

/** How to reach Consul. Files are only named here: they are read when connecting, so that a rotated one counts. */
export interface ConsulClient {
  /** `http://host:port` or `https://host:port`, perhaps with a path, never with a slash at the end. */
  readonly url: string;
  /** The unix socket to reach `url` by. */
  readonly socketPath?: string;
  /** URL of the proxy to reach `url` by. */
  readonly proxy?: string;
  readonly token?: string;
  readonly tokenFile?: string;
  /** `user:password` of HTTP basic authentication. */
  readonly auth?: string;
  readonly tls: TlsFiles;
  readonly namespace?: string;
  readonly partition?: string;
  readonly datacenter?: string;
}

/**
 * The client that the variables of every Consul tool describe: they mean what `consul kv get` makes of them
 * (hashicorp/consul, api/api.go, NewClient and defaultConfig). `address` comes before CONSUL_HTTP_ADDR. Throws
 * TypeError with what is wrong and what was expected.
 */
export function consulClient(env: Variables, address = env.CONSUL_HTTP_ADDR || '127.0.0.1:8500'): ConsulClient {
  const reached = target(address, flag(env, 'CONSUL_HTTP_SSL', false));
  const certified = { certFile: env.CONSUL_CLIENT_CERT, keyFile: env.CONSUL_CLIENT_KEY };
  if (!certified.certFile !== !certified.keyFile) {
    throw new TypeError('of CONSUL_CLIENT_CERT and CONSUL_CLIENT_KEY one is set: expected both or none');
  }
  return withoutAbsent<ConsulClient>({
    ...reached,
    proxy: reached.socketPath === undefined ? proxyFor(new URL(reached.url), env)?.href : undefined,
    token: env.CONSUL_HTTP_TOKEN,
    tokenFile: env.CONSUL_HTTP_TOKEN_FILE,
    auth: env.CONSUL_HTTP_AUTH,
    namespace: env.CONSUL_NAMESPACE,
    partition: env.CONSUL_PARTITION,
    tls: withoutAbsent<TlsFiles>({
      caFile: env.CONSUL_CACERT,
      caDirectory: env.CONSUL_CAPATH,
      ...certified,
      serverName: withoutPort(env.CONSUL_TLS_SERVER_NAME),
      verify: flag(env, 'CONSUL_HTTP_SSL_VERIFY', true),
    }),
  });
}

/**
 * An address is `host:port`, `http://…` or `https://…` with a path perhaps, or `unix://` and a path. TLS that was asked
 * for stays.
 */
function target(address: string, secure: boolean): { url: string; socketPath?: string } {
  const [, scheme, rest] = /^(?:(.*?):\/\/)?(.*)$/s.exec(address)!;
  const protocol = secure || scheme === 'https' ? 'https' : 'http';
  if (scheme === 'unix' && rest !== '') return { url: `${protocol}://localhost`, socketPath: rest };
  if (scheme !== undefined && !['http', 'https'].includes(scheme)) throw new TypeError(unknownScheme(scheme));
  const [, authority, path = ''] = /^([^/]*)(\/.*)?$/s.exec(rest)!;
  const host = /^((?:\[[\da-f:.%]+\]|[^\s:/?#@[\]\\]*)(?::\d{1,5})?)$/i.exec(authority)?.[1];
  // A path needs a scheme before it, and a query or a user would be left out in silence.
  const url =
    host && (scheme || !path) ? URL.parse(`${protocol}://${host.startsWith(':') ? `localhost${host}` : host}`) : null;
  if (!url || !/^[\w/.~-]*$/.test(path)) throw new TypeError(noAddress);
  const port = url.port || (protocol === 'https' ? '443' : '80');
  return { url: `${protocol}://${url.hostname}:${port}${path.replace(/\/+$/, '')}` };
}

const noAddress =
  'expected host:port, http://host:port, https://host:port or unix:///path; a user and password belong into CONSUL_HTTP_AUTH';

function unknownScheme(scheme: string): string {
  const lower = ['http', 'https', 'unix'].includes(scheme.toLowerCase()) ? ', in lower case as Consul has it' : '';
  return `unknown scheme "${scheme.slice(0, 20)}": expected http, https or unix${lower}`;
}

/** As strconv.ParseBool has them. What is none is refused: to go on would mean without TLS, or with any certificate. */
const yes = ['1', 't', 'T', 'true', 'TRUE', 'True'];
const no = ['0', 'f', 'F', 'false', 'FALSE', 'False'];

function flag(env: Variables, name: string, unset: boolean): boolean {
  const text = env[name] ?? '';
  if (text === '') return unset;
  if (!yes.includes(text) && !no.includes(text))
    throw new TypeError(`${name}=${text.slice(0, 20)}: expected true or false`);
  return yes.includes(text);
}

const withoutPort = (name: string | undefined) =>
  name?.replace(/^(\[.*\]|[^:]*):\d+$/, '$1').replace(/^\[(.*)\]$/, '$1');

/** Without the fields that are undefined or empty text. */
function withoutAbsent<T>(fields: { [K in keyof T]: T[K] | undefined }): T {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined && value !== '')) as T;
}
