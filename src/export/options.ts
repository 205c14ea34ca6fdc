import * as v from 'valibot';
import { type KafkaConnection, kafkaExportOptions } from '../kafka/options.ts';
import { type ExportWhen, mostExporters } from '../model/destinations.ts';
import { block, duration, expected, fields, list, mapOf, notYet, oneOf, ownNames, size, text } from '../options.ts';
import type { Encoding } from './answer.ts';

/** What is wrong may be a secret, and is not repeated. */
const header = v.pipe(
  v.string('expected text; put numbers in quotes'),
  v.regex(/^[^\p{Cc}]*$/u, 'holds a line break or another control character: is there one at the end of a variable?'),
);

const pemFile = (meaning: string) => v.pipe(v.optional(text(/./, 'a file name')), v.description(meaning));

/** One of the Collector's keys of TLS: what there is instead. */
const refused = (advice: string) =>
  v.pipe(v.optional(v.never(`refused: ${advice}`)), v.description(`refused: ${advice}`));

const tls = v.pipe(
  block({
    ca_file: pemFile('PEM of the authorities that may vouch for the server; Node’s and the system’s where not given'),
    cert_file: pemFile('PEM of the certificate that is shown to servers that ask for one, with its intermediates'),
    key_file: pemFile('PEM of its key'),
    server_name: v.pipe(
      v.optional(text(/^(?:[^\s/:]+|(?=.*:.*:)[\da-f:.]+)$/i, 'a name or an address')),
      v.description(
        'the name that the server’s certificate must be for, and that is asked for; else the endpoint’s host',
      ),
    ),
    reload_interval: v.pipe(
      v.optional(duration('1s', '24h'), '1m'),
      v.description('how often the files are looked at, beside SIGHUP; what is new counts for the next connection'),
    ),
    insecure: refused('an endpoint that begins with http:// is reached without TLS'),
    insecure_skip_verify: refused(
      'whoever stands between would get every span; a certificate that signs itself can be its own ca_file, server_name its name',
    ),
  }),
  v.forward(
    v.check((raw) => !raw.cert_file === !raw.key_file, 'expected together with cert_file, or neither of them'),
    ['key_file'],
  ),
);

