import { BlockList, isIP } from 'node:net';

type Variables = Readonly<Record<string, string | undefined>>;

/** Either case, as everywhere; the upper one first, as Go's programs have it. Empty is unset. */
const settingOf = (name: string, env: Variables) => env[name] || env[name.toLowerCase()] || '';

/**
 * The proxy through which `url` is reached, null for none: HTTP_PROXY for http:, HTTPS_PROXY for https:, but for what
 * NO_PROXY names, and never for this machine. All that goes out asks here, so that the variables mean the same for
 * OTLP/gRPC, OTLP/HTTP and Consul, and what they mean for Consul's own tools and the Collector
 * (pkg.go.dev/golang.org/x/net/http/httpproxy). Throws TypeError, without the value, for a proxy that is none.
 */
export function proxyFor(url: URL, env: Variables): URL | null {
  const name = url.protocol === 'https:' ? 'HTTPS_PROXY' : 'HTTP_PROXY';
  const value = settingOf(name, env);
  if (value === '' || isOnThisMachine(hostOf(url)) || isExempt(url, settingOf('NO_PROXY', env))) return null;
  const proxy = URL.parse(/^[a-z][a-z0-9+.-]*:\/\//i.test(value) ? value : `http://${value}`);
  if (proxy === null || !/^https?:$/.test(proxy.protocol) || proxy.hostname === '') {
    throw new TypeError(`${name} is not a proxy's URL: expected http://host:port or https://host:port`);
  }
  return proxy;
}

/** Proxy-Authorization (RFC 9110 §11.7.2) for the user and password in a proxy's URL; undefined where it has none. */
export function proxyAuthorization({ username, password }: URL): string | undefined {
  if (username === '' && password === '') return undefined;
  const plain = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return `Basic ${Buffer.from(plain).toString('base64')}`;
}

/** The port of a URL, its scheme's where it names none. */
export const portOf = ({ port, protocol }: URL): number => Number(port) || (protocol === 'https:' ? 443 : 80);

/** The host of a URL as names and addresses are compared and connected to: without brackets and the final dot. */
export const hostOf = ({ hostname }: URL): string =>
  hostname
    .replace(/^\[|\]$/g, '')
    .replace(/\.$/, '')
    .toLowerCase();

const thisMachine = new BlockList();
thisMachine.addSubnet('127.0.0.0', 8);
thisMachine.addAddress('0.0.0.0');
thisMachine.addAddress('::1', 'ipv6');
thisMachine.addAddress('::', 'ipv6');

const isOnThisMachine = (host: string) => /(?:^|\.)localhost$/.test(host) || contains(thisMachine, host);

function contains(list: BlockList, host: string): boolean {
  const family = isIP(host);
  return family !== 0 && list.check(host, family === 4 ? 'ipv4' : 'ipv6');
}

/** NO_PROXY: names, addresses and subnets, with a port or without, between commas or blanks; `*` for everything. */
function isExempt(url: URL, noProxy: string): boolean {
  const host = hostOf(url);
  const port = portOf(url);
  return noProxy
    .toLowerCase()
    .split(/[\s,]+/)
    .some((entry) => entry !== '' && matches(entry, host, port));
}

function matches(entry: string, host: string, port: number): boolean {
  if (entry === '*') return true;
  const [address, bits] = entry.split('/');
  if (bits !== undefined) return isInSubnet(host, address, bits);
  if (isIP(entry)) return isSameAddress(host, entry);
  const [, name, wanted = port] = /^(.*?)(?::(\d+))?$/.exec(entry)!;
  return Number(wanted) === port && isNamedBy(name.replace(/^\[|\]$/g, '').replace(/\.$/, ''), host);
}

/** `example.com` means itself and all below it, `.example.com` and `*.example.com` only what is below it. */
function isNamedBy(name: string, host: string): boolean {
  if (isIP(name) || isIP(host)) return isSameAddress(host, name);
  const below = name.replace(/^\*?\.?/, '.');
  return below !== '.' && (host.endsWith(below) || host === name);
}

const isSameAddress = (host: string, address: string) => isInSubnet(host, address, isIP(address) === 4 ? '32' : '128');

function isInSubnet(host: string, address: string, bits: string): boolean {
  const family = isIP(address);
  const prefix = /^\d+$/.test(bits) ? Number(bits) : Number.NaN;
  if (family === 0 || !(prefix <= (family === 4 ? 32 : 128))) return false;
  const list = new BlockList();
  list.addSubnet(address, prefix, family === 4 ? 'ipv4' : 'ipv6');
  return contains(list, host);
}
