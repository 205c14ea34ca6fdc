import { execFileSync } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort, reachable } from './ports.ts';
import { Measured } from './process.ts';

/** Something that takes OTLP, started for one run. */
export interface Subject {
  readonly process: Measured;
  readonly grpcPort: number;
  readonly httpPort?: number;
  /** Base address of the gateway's admin server. */
  readonly admin?: string;
}

export interface Setting {
  readonly cpus: string;
  readonly waitSeconds: number;
  readonly sinkPort: number;
  /** Of the gateway. */
  readonly shards?: number;
  /** Of the gateway: compresses what has waited so long. */
  readonly compressAfterSeconds?: number;
  /** Of the gateway: a size; 16GiB where it is left out. */
  readonly bufferBytes?: string;
  readonly onFull?: 'decide_oldest' | 'refuse';
}

export interface SubjectKind {
  /** It holds traces and decides: memory, latency and losses are worth a look. */
  readonly decides: boolean;
  readonly start: (setting: Setting) => Promise<Subject>;
}

const here = fileURLToPath(new URL('..', import.meta.url));
export const temporary = (): string => mkdtempSync(join(tmpdir(), 'tailgate-bench-'));

/** Where what is measured is pinned to, and the load and the sink. */
export const gatewayCpu = availableParallelism() > 1 ? '1' : '0';
export const loadCpu = '0';

export const startSink = async (cpus = loadCpu): Promise<{ sink: Measured; sinkPort: number }> => {
  const sink = Measured.script('sink.ts', [], cpus);
  const { port } = await sink.json<{ port: number }>('port');
  return { sink, sinkPort: port };
};

const noop = (server: string): SubjectKind => ({
  decides: false,
  start: async ({ cpus }) => {
    const process = Measured.script('noop.ts', [server], cpus);
    const { port } = await process.json<{ port: number }>('port');
    return { process, grpcPort: port };
  },
});

/** The whole gateway of a checkout: seed rules, 1 % baseline, books, weights, explain, redaction and metrics on. */
export const gateway = (root: string): SubjectKind => ({
  decides: true,
  start: async ({ cpus, sinkPort, ...settings }) => {
    const directory = temporary();
    const boot = join(directory, 'gateway.yaml');
    writeFileSync(
      join(directory, 'rules.yaml'),
      'baseline_percent: 1\nlatency_threshold_ms: 500\nroutes: [/login, /upload]\n',
    );
    writeFileSync(boot, bootFile(sinkPort, settings));
    const process = new Measured(join(root, 'bin/tailgate'), ['run', '--config', boot], { cpus, cwd: directory });
    const { grpc, http, admin } = await process.json<{ grpc: string; http: string; admin: string }>('grpc');
    return { process, grpcPort: portOf(grpc), httpPort: portOf(http), admin: `http://${admin}` };
  },
});

export const portOf = (address: string): number => Number(address.split(':').at(-1));

type GatewaySettings = Pick<Setting, 'waitSeconds' | 'shards' | 'compressAfterSeconds' | 'bufferBytes' | 'onFull'>;

const bootFile = (
  sinkPort: number,
  {
    waitSeconds,
    shards = 1,
    compressAfterSeconds = 0,
    bufferBytes = '16GiB',
    onFull = 'decide_oldest',
  }: GatewaySettings,
): string => `environment: production
shards: ${shards}
receive: { grpc: { endpoint: "127.0.0.1:0" }, http: { endpoint: "127.0.0.1:0" } }
buffer: { decision_wait: ${Math.round(waitSeconds * 1000)}ms, max_bytes: ${bufferBytes}, on_full: ${onFull}, compress_after: ${compressAfterSeconds}s }
export:
  - { name: sink, otlp: { endpoint: "http://127.0.0.1:${sinkPort}", protocol: grpc, compression: none } }
admin: { endpoint: "127.0.0.1:0" }
`;

/** The OpenTelemetry Collector with the same four policies and the same wait, or with nothing behind its receiver. */
export const collector = (decides: boolean, policies = collectorPolicies): SubjectKind => ({
  decides,
  start: async ({ cpus, waitSeconds, sinkPort }) => {
    const port = await freePort();
    const file = join(temporary(), 'collector.yaml');
    writeFileSync(file, collectorConfig({ decides, policies, port, waitSeconds, sinkPort }));
    const env = { GOMAXPROCS: String(cpus.split(',').length) };
    const process = new Measured(collectorBinary(), ['--config', file], { cpus, env });
    await reachable(port);
    return { process, grpcPort: port };
  },
});

export function collectorBinary(): string {
  return execFileSync(join(here, 'tools/servers/build.sh'), ['--path', 'otelcol'], { encoding: 'utf8' }).trim();
}

const collectorPolicies = `
      - { name: errors, type: status_code, status_code: { status_codes: [ERROR] } }
      - { name: slow, type: latency, latency: { threshold_ms: 500 } }
      - { name: routes, type: string_attribute, string_attribute: { key: url.path, values: [/login, /upload] } }
      - { name: baseline, type: probabilistic, probabilistic: { sampling_percentage: 1 } }`;

interface CollectorSetting {
  readonly decides: boolean;
  /** YAML of the list. */
  readonly policies: string;
  readonly port: number;
  readonly waitSeconds: number;
  readonly sinkPort: number;
}

const collectorConfig = ({ decides, policies, port, waitSeconds, sinkPort }: CollectorSetting): string => `
receivers:
  otlp: { protocols: { grpc: { endpoint: "127.0.0.1:${port}", max_recv_msg_size_mib: 64 } } }
processors:
  tail_sampling:
    decision_wait: ${waitSeconds}s
    num_traces: 5000000
    policies:${policies}
exporters:
  nop: {}
  otlp_grpc: { endpoint: "127.0.0.1:${sinkPort}", tls: { insecure: true }, compression: none }
service:
  telemetry: { metrics: { level: none }, logs: { level: error } }
  pipelines:
    traces: { receivers: [otlp], processors: [${decides ? 'tail_sampling' : ''}], exporters: [${decides ? 'otlp_grpc' : 'nop'}] }
`;

/** What is measured, by name. */
export const subjects = {
  tailgate: gateway(here),
  'no-op on grpc-js': noop('grpc-js'),
  'no-op on our HTTP/2': noop('http2'),
  'Collector, tail_sampling': collector(true),
  'Collector, to nowhere': collector(false),
} satisfies Record<string, SubjectKind>;
export type SubjectName = keyof typeof subjects;
