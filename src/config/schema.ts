import * as v from 'valibot';
import { batchOptions } from '../batch/options.ts';
import { bufferOptions, windowOptions } from '../buffer/options.ts';
import { type ClusterConfig, clusterOptions } from '../cluster/options.ts';
import type { ConsulClient } from '../consul/client.ts';
import { enrichOptions, redactOptions } from '../enrich/options.ts';
import { exportOptions } from '../export/options.ts';
import { type KafkaConfig, kafkaOptions } from '../kafka/options.ts';
import type { Tenants } from '../model/tenant.ts';
import { block, duration, flag, numberOf, oneOf, scalar, size, text } from '../options.ts';
import { receiveOptions } from '../receive/options.ts';
import { tenantLimitsOptions } from '../receive/tenants/options.ts';
import { adminOptions, logOptions } from '../telemetry/options.ts';

const nameInConsul = text(/^[A-Za-z0-9_-]{1,64}$/, 'a name of letters, digits, - and _');

const consul = block({
  prefix: v.pipe(
    v.optional(
      text(/^[^\s/](\S*[^\s/])?$/, 'a key prefix such as tailgate/sampling, without a slash at its ends'),
      'tailgate/sampling',
    ),
    v.description('the rules are the keys under PREFIX/ENVIRONMENT/'),
  ),
  address: v.pipe(
    v.optional(v.string('expected an address such as http://127.0.0.1:8500')),
    v.description('of the Consul agent (CONSUL_HTTP_ADDR, else 127.0.0.1:8500); an empty one switches Consul off'),
  ),
  datacenter: v.pipe(v.optional(nameInConsul), v.description("whose keys are read (the agent's own)")),
  namespace: v.pipe(v.optional(nameInConsul), v.description('of Consul Enterprise (CONSUL_NAMESPACE)')),
  partition: v.pipe(v.optional(nameInConsul), v.description('of Consul Enterprise (CONSUL_PARTITION)')),
});

const rules = block({
  file: v.pipe(
    v.optional(text(/./, 'a file name'), 'rules.yaml'),
    v.description("the rules document, relative to this file's folder; watched"),
  ),
  max_bytes: v.pipe(
    v.optional(size('1KiB', '16MiB'), '256KiB'),
    v.description('largest rules document, and largest sum of the values in Consul'),
  ),
  consul: v.optional(consul),
});

const shards = scalar('auto or a number from 1 to 64', (input): number | 'auto' | undefined => {
  if (input === 'auto') return input;
  const number = numberOf(input);
  return number !== undefined && Number.isInteger(number) && number >= 1 && number <= 64 ? number : undefined;
});

/** The keys of the boot file, as docs/configuration.md lists them. */
export const bootFields = {
  environment: v.pipe(
    v.optional(text(/^[A-Za-z0-9_.-]{1,64}$/, 'a name such as home, staging or production'), 'home'),
    v.description('whose baseline of the rules applies'),
  ),
  trace_debug: v.pipe(
    v.optional(flag(), false),
    v.description('keep every trace, whatever the rules say, but for drop policies'),
  ),
  mode: v.pipe(
    v.optional(oneOf('gateway', 'agent'), 'gateway'),
    v.description('gateway = decides on the traces it owns; agent = brings spans to their owners, see docs/fleet.md'),
  ),
  shards: v.pipe(
    v.optional(shards, 'auto'),
    v.description('auto = one a core the process may use; 1 = no worker threads'),
  ),
  shutdown_timeout: v.pipe(
    v.optional(duration('0s', '1h'), '30s'),
    v.description('longest that a stop may take; exit code 3 where that was not enough to deliver all'),
  ),
  data_directory: v.pipe(
    v.optional(text(/./, 'a directory'), 'data'),
    v.description('embedded store and last good rules; relative to the working directory'),
  ),
  receive: v.optional(receiveOptions, { grpc: {}, http: {} }),
  tenants: v.pipe(
    v.optional(tenantLimitsOptions, {}),
    v.description('limits of single tenants of receive.tenants.allow, by name: share, max_bytes_per_second'),
  ),
  buffer: v.optional(bufferOptions, {}),
  window: v.optional(windowOptions, {}),
  rules: v.optional(rules, {}),
  enrich: v.pipe(v.optional(enrichOptions, {}), v.description('attributes added to kept traces')),
  redact: v.pipe(redactOptions, v.description('what is hidden, see docs/redaction.md; [] = nothing')),
  batch: v.optional(batchOptions, {}),
  export: v.optional(exportOptions),
  observe: v.pipe(
    v.optional(block({})),
    v.description('must be empty: metrics from spans before sampling are not supported in this version'),
  ),
  cluster: v.optional(clusterOptions),
  kafka: v.pipe(
    v.optional(kafkaOptions),
    v.description('Apache Kafka between receiving and deciding, see docs/kafka.md'),
  ),
  admin: v.optional(adminOptions, {}),
  log: v.optional(logOptions, {}),
};

export const bootSchema = block(bootFields);

/** The boot file after parsing: units converted, defaults filled in, names and paths as written. */
export type BootDocument = v.InferOutput<typeof bootSchema>;

/** What gateway.yaml says, defaults filled in: units in the names, paths absolute. */
export interface BootConfig {
  readonly environment: string;
  /** Keep every trace, whatever the rules say (TRACE_DEBUG). */
  readonly traceDebug: boolean;
  readonly shards: number | 'auto';
  readonly shutdownTimeoutMs: number;
  readonly dataDirectory: string;
  readonly receive: v.InferOutput<typeof receiveOptions>;
  /** Absent: there is one, without a name. */
  readonly tenants?: Tenants;
  readonly buffer: v.InferOutput<typeof bufferOptions>;
  /** What waits no more, for a while; `maxBytes` 0 = off. */
  readonly window: v.InferOutput<typeof windowOptions>;
  readonly rules: {
    readonly file: string;
    readonly maxBytes: number;
    readonly consul?: { readonly prefix: string; readonly client: ConsulClient };
  };
  readonly enrich: v.InferOutput<typeof enrichOptions>;
  readonly redact: v.InferOutput<typeof redactOptions>;
  readonly batch: v.InferOutput<typeof batchOptions>;
  /** Empty where the mode is agent: its traces go to their owners. */
  readonly export: v.InferOutput<typeof exportOptions>;
  readonly mode: 'gateway' | 'agent';
  /** Absent: this gateway is alone. */
  readonly cluster?: ClusterConfig;
  /** Absent: what is received is decided here. */
  readonly kafka?: KafkaConfig;
  readonly admin: v.InferOutput<typeof adminOptions>;
  readonly log: v.InferOutput<typeof logOptions>;
  /** What the process may use, by the container; absent where it has no limit. */
  readonly memoryLimitBytes?: number;
}
