import { dirname, join, resolve } from 'node:path';
import * as v from 'valibot';
import type { ConsulClient } from '../consul/client.ts';
import type { ExporterConfig } from '../export/options.ts';
import type { Problem } from '../model/rules.ts';
import { clusterAt, connectionAt, enrichAt, exporterAt, portAt, receiveAt } from './absolute-paths.ts';
import { clientAt } from './consul-at.ts';
import { problemsOf, readYaml, told } from './document.ts';
import { whenProblems } from './export-when.ts';
import { fleetIn, fleetProblems } from './fleet.ts';
import { sized } from './memory-defaults.ts';
import { type BootConfig, type BootDocument, bootSchema } from './schema.ts';
import { tenantProblems, tenantsIn } from './tenants.ts';
import type { Variables } from './variables.ts';

/** Where the text came from, and what its variables and relative paths refer to. */
export interface BootSurroundings {
  /** Path of the boot file: errors name it, and `rules.file` is relative to its folder. */
  readonly file: string;
  readonly env: Variables;
  /** The working directory: `data_directory` and the store's directory are relative to it. */
  readonly cwd: string;
  /** What the process may use, which sizes that nobody set follow; see container-limits.ts. */
  readonly memoryLimitBytes?: number | undefined;
  /** The machine's, for `cluster.name`; left out where the file is for another machine. */
  readonly hostName?: string;
}

type BootResult = { readonly config: BootConfig } | { readonly errors: readonly string[] };

/**
 * The boot file's text to configuration, or every error in it as `file:line: key.path: what is wrong, what was
 * expected`.
 */
export function loadBoot(text: string, from: BootSurroundings): BootResult {
  const yaml = readYaml(text, from.file, { env: from.env });
  if (yaml.errors.length > 0) return { errors: told(yaml.errors) };
  const parsed = v.safeParse(bootSchema, sized(yaml.value ?? {}, from.memoryLimitBytes));
  if (!parsed.success) return { errors: told(yaml.report(problemsOf(parsed.issues))) };
  const tooSmall = smallQueues(parsed.output, yaml.value as Written);
  const place = (name: string): number => placeOf(name, yaml.value as Written);
  const wrong = [
    ...tooSmall,
    ...kafkaProblems(parsed.output),
    ...tenantProblems(parsed.output, place),
    ...whenProblems(parsed.output, place),
    ...fleetProblems(parsed.output, from.env, from.hostName),
  ];
  if (wrong.length > 0) return { errors: told(yaml.report(wrong)) };
  const client = consulOf(parsed.output, from.env);
  if (typeof client === 'string') {
    return { errors: told(yaml.report([{ path: ['rules', 'consul', 'address'], message: client }])) };
  }
  return { config: toConfig(parsed.output, from, client) };
}

interface Written {
  readonly export?: readonly unknown[];
}

/** Where an exporter stands; those without an endpoint were left out of the document. */
const placeOf = (name: string, written: Written): number =>
  (written.export ?? []).findIndex((each) => (each as { name?: string }).name === name);

/** Queues that a full batch would never fit. */
function smallQueues({ export: exporters = [], batch }: BootDocument, written: Written): Problem[] {
  return exporters.flatMap((exporter) => {
    if (!('queue' in exporter) || exporter.queue.maxBytes >= batch.maxBytes) return [];
    const { maxBytes } = exporter.queue;
    const message = `${maxBytes}: smaller than batch.max_bytes (${batch.maxBytes}), so that a full batch never fits: expected at least as much`;
    return [{ path: ['export', placeOf(exporter.name, written), 'queue', 'max_bytes'], message }];
  });
}

/** A record of a topic says nothing of whose it is; and a trace's owner is whoever reads its partition. */
function kafkaProblems({ kafka, receive, cluster }: BootDocument): Problem[] {
  if (kafka === undefined) return [];
  const whys = [
    ...(receive.tenants
      ? ['receive.tenants: a record does not say whose it is; expected gateways, and a topic, for each tenant']
      : []),
    ...(cluster
      ? [
          'cluster: whoever reads a trace’s partition owns it, so gateways need not know each other; expected role: produce in those that receive, consume in those that decide, and cluster in neither',
        ]
      : []),
  ];
  return whys.map((why) => ({ path: ['kafka'], message: `cannot be used with ${why}` }));
}

/** How to reach Consul, undefined where it is off, or what is wrong with its address. */
const consulOf = ({ rules }: BootDocument, env: Variables): ConsulClient | undefined | string =>
  rules.consul && rules.consul.address !== '' ? clientAt(rules.consul, env) : undefined;

function toConfig(
  raw: BootDocument,
  { file, env, cwd, memoryLimitBytes, hostName }: BootSurroundings,
  client?: ConsulClient,
): BootConfig {
  const dataDirectory = resolve(cwd, raw.data_directory);
  const beside = (path: string): string => resolve(cwd, dirname(file), path);
  const tenants = tenantsIn(raw);
  const cluster = fleetIn(raw, env, hostName);
  return {
    environment: raw.environment,
    traceDebug: raw.trace_debug,
    shards: raw.shards,
    shutdownTimeoutMs: raw.shutdown_timeout,
    dataDirectory,
    receive: receiveAt(raw.receive, beside),
    ...(tenants && { tenants }),
    buffer: raw.buffer,
    window: raw.window,
    rules: {
      file: beside(raw.rules.file),
      maxBytes: raw.rules.max_bytes,
      ...(client && { consul: { prefix: raw.rules.consul!.prefix, client } }),
    },
    enrich: enrichAt(raw.enrich, beside),
    redact: raw.redact,
    batch: raw.batch,
    mode: raw.mode,
    ...(cluster && { cluster: clusterAt(cluster, beside) }),
    export: (raw.export ?? []).map((exporter) =>
      withTenant(exporterAt(exporter, { cwd, dataDirectory, beside }), tenants?.header),
    ),
    ...(raw.kafka && {
      kafka: { ...connectionAt(raw.kafka, beside), setAsideDirectory: join(dataDirectory, 'kafka-set-aside') },
    }),
    admin: portAt(raw.admin, beside),
    log: raw.log,
    ...(memoryLimitBytes !== undefined && { memoryLimitBytes }),
  };
}

function withTenant(exporter: ExporterConfig, header: string | undefined): ExporterConfig {
  if (header === undefined) return exporter;
  if ('kafka' in exporter) return { ...exporter, tenantHeader: header };
  if (!('otlp' in exporter)) return exporter;
  return { ...exporter, otlp: { ...exporter.otlp, tenantHeader: header } };
}
