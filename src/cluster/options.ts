import { isIP } from 'node:net';
import * as v from 'valibot';
import { isUnreachable, unreachable } from '../access/options.ts';
import type { ConsulClient } from '../consul/client.ts';
import type { Member } from '../model/member.ts';
import { block, duration, expected, listenEndpoint, scalar, size, someOf, text } from '../options.ts';

const memberName = /^[A-Za-z0-9_.-]{1,253}$/;
const hostPort = /^(?:\[[\da-fA-F:.%]+\]|[^:=[\]\s/]+):(\d{1,5})$/;

/** `name=host:port`, or `host:port`, which then is the name as well. */
const member = scalar('name=host:port or host:port, such as a=10.0.0.1:4319', (input): Member | undefined => {
  const [, name, address] = typeof input === 'string' ? (/^(?:([^=]*)=)?(.*)$/.exec(input) ?? []) : [];
  const port = Number(address === undefined ? 0 : hostPort.exec(address)?.[1]);
  if (address === undefined || !(port >= 1 && port <= 65_535) || !URL.canParse(`http://${address}`)) return undefined;
  if (name === undefined) return { name: address, address };
  return memberName.test(name) ? { name, address } : undefined;
});

/** What is asked of a name server: the addresses of a host, each with the same port, or the targets of a service. */
export type DnsQuestion = { readonly refreshMs: number; readonly nameServers?: readonly string[] } & (
  | { readonly host: string; readonly port: number }
  | { readonly service: string }
);

type DnsName = { readonly host: string; readonly port: number } | { readonly service: string };

const dnsName = scalar(
  'host:port of a headless Service, such as tailgate.obs.svc:4319, or the name of SRV records, such as _otlp._tcp.tailgate.obs.svc',
  (input): DnsName | undefined => {
    if (typeof input !== 'string' || input.length > 255) return undefined;
    if (/^_[\w-]+\._(?:tcp|udp)\.[\w.-]+$/i.test(input)) return { service: input };
    const [, host, port] = /^([^_:[\]\s/=][^:[\]\s/=]*|\[[\da-fA-F:.%]+\]):(\d{1,5})$/.exec(input) ?? [];
    const isPort = Number(port) >= 1 && Number(port) <= 65_535;
    return isPort ? { host: host!.replace(/^\[|\]$/g, ''), port: Number(port) } : undefined;
  },
);

/** As node:dns takes them, which throws for others. */
const nameServer = scalar('an address, or address:port, such as 127.0.0.1:8600', (input): string | undefined => {
  if (typeof input !== 'string') return undefined;
  if (isIP(input) !== 0) return input;
  const [, v6, v4, port = '53'] = /^(?:\[([^\]]+)\]|([\d.]+))(?::(\d{1,5}))?$/.exec(input) ?? [];
  const isAddress = v6 === undefined ? isIP(v4 ?? '') === 4 : isIP(v6) === 6;
  return isAddress && Number(port) >= 1 && Number(port) <= 65_535 ? input : undefined;
});

const nameInConsul = text(/^[A-Za-z0-9_-]{1,64}$/, 'a name of letters, digits, - and _');

const consul = block({
  service: v.pipe(
    v.optional(nameInConsul, 'tailgate'),
    v.description('under which gateways register themselves, and find those whose checks pass'),
  ),
  address: v.pipe(
    v.optional(v.string('expected an address such as http://127.0.0.1:8500')),
    v.description('of the Consul agent (CONSUL_HTTP_ADDR, else 127.0.0.1:8500)'),
  ),
  namespace: v.pipe(v.optional(nameInConsul), v.description('of Consul Enterprise (CONSUL_NAMESPACE)')),
  partition: v.pipe(v.optional(nameInConsul), v.description('of Consul Enterprise (CONSUL_PARTITION)')),
});

const members = v.pipe(
  block({
    static: v.pipe(
      v.optional(someOf(member)),
      v.description(
        'the gateways, as name=host:port; a name is what ownership hangs on; host:port alone is its own name',
      ),
    ),
    dns: v.pipe(
      v.optional(dnsName),
      v.description('host:port, whose every address is a gateway, or SRV records, _service._tcp.name'),
    ),
    refresh: v.pipe(
      v.optional(duration('1s', '1h')),
      v.description('how often the name server is asked (5s), sooner where its answer holds for less'),
    ),
    name_servers: v.pipe(
      v.optional(someOf(nameServer)),
      v.description(
        "who is asked, for the addresses of SRV records' targets too, such as Consul's 127.0.0.1:8600; else those of /etc/resolv.conf",
      ),
    ),
    consul: v.optional(consul),
  }),
  v.check(
    (raw) => [raw.static, raw.dns, raw.consul].filter(Boolean).length === 1,
    'expected one of static, dns and consul',
  ),
  v.forward(
    v.check((raw) => raw.refresh === undefined || raw.dns !== undefined, 'belongs to dns'),
    ['refresh'],
  ),
  v.forward(
    v.check((raw) => raw.name_servers === undefined || raw.dns !== undefined, 'belongs to dns'),
    ['name_servers'],
  ),
  v.transform(({ static: listed, dns, refresh = 5_000, name_servers: nameServers, consul: registry }) => ({
    ...(listed && { static: listed }),
    ...(dns && { dns: { ...dns, refreshMs: refresh, ...(nameServers && { nameServers }) } }),
    ...(registry && { consul: registry }),
  })),
);

