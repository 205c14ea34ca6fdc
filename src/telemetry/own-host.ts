import { isIP } from 'node:net';

/**
 * May a request with this Host header be answered? A page of somebody else can make its own name lead to this port (DNS
 * rebinding) and then read what it answers, but the browser names that page's host. An address in digits is no name
 * that anybody else could give; a missing header no browser leaves out. `*` among the own names allows every name.
 */
export function isOwnHost(header: string | undefined, own: ReadonlySet<string>): boolean {
  if (header === undefined || header === '' || own.has('*')) return true;
  const name = header.toLowerCase().replace(/:\d*$/, '').replace(/\.$/, '');
  if (isIP(name.replace(/^\[(.*)\]$/, '$1')) !== 0) return true;
  return own.has(name);
}

/** The names that always lead here, with those that the operator adds. */
export const ownHosts = (hostName: string, listening: string, added: readonly string[]): ReadonlySet<string> =>
  new Set(['localhost', hostName, listening, ...added].map((name) => name.toLowerCase()));
