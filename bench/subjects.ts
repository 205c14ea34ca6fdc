import { execFileSync } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Measured } from './process.ts';

/** Something that takes OTLP/gRPC, started for one run. */
export interface Subject {
  readonly process: Measured;
  readonly port: number;
  stop(): Promise<void>;
}
export interface Setting {
  readonly cpus: string;
  readonly waitSeconds: number;
  readonly sinkPort: number;
}
export type Start = (setting: Setting) => Promise<Subject>;

const root = fileURLToPath(new URL('..', import.meta.url));
const started = (process: Measured, port: number): Subject => ({ process, port, stop: () => process.stop() });

const noop =
  (server: string): Start =>
  async ({ cpus }) => {
    const process = Measured.script('noop.ts', [server], cpus);
    const { port } = await process.json<{ port: number }>('port');
    return started(process, port);
  };

/** The whole gateway: the seed rules, a 1 % baseline, books, weights, explain, redaction and metrics on. */
const tailgate: Start = async ({ cpus, waitSeconds, sinkPort }) => {
  const directory = mkdtempSync(join(tmpdir(), 'tailgate-bench-'));
  const boot = join(directory, 'gateway.yaml');
  writeFileSync(
    join(directory, 'rules.yaml'),
    'baseline_percent: 1\nlatency_threshold_ms: 500\nroutes: [/login, /upload]\n',
  );
  writeFileSync(
    boot,
    `environment: production
receive: { grpc: { endpoint: "127.0.0.1:0" } }
buffer: { decision_wait: ${waitSeconds}s, max_bytes: 8GiB }
export:
  - { name: sink, otlp: { endpoint: "http://127.0.0.1:${sinkPort}", protocol: grpc, compression: none } }
admin: { endpoint: "127.0.0.1:0" }
`,
  );
  const process = new Measured(join(root, 'bin/tailgate'), ['run', '--config', boot], { cpus, cwd: directory });
  const { grpc } = await process.json<{ grpc: string }>('grpc');
  return started(process, Number(grpc.split(':')[1]));
};

/** The OpenTelemetry Collector with the same four policies and the same wait, or with nothing behind its receiver. */
const collector =
  (decides: boolean): Start =>
  async ({ cpus, waitSeconds, sinkPort }) => {
    const directory = mkdtempSync(join(tmpdir(), 'tailgate-bench-'));
    const binary = execFileSync(join(root, 'tools/servers/build.sh'), ['--path', 'otelcol'], {
      encoding: 'utf8',
    }).trim();
    const port = await freePort();
    const file = join(directory, 'collector.yaml');
    writeFileSync(file, collectorConfig(decides, port, waitSeconds, sinkPort));
    const process = new Measured(binary, ['--config', file], {
      cpus,
      env: { GOMAXPROCS: String(cpus.split(',').length) },
    });
    await reachable(port);
    return started(process, port);
  };

const collectorConfig = (decides: boolean, port: number, waitSeconds: number, sinkPort: number): string => `
receivers:
  otlp: { protocols: { grpc: { endpoint: "127.0.0.1:${port}", max_recv_msg_size_mib: 64 } } }
processors:
  tail_sampling:
    decision_wait: ${waitSeconds}s
    num_traces: 5000000
    policies:
      - { name: errors, type: status_code, status_code: { status_codes: [ERROR] } }
      - { name: slow, type: latency, latency: { threshold_ms: 500 } }
      - { name: routes, type: string_attribute, string_attribute: { key: url.path, values: [/login, /upload] } }
      - { name: baseline, type: probabilistic, probabilistic: { sampling_percentage: 1 } }
exporters:
  nop: {}
  otlp_grpc: { endpoint: "127.0.0.1:${sinkPort}", tls: { insecure: true }, compression: none }
service:
  telemetry: { metrics: { level: none }, logs: { level: error } }
  pipelines:
    traces: { receivers: [otlp], processors: [${decides ? 'tail_sampling' : ''}], exporters: [${decides ? 'otlp_grpc' : 'nop'}] }
`;

/** What is measured, by name. */
export const subjects: Readonly<Record<string, Start>> = {
  tailgate,
  'no-op on grpc-js': noop('grpc-js'),
  'no-op on node:http2': noop('http2'),
  'Collector, tail_sampling': collector(true),
  'Collector, to nowhere': collector(false),
};

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}

async function reachable(port: number): Promise<void> {
  const { connect } = await import('node:net');
  for (let i = 0; i < 400; i++) {
    const ok = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => resolve(true)).on('error', () => resolve(false));
      socket.on('close', () => {}).setTimeout(500, () => socket.destroy());
      socket.on('connect', () => socket.end());
    });
    if (ok) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`nothing listens on port ${port}`);
}
