import * as v from 'valibot';
import { block, duration, oneOf, size, someOf, text } from '../options.ts';

const broker = text(/^(?:\[[\w:.%]+\]|[^:[\]\s/]+):\d{1,5}$/, 'host:port, such as kafka-1:9092');
const name = (what: string) => text(/^[\w.-]{1,249}$/, what);
const secret = v.pipe(
  v.string('expected text; put numbers in quotes'),
  v.regex(/^[^\p{Cc}]*$/u, 'holds a line break or another control character: is there one at the end of a variable?'),
);
const pemFile = (meaning: string) => v.pipe(v.optional(text(/./, 'a file name')), v.description(meaning));

const tls = v.pipe(
  block({
    ca_file: pemFile('PEM of the authorities that may vouch for the brokers; Node’s where not given'),
    cert_file: pemFile('PEM of the certificate that is shown to brokers that ask for one'),
    key_file: pemFile('PEM of its key'),
  }),
  v.forward(
    v.check((raw) => !raw.cert_file === !raw.key_file, 'expected together with cert_file, or neither of them'),
    ['key_file'],
  ),
);

const sasl = block({
  mechanism: v.pipe(
    oneOf('PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'),
    v.description('how the brokers want to know who this is; PLAIN only with tls'),
  ),
  username: v.pipe(secret, v.description('of this gateway')),
  password: v.pipe(secret, v.description('its password, best from an environment variable')),
});

/** How brokers are reached; of `kafka:` and of an exporter's `kafka`. */
const connection = {
  brokers: v.pipe(someOf(broker), v.description('some of the brokers, as host:port; the others are learned from them')),
  topic: v.pipe(
    v.optional(name('a topic: letters, digits, ".", "_" and "-"'), 'otlp_spans'),
    v.description('it must exist'),
  ),
  client_id: v.pipe(
    v.optional(name('a name of letters, digits, ".", "_" and "-"'), 'tailgate'),
    v.description('how this gateway is named in the brokers’ logs and quotas'),
  ),
  tls: v.optional(tls),
  sasl: v.optional(sasl),
  compression: v.pipe(
    v.optional(oneOf('none', 'gzip', 'snappy', 'lz4', 'zstd'), 'none'),
    v.description('of what is written to the topic'),
  ),
  timeout: v.pipe(
    v.optional(duration('100ms', '5m'), '10s'),
    v.description('longest that brokers have to take what is written; the sender is told to try again then'),
  ),
  max_bytes: v.pipe(
    v.optional(size('1MiB', '64GiB'), '64MiB'),
    v.description(
      'what waits for the brokers to take it, and the most that one request may become when it is cut by trace',
    ),
  ),
  max_record_bytes: v.pipe(
    v.optional(size('16KiB', '64MiB'), '900KiB'),
    v.description(
      'largest record, and largest batch of records of a partition; less than the brokers’ message.max.bytes (1 MiB)',
    ),
  ),
};

type RawConnection = v.InferOutput<ReturnType<typeof connectionBlock>>;
const connectionBlock = () => block(connection);

/** Where and how records are written, and read. */
export interface KafkaConnection {
  readonly brokers: readonly string[];
  readonly topic: string;
  readonly clientId: string;
  /** PEM files; absent: plain. */
  readonly tls?: { readonly caFile?: string; readonly certFile?: string; readonly keyFile?: string };
  readonly sasl?: {
    readonly mechanism: 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512';
    readonly username: string;
    readonly password: string;
  };
  readonly compression: 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd';
  readonly timeoutMs: number;
  readonly maxBytes: number;
  readonly maxRecordBytes: number;
}

/** PLAIN sends the password as it is. */
const isSafe = ({ sasl, tls }: Partial<RawConnection>): boolean => sasl?.mechanism !== 'PLAIN' || tls !== undefined;
const unsafe = 'PLAIN sends the password as it is: expected a tls block beside sasl, or a SCRAM mechanism';

function toConnection(raw: RawConnection): KafkaConnection {
  const { tls: files } = raw;
  return {
    brokers: raw.brokers,
    topic: raw.topic,
    clientId: raw.client_id,
    ...(files && {
      tls: {
        ...(files.ca_file && { caFile: files.ca_file }),
        ...(files.cert_file && { certFile: files.cert_file }),
        ...(files.key_file && { keyFile: files.key_file }),
      },
    }),
    ...(raw.sasl && { sasl: raw.sasl }),
    compression: raw.compression,
    timeoutMs: raw.timeout,
    maxBytes: raw.max_bytes,
    maxRecordBytes: raw.max_record_bytes,
  };
}

/** What a gateway has to do with the topic. */
export interface KafkaConfig extends KafkaConnection {
  readonly role: 'produce' | 'consume' | 'both';
  readonly group: string;
  /** Empty: no static membership. */
  readonly instance: string;
  readonly commitIntervalMs: number;
  readonly maxFetchBytes: number;
  /** Where records go that cannot be read; else to the directory, as those do that it never takes. */
  readonly deadLetterTopic?: string;
  /** An absolute path. */
  readonly setAsideDirectory: string;
}

/** `kafka:`. */
export const kafkaOptions = v.pipe(
  block({
    ...connection,
    role: v.pipe(
      oneOf('produce', 'consume', 'both'),
      v.description(
        'produce: what is received is written to the topic, and nothing is decided here; consume: the topic is read and decided, beside what is received; both',
      ),
    ),
    group: v.pipe(
      v.optional(name('a name of letters, digits, ".", "_" and "-"'), 'tailgate'),
      v.description('consumer group of the gateways that decide together'),
    ),
    instance: v.pipe(
      v.optional(text(/^[\w.-]{0,200}$/, 'a name of letters, digits, ".", "_" and "-"'), ''),
      v.description('name of this member that outlives it, such as the pod’s; empty = each start is a new member'),
    ),
    commit_interval: v.pipe(
      v.optional(duration('100ms', '10m'), '2s'),
      v.description('how often offsets are committed of what is decided and delivered'),
    ),
    dead_letter_topic: v.pipe(
      v.optional(name('a topic: letters, digits, ".", "_" and "-"')),
      v.description(
        'where records go that cannot be read, with where they stood and why in headers; it must exist; else data_directory/kafka-set-aside',
      ),
    ),
    max_fetch_bytes: v.pipe(
      v.optional(size('64KiB', '64MiB'), '1MiB'),
      v.description('of one partition, fetched at once; a larger record comes all the same'),
    ),
  }),
  v.check((raw) => isSafe(raw), unsafe),
  v.forward(
    v.check(
      (raw) => raw.dead_letter_topic === undefined || raw.role !== 'produce',
      'belongs to role consume or both, which read the topic',
    ),
    ['dead_letter_topic'],
  ),
  v.forward(
    v.check((raw) => raw.dead_letter_topic !== raw.topic, 'the topic that is read: expected another one'),
    ['dead_letter_topic'],
  ),
  v.transform(
    (raw): KafkaConfig => ({
      ...toConnection(raw),
      role: raw.role,
      group: raw.group,
      instance: raw.instance,
      commitIntervalMs: raw.commit_interval,
      maxFetchBytes: raw.max_fetch_bytes,
      ...(raw.dead_letter_topic !== undefined && { deadLetterTopic: raw.dead_letter_topic }),
      setAsideDirectory: '',
    }),
  ),
);

/** `export[].kafka`. */
export const kafkaExportOptions = v.pipe(
  connectionBlock(),
  v.check((raw) => isSafe(raw), unsafe),
  v.transform((raw) => toConnection(raw)),
);
