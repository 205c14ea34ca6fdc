import { execFileSync } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { certificateSet, type Issued } from '../test/support/certificates.ts';
import { freePort } from '../tools/servers/ports.ts';
import { reachable } from './ports.ts';
import { Measured } from './process.ts';

/** Something that takes OTLP, started for one run. */
export interface Subject {
  readonly process: Measured;
  readonly grpcPort: number;
  readonly httpPort?: number;
  /** Base address of the gateway's admin server. */
  readonly admin?: string;
  /** Where it speaks TLS: its authority, in PEM. */
  readonly ca?: string;
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
  /** Of the gateway: a size; no window where it is left out. */
  readonly windowBytes?: string;
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
export const gateway = (root: string, secured = false, env: Record<string, string> = {}): SubjectKind => ({
  decides: true,
  start: async ({ cpus, sinkPort, ...settings }) => {
    const directory = temporary();
    const boot = join(directory, 'gateway.yaml');
    writeFileSync(
      join(directory, 'rules.yaml'),
      'baseline_percent: 1\nlatency_threshold_ms: 500\nroutes: [/login, /upload]\n',
    );
    const certificates = secured ? await certificatesIn(directory) : undefined;
    writeFileSync(boot, bootFile(sinkPort, settings, certificates?.server));
    const process = new Measured(join(root, 'bin/tailgate'), ['run', '--config', boot], { cpus, cwd: directory, env });
    const { grpc, http, admin } = await process.json<{ grpc: string; http: string; admin: string }>('grpc');
    const ports = { grpcPort: portOf(grpc), httpPort: portOf(http), admin: `http://${admin}` };
    return { process, ...ports, ...(certificates && { ca: certificates.ca }) };
  },
});

/** What a subject with TLS shows (P-256, as cert-manager and most authorities issue), and who believes it. */
async function certificatesIn(directory: string): Promise<{ server: Issued; ca: string }> {
  const { server, ca } = await certificateSet(directory);
  return { server, ca: ca.ca };
}

const filesOf = ({ certFile, keyFile }: Issued): string => `{ cert_file: ${certFile}, key_file: ${keyFile} }`;

export const portOf = (address: string): number => Number(address.split(':').at(-1));

type GatewaySettings = Omit<Setting, 'cpus' | 'sinkPort'>;

const bootFile = (
  sinkPort: number,
  {
    waitSeconds,
    shards = 1,
    compressAfterSeconds = 0,
    bufferBytes = '16GiB',
    onFull = 'decide_oldest',
    windowBytes,
  }: GatewaySettings,
  server?: Issued,
): string => `environment: production
shards: ${shards}
receive: { grpc: { endpoint: "127.0.0.1:0" }, http: { endpoint: "127.0.0.1:0" }${server ? `, tls: ${filesOf(server)}` : ''} }
buffer: { decision_wait: ${Math.round(waitSeconds * 1000)}ms, max_bytes: ${bufferBytes}, on_full: ${onFull}, compress_after: ${compressAfterSeconds}s }
${windowBytes === undefined ? '' : `window: { max_bytes: ${windowBytes}, max_age: 15m }\n`}export:
  - { name: sink, otlp: { endpoint: "http://127.0.0.1:${sinkPort}", protocol: grpc, compression: none } }
admin: { endpoint: "127.0.0.1:0" }
`;

/** The OpenTelemetry Collector with the same four policies and the same wait, or with nothing behind its receiver. */
export const collector = (decides: boolean, policies = collectorPolicies, secured = false): SubjectKind => ({
  decides,
  start: async ({ cpus, waitSeconds, sinkPort }) => {
    const port = await freePort();
    const directory = temporary();
    const file = join(directory, 'collector.yaml');
    const certificates = secured ? await certificatesIn(directory) : undefined;
    const server = certificates?.server;
    writeFileSync(file, collectorConfig({ decides, policies, port, waitSeconds, sinkPort, server }));
    const env = { GOMAXPROCS: String(cpus.split(',').length) };
    const process = new Measured(collectorBinary(), ['--config', file], { cpus, env });
    await reachable(port);
    return { process, grpcPort: port, ...(certificates && { ca: certificates.ca }) };
  },
});

export function collectorBinary(): string {
  return execFileSync(join(here, 'tools/servers/build.sh'), ['--path', 'otelcol'], { encoding: 'utf8' }).trim();
}

/** YAML of the four policies of the shipped rules, as a Collector has them. */
export const collectorPolicies = `
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
  readonly server: Issued | undefined;
}

const collectorConfig = ({ decides, policies, port, waitSeconds, sinkPort, server }: CollectorSetting): string => `
receivers:
  otlp: { protocols: { grpc: { endpoint: "127.0.0.1:${port}", max_recv_msg_size_mib: 64${server ? `, tls: ${filesOf(server)}` : ''} } } }
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
  'tailgate with TLS': gateway(here, true),
  'no-op on grpc-js': noop('grpc-js'),
  'no-op on our HTTP/2': noop('http2'),
  'Collector, tail_sampling': collector(true),
  'Collector, tail_sampling, with TLS': collector(true, collectorPolicies, true),
  'Collector, to nowhere': collector(false),
} satisfies Record<string, SubjectKind>;
export type SubjectName = keyof typeof subjects;
