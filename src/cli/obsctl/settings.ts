import type { TlsFiles } from '../../tls-client/files.ts';
import { parseDuration } from '../../traceql/duration.ts';
import { CommandError, exit } from '../exit.ts';
import type { Io } from '../io.ts';
import { Connections } from './connections.ts';
import { JsonClient, type Place } from './http-json.ts';
import { tokenOf } from './token.ts';

export const outputs = ['table', 'json', 'jsonl', 'ids'] as const;
type Output = (typeof outputs)[number];

/** The global flags as commander leaves them. */
export interface GlobalFlags {
  readonly gateway?: readonly string[];
  readonly tempo?: string;
  readonly orgId?: string;
  readonly tokenFile?: string;
  readonly header?: readonly string[];
  readonly caFile?: string;
  readonly certFile?: string;
  readonly keyFile?: string;
  readonly serverName?: string;
  readonly output: Output;
  readonly color: boolean;
  readonly timeout: string;
}

/** What every command works with. The client is closed by whoever opened the settings. */
export interface Settings {
  readonly io: Io;
  readonly gateway: Place;
  /** All that were named; `gateway` is the last of them. */
  readonly gateways: readonly Place[];
  /** On the command line, not by a variable or by default. */
  readonly namesGateway: boolean;
  /** By a flag or a variable, another place than the gateway or not. */
  readonly namesTempo: boolean;
  /** Where traces are read: Tempo, or the gateway with its own store. */
  readonly tempo: Place;
  readonly client: JsonClient;
  /** Whose traces are asked for, where it was said. */
  readonly orgId: string | undefined;
  /** For each request. */
  readonly timeoutMs: number;
  readonly output: Output;
  readonly color: boolean;
}

export function openSettings(flags: GlobalFlags, io: Io): Settings {
  const token = tokenOf(flags.tokenFile, io.env);
  const bearer = token === undefined ? {} : { headers: { authorization: `Bearer ${token}` } };
  const gateways = addressesOf(flags, io).map((address) => ({
    ...addressOf(address, '--gateway'),
    ...bearer,
    name: 'the gateway',
    flag: '--gateway or OBSCTL_GATEWAY',
  }));
  const gateway = gateways.at(-1)!;
  const tempo = tempoOf(flags, io, gateway.base, bearer);
  warnOfSecrets(flags, io);
  const timeoutNs = parseDuration(flags.timeout);
  if (!timeoutNs) throw new CommandError(`--timeout ${flags.timeout}: expected a duration such as 10s`, exit.usage);
  const timeoutMs = Math.max(1, Math.round(timeoutNs / 1e6));
  const connections = new Connections(filesOf(flags, io), timeoutMs);
  const headers = headersOf(flags, io);
  return {
    io,
    gateway,
    gateways,
    namesGateway: (flags.gateway ?? []).length > 0,
    namesTempo: tempo !== undefined,
    tempo: tempo ?? gateway,
    timeoutMs,
    client: new JsonClient(connections, headers, timeoutMs, io.signal),
    orgId: headers['x-scope-orgid'],
    output: flags.output,
    color: flags.color && io.isTTY && !io.env.NO_COLOR && io.env.TERM !== 'dumb',
  };
}

/** Of the gateways; the variable may name several, with commas. */
function addressesOf({ gateway = [] }: GlobalFlags, { env }: Io): readonly string[] {
  const named = (env.OBSCTL_GATEWAY ?? '').split(/[\s,]+/).filter(Boolean);
  return gateway.length > 0 ? gateway : named.length > 0 ? named : ['http://127.0.0.1:8888'];
}

/** Another address gets no token of the gateway's. */
function tempoOf(flags: GlobalFlags, io: Io, gateway: string, bearer: Pick<Place, 'headers'>): Place | undefined {
  const tempo = flags.tempo ?? io.env.OBSCTL_TEMPO;
  if (!tempo) return undefined;
  const address = addressOf(tempo, '--tempo');
  const isGateway = new URL(address.base).origin === new URL(gateway).origin;
  return { ...address, ...(isGateway && bearer), name: 'Tempo', flag: '--tempo or OBSCTL_TEMPO' };
}

function warnOfSecrets({ header = [], gateway = [], tempo }: GlobalFlags, io: Io): void {
  const isSeen = [...gateway, tempo].some((address) => /:[^/@]*@/.test(address ?? '')) || header.some(isAuthorization);
  if (isSeen)
    io.stderr.write(
      'obsctl: everybody on this machine can see what is on a command line: --token-file or OBSCTL_TOKEN_FILE is for tokens\n',
    );
}

const isAuthorization = (header: string): boolean => /^authorization=/i.test(header);

/** Of https: addresses, flags before variables. */
function filesOf({ caFile, certFile, keyFile, serverName }: GlobalFlags, { env }: Io): TlsFiles {
  const files = {
    caFile: caFile ?? env.OBSCTL_CA_FILE,
    certFile: certFile ?? env.OBSCTL_CERT_FILE,
    keyFile: keyFile ?? env.OBSCTL_KEY_FILE,
    serverName: serverName ?? env.OBSCTL_SERVER_NAME,
  };
  if (!files.certFile !== !files.keyFile)
    throw new CommandError('of --cert-file and --key-file one is given: expected both or neither', exit.usage);
  return Object.fromEntries(Object.entries(files).filter(([, value]) => value));
}

/** An address's credentials become a header, and are printed nowhere. */
export function addressOf(text: string, flag: string): Pick<Place, 'base' | 'headers'> {
  const address = text.includes('://') ? text : `http://${text}`;
  if (!URL.canParse(address) || !/^https?:/i.test(address)) {
    const shown = text.replace(/[^/@]*@/, '…@');
    throw new CommandError(`${flag} ${shown}: expected an address such as http://127.0.0.1:8888`, exit.usage);
  }
  const { username, password } = new URL(address);
  const base = address.replace(/^([^:]+:\/\/)[^/?#]*@/, '$1').replace(/\/+$/, '');
  if (username === '' && password === '') return { base };
  const credentials = Buffer.from(`${decoded(username)}:${decoded(password)}`).toString('base64');
  return { base, headers: { authorization: `Basic ${credentials}` } };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function headersOf(flags: GlobalFlags, { env }: Io): Record<string, string> {
  const orgId = flags.orgId ?? env.OBSCTL_ORG_ID;
  if (/[^\x20-\x7e]/.test(orgId ?? ''))
    throw new CommandError('--org-id: expected the name of a tenant, in ASCII', exit.usage);
  const headers: Record<string, string> = orgId ? { 'x-scope-orgid': orgId } : {};
  for (const header of flags.header ?? []) {
    const [, name, value] = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+)=([^\r\n\0]*)$/.exec(header) ?? [];
    if (name === undefined)
      throw new CommandError(`--header ${header.split(/[=:]/)[0]}…: expected name=value`, exit.usage);
    headers[name.toLowerCase()] = value;
  }
  return headers;
}