/** Where the list of members comes from. */
export type MembersConfig =
  | { readonly static: readonly Member[] }
  | { readonly dns: DnsQuestion }
  | { readonly consul: { readonly service: string; readonly client: ConsulClient } };

const file = (meaning: string) => v.pipe(v.optional(text(/./, 'a file name')), v.description(meaning));

/** Each member is a server to the others and a client of theirs: both ends of a connection are in the one block. */
const tls = v.pipe(
  block({
    cert_file: file(
      'certificate in PEM, and those that lead to its authority: shown to whoever connects, and to members that ask for one',
    ),
    key_file: file('its private key, without a passphrase'),
    client_ca_file: file('whoever connects must show a certificate of an authority in it; left out, they need none'),
    ca_file: file(
      'authorities that may vouch for other members; client_ca_file where not given, else Node’s and the system’s',
    ),
    server_name: v.pipe(
      v.optional(text(/^(?:[^\s/:]+|(?=.*:.*:)[\da-f:.]+)$/i, 'a name or an address')),
      v.description('the name that every member’s certificate has; else the host of its address'),
    ),
    reload_interval: v.pipe(
      v.optional(duration('1s', '24h'), '1m'),
      v.description('how often the files are looked at, beside SIGHUP'),
    ),
  }),
  v.forward(
    v.check((raw) => !raw.cert_file === !raw.key_file, 'expected together with cert_file, or neither of them'),
    ['key_file'],
  ),
  v.transform((raw) => {
    const own = { ...(raw.cert_file && { cert_file: raw.cert_file }), ...(raw.key_file && { key_file: raw.key_file }) };
    const authorities = raw.ca_file ?? raw.client_ca_file;
    return {
      /** Of the port at which others come in. */
      server: {
        block: 'cluster.tls',
        files: { ...own, ...(raw.client_ca_file && { client_ca_file: raw.client_ca_file }) },
        reloadIntervalMs: raw.reload_interval,
      },
      /** Of connections to others. */
      client: {
        block: 'cluster.tls',
        files: { ...(authorities && { ca_file: authorities }), ...own },
        ...(raw.server_name && { serverName: raw.server_name }),
        reloadIntervalMs: raw.reload_interval,
      },
    };
  }),
);

const auth = v.pipe(
  block({
    bearer_token_file: file(
      'tokens that members and agents show each other: a line NAME: TOKEN each; every one is taken, the first is sent',
    ),
    client_subjects: v.pipe(
      v.optional(someOf(text(/^(?:\*\.)?[^\s*]+$/, "a client certificate's name, such as *.tailgate.obs.svc"))),
      v.description('names of certificates that may come in, one must fit; needs tls.client_ca_file'),
    ),
  }),
  v.check(
    (raw) => Object.values(raw).some((it) => it !== undefined),
    expected('bearer_token_file, client_subjects or both'),
  ),
  v.transform((raw) => ({
    ...(raw.bearer_token_file !== undefined && { bearerTokenFile: raw.bearer_token_file }),
    ...(raw.client_subjects && { clientSubjects: raw.client_subjects }),
  })),
);

/** Port 0 = that of `listen`. An empty text is nothing. */
const advertised = scalar('host or host:port, such as 10.0.0.1', (input) => {
  const [, v6, host, port = '0'] =
    typeof input === 'string' ? (/^(?:(?:\[([\da-fA-F:.%]+)\]|([^:[\]\s/=]*))(?::(\d{1,5}))?)$/.exec(input) ?? []) : [];
  const name = v6 ?? host;
  return name !== undefined && Number(port) <= 65_535 ? { host: name, port: Number(port) } : undefined;
});

/** `cluster:`. `name` is empty where it is to be the host's. */
export const clusterOptions = v.pipe(
  block({
    name: v.pipe(
      v.optional(text(/^$|^[A-Za-z0-9_.-]{1,253}$/, 'a name of letters, digits, "_", "." and "-"'), ''),
      v.description('of this gateway, the same after a restart; the host name where it is empty'),
    ),
    listen: v.pipe(
      v.optional(listenEndpoint(), '0.0.0.0:4319'),
      v.description('where members and agents reach this gateway; an agent needs none'),
    ),
    advertise: v.pipe(
      v.optional(advertised),
      v.description(
        'host or host:port at which others reach this gateway, where it registers itself; else listen, or the first address of the machine',
      ),
    ),
    members,
    tls: v.optional(tls),
    auth: v.optional(auth),
    forward_timeout: v.pipe(
      v.optional(duration('100ms', '1m'), '5s'),
      v.description('how long it is tried to bring spans to their owner; then they are judged here, and counted'),
    ),
    max_forward_bytes: v.pipe(
      v.optional(size('1MiB', '64GiB'), '128MiB'),
      v.description('of requests on their way to other gateways; above it senders are told to try again'),
    ),
  }),
  v.transform(({ forward_timeout, max_forward_bytes, ...raw }) => ({
    ...raw,
    forwardTimeoutMs: forward_timeout,
    maxForwardBytes: max_forward_bytes,
  })),
  v.forward(
    v.check((raw) => !isUnreachable(raw.auth, raw.tls?.server), unreachable),
    ['auth'],
  ),
);

type ClusterDocument = v.InferOutput<typeof clusterOptions>;

/** What the boot file says of the fleet. */
export type ClusterConfig = Omit<ClusterDocument, 'members'> & { readonly members: MembersConfig };