const otlpKeys = block({
  endpoint: v.pipe(
    text(/^($|https?:\/\/[^\s/?#]+\S*$)/, 'a URL such as http://tempo:4317'),
    v.description('URL of the receiver; an empty one leaves this exporter out'),
  ),
  protocol: v.pipe(v.optional(oneOf('grpc', 'http'), 'grpc'), v.description('OTLP/gRPC, or OTLP/HTTP with protobuf')),
  compression: v.pipe(
    v.optional(oneOf('gzip', 'zstd', 'none'), 'gzip'),
    v.description('of the requests; what the server does not read goes in gzip, or without'),
  ),
  headers: v.pipe(
    v.optional(mapOf(header), {}),
    v.description('sent with every request, such as X-Scope-OrgID where there are no receive.tenants'),
  ),
  timeout: v.pipe(v.optional(duration('1ms', '10m'), '10s'), v.description('longest that one attempt may take')),
  tls: v.optional(tls),
});

const otlp = v.pipe(
  otlpKeys,
  v.forward(
    v.check(
      (raw) => !raw.tls || !raw.endpoint.startsWith('http:'),
      'belongs to an endpoint that begins with https://: this one is reached without TLS',
    ),
    ['tls'],
  ),
);

const queue = block({
  max_bytes: v.pipe(
    v.optional(size('1KiB', '1TiB'), '256MiB'),
    v.description(
      'what waits for this exporter; what comes on top has failed, and is counted; where nothing is set, 15 % of the container’s limit if it has one',
    ),
  ),
  directory: notYet(),
});

const retry = v.pipe(
  block({
    initial: v.pipe(
      v.optional(duration('1ms', '1h'), '1s'),
      v.description('pause after the first failure; doubles, with jitter'),
    ),
    max: v.pipe(v.optional(duration('1ms', '1h'), '30s'), v.description('longest pause')),
    give_up_after: v.pipe(
      v.optional(duration('0s', '168h'), '5m'),
      v.description('age at which a request is given up, and counted'),
    ),
  }),
  v.forward(
    v.check((raw) => raw.initial <= raw.max, 'shorter than initial: expected at least as long'),
    ['max'],
  ),
);

const store = block({
  directory: v.pipe(
    v.optional(text(/./, 'a directory')),
    v.description('where the embedded store keeps its files (`data_directory`/store)'),
  ),
  retention: v.pipe(v.optional(duration('1s', '87600h'), '24h'), v.description('age at which traces are removed')),
  max_bytes: v.pipe(
    v.optional(size('16MiB', '64TiB'), '2GiB'),
    v.description('size at which the oldest traces are removed'),
  ),
});

/** What its type asks for, decide/ knows. */
const policy = fields(
  {
    name: v.pipe(v.optional(text(/\S/, 'a name, or none')), v.description('for whoever reads it; may be left out')),
    type: v.pipe(
      text(/\S/, 'a policy type, such as string_attribute or status_code'),
      v.description('a kind of policy; beside it the block of that name, as in the rules'),
    ),
  },
  () => v.unknown(),
  expected('a policy: a block with type, and perhaps a name'),
);

const when = v.pipe(
  block({
    tenants: v.pipe(
      v.optional(list(text(/./, 'the name of a tenant'))),
      v.description('whose traces it gets, of `receive.tenants.allow`'),
    ),
    policies: v.pipe(
      v.optional(list(policy)),
      v.description('in the language of the rules: it gets kept traces that one of these keeps, and none drops'),
    ),
  }),
  v.check((raw) => raw.tenants !== undefined || raw.policies !== undefined, 'expected tenants, policies, or both'),
);

const notOfAStore = 'belongs to an otlp or kafka exporter: the store writes at once';

const exporter = v.pipe(
  block({
    name: v.pipe(
      text(/^[A-Za-z0-9_.-]{1,64}$/, 'a name of letters, digits, "_", "." and "-"'),
      v.description('label of its metrics; each exporter has its own'),
    ),
    otlp: v.optional(otlp),
    queue: v.optional(queue),
    retry: v.optional(retry),
    kafka: v.optional(kafkaExportOptions),
    store: v.optional(store),
    when: v.pipe(v.optional(when), v.description('which of the kept traces this exporter gets; not given: all')),
  }),
  v.check(
    ({ otlp, kafka, store }) => [otlp, kafka, store].filter(Boolean).length === 1,
    'expected either an otlp, a kafka or a store block',
  ),
  v.forward(
    v.check((raw) => !raw.store || !raw.queue, notOfAStore),
    ['queue'],
  ),
  v.forward(
    v.check((raw) => !raw.store || !raw.retry, notOfAStore),
    ['retry'],
  ),
);

interface ExporterTls {
  /** By their keys in the boot file; absolute paths. */
  readonly files: Readonly<Partial<Record<'ca_file' | 'cert_file' | 'key_file', string>>>;
  readonly serverName?: string;
  readonly reloadIntervalMs: number;
}

interface ExporterPlace {
  readonly name: string;
  /** Absent: it gets all. */
  readonly when?: ExportWhen;
}

export interface OtlpExporterConfig extends ExporterPlace {
  readonly otlp: {
    readonly endpoint: string;
    readonly protocol: 'grpc' | 'http';
    readonly compression: Encoding;
    readonly headers: Readonly<Record<string, string>>;
    readonly timeoutMs: number;
    /** Of an https: endpoint. */
    readonly tls?: ExporterTls;
    /** Lower-case name of the header that says whose a request is, where there are tenants. */
    readonly tenantHeader?: string;
  };
  readonly queue: { readonly maxBytes: number };
  readonly retry: { readonly initialMs: number; readonly maxMs: number; readonly giveUpAfterMs: number };
}

interface StoreExporterConfig extends ExporterPlace {
  /** `directory` is absolute. */
  readonly store: { readonly directory: string; readonly retentionMs: number; readonly maxBytes: number };
}

/** Kept traces go to a topic; queue and retry as with OTLP. */
interface KafkaExporterConfig extends ExporterPlace, Pick<OtlpExporterConfig, 'queue' | 'retry'> {
  readonly kafka: KafkaConnection;
  /** As of OTLP, and the name of a header of records. */
  readonly tenantHeader?: string;
}

export type ExporterConfig = OtlpExporterConfig | KafkaExporterConfig | StoreExporterConfig;

/** `export:`. Exporters whose otlp.endpoint is empty are left out, so that a variable can switch one on. */
export const exportOptions = v.pipe(
  list(exporter),
  ownNames('is taken'),
  v.check(
    (exporters) => exporters.some((each) => each.otlp?.endpoint !== ''),
    'kept traces would go nowhere: expected at least one exporter with an endpoint, or a store',
  ),
  v.check(
    (exporters) => exporters.length <= mostExporters || exporters.every((each) => each.when === undefined),
    `expected at most ${mostExporters} exporters where one has a when`,
  ),
  v.transform((exporters) => exporters.filter((each) => each.otlp?.endpoint !== '').map(toConfig)),
);

function toConfig(raw: v.InferOutput<typeof exporter>): ExporterConfig {
  const place: ExporterPlace = { name: raw.name, ...(raw.when && { when: raw.when as ExportWhen }) };
  if (raw.store) {
    const { directory = '', retention, max_bytes } = raw.store;
    return { ...place, store: { directory, retentionMs: retention, maxBytes: max_bytes } };
  }
  const { max_bytes } = raw.queue ?? v.parse(queue, {});
  const { initial, max, give_up_after } = raw.retry ?? v.parse(retry, {});
  const common = {
    ...place,
    queue: { maxBytes: max_bytes },
    retry: { initialMs: initial, maxMs: max, giveUpAfterMs: give_up_after },
  };
  if (raw.kafka) return { ...common, kafka: raw.kafka };
  const { timeout, tls, ...target } = raw.otlp!;
  return {
    ...common,
    otlp: { ...target, timeoutMs: timeout, ...(tls && { tls: toFiles(tls) }) },
  };
}

function toFiles({ server_name, reload_interval, ...raw }: v.InferOutput<typeof tls>): ExporterTls {
  const { ca_file, cert_file, key_file } = raw;
  return {
    files: { ...(ca_file && { ca_file }), ...(cert_file && { cert_file }), ...(key_file && { key_file }) },
    ...(server_name && { serverName: server_name }),
    reloadIntervalMs: reload_interval,
  };
}
