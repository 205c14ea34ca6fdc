import { join, resolve } from 'node:path';
import type { AuthConfig } from '../access/options.ts';
import type { ClusterConfig } from '../cluster/options.ts';
import type { ExporterConfig } from '../export/options.ts';
import type { KafkaConnection } from '../kafka/options.ts';
import type { BootConfig } from './schema.ts';

/** The absolute path of what the boot file names relative to its own folder. */
export type Beside = (path: string) => string;

export function receiveAt(receive: BootConfig['receive'], beside: Beside): BootConfig['receive'] {
  const { auth, grpc, http, ...rest } = receive;
  return {
    ...rest,
    ...(auth && { auth: authAt(auth, beside) }),
    ...(grpc && { grpc: portAt(grpc, beside) }),
    ...(http && { http: portAt(http, beside) }),
  };
}

export function clusterAt(cluster: ClusterConfig, beside: Beside): ClusterConfig {
  const { tls, auth, ...rest } = cluster;
  return {
    ...rest,
    ...(tls && { tls: { server: besideIt(tls.server, beside), client: besideIt(tls.client, beside) } }),
    ...(auth && { auth: authAt(auth, beside) }),
  };
}

export function enrichAt({ kubernetes, ...rest }: BootConfig['enrich'], beside: Beside): BootConfig['enrich'] {
  if (!kubernetes) return rest;
  const { tokenFile, caFile } = kubernetes;
  return { ...rest, kubernetes: { ...kubernetes, tokenFile: beside(tokenFile), caFile: beside(caFile) } };
}

interface PortFiles {
  readonly auth?: AuthConfig | undefined;
  readonly tls?: { readonly files: Files } | undefined;
}

/** A port whose files have absolute paths. */
export function portAt<T extends PortFiles>(port: T, beside: Beside): T {
  return {
    ...port,
    ...(port.auth && { auth: authAt(port.auth, beside) }),
    ...(port.tls && { tls: besideIt(port.tls, beside) }),
  };
}

function authAt({ bearerTokenFile, basicHtpasswdFile, ...rest }: AuthConfig, beside: Beside): AuthConfig {
  return {
    ...rest,
    ...(bearerTokenFile !== undefined && { bearerTokenFile: beside(bearerTokenFile) }),
    ...(basicHtpasswdFile !== undefined && { basicHtpasswdFile: beside(basicHtpasswdFile) }),
  };
}

export function connectionAt<T extends KafkaConnection>(connection: T, beside: Beside): T {
  const { tls } = connection;
  return tls ? { ...connection, tls: allBeside(tls, beside) } : connection;
}

interface Folders {
  readonly cwd: string;
  readonly dataDirectory: string;
  readonly beside: Beside;
}

export function exporterAt(exporter: ExporterConfig, { cwd, dataDirectory, beside }: Folders): ExporterConfig {
  if ('kafka' in exporter) return { ...exporter, kafka: connectionAt(exporter.kafka, beside) };
  if (!('store' in exporter)) {
    const { tls } = exporter.otlp;
    return tls ? { ...exporter, otlp: { ...exporter.otlp, tls: besideIt(tls, beside) } } : exporter;
  }
  const { directory } = exporter.store;
  return {
    ...exporter,
    store: { ...exporter.store, directory: resolve(cwd, directory || join(dataDirectory, 'store')) },
  };
}

type Files = Readonly<Partial<Record<string, string>>>;

const besideIt = <T extends { readonly files: Files }>(tls: T, beside: Beside): T => ({
  ...tls,
  files: allBeside(tls.files, beside),
});

function allBeside<T extends Files>(files: T, beside: Beside): T {
  return Object.fromEntries(Object.entries(files).map(([key, file]) => [key, beside(file!)])) as T;
}
