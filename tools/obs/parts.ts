import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { findGrafana } from './grafana.ts';
import type { Command } from './process.ts';
import { answers } from './ready.ts';
import { seed } from './seed.ts';
import { at, type PortName, type Stack } from './stack.ts';

/** A program of the local stack. */
export interface Part {
  readonly name: string;
  /** What it is there for. */
  readonly purpose: string;
  readonly ports: readonly PortName[];
  /** Where people look, if anywhere. */
  readonly page?: (stack: Stack) => string;
  /** Built from its Go module, by tools/servers. */
  readonly server?: 'consul' | 'tempo' | 'prometheus';
  /** `binary` is where its server is. Undefined: this machine does not have it, which `missing` says. */
  command(stack: Stack, binary: string): Command | undefined;
  readonly missing?: string;
  /** Throws, or false, while it is not ready. */
  ready(stack: Stack): Promise<boolean>;
  /** Once it is ready for the first time. */
  readonly prepare?: (stack: Stack) => Promise<void>;
  /** From SIGTERM to SIGKILL. */
  readonly stopWithinMs: number;
  /** Why it may need the second, and that this does no harm. */
  readonly outlastsSigterm?: string;
}

const root = new URL('../../', import.meta.url).pathname;
/** The configurations that are in use: those of deploy/, with this machine's addresses. */
const configuration = ({ directory }: Stack, path: string): string => join(directory, 'deploy', path);
const data = ({ directory }: Stack, path: string): string => join(directory, 'data', path);
const page = (name: PortName) => (stack: Stack) => `http://${at(stack, name)}`;

/** NAME=value lines; # begins a comment line. */
const variables = (file: string): Record<string, string> =>
  Object.fromEntries(
    readFileSync(file, 'utf8')
      .split('\n')
      .filter((line) => /^\w+=/.test(line))
      .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  );

const consul: Part = {
  name: 'consul',
  purpose: 'the live rules',
  ports: ['consul.http', 'consul.server', 'consul.serf'],
  page: page('consul.http'),
  server: 'consul',
  command: (stack, program) => ({
    program,
    args: [
      ...['agent', '-dev', '-node=local', '-bind=127.0.0.1', '-client=127.0.0.1', '-log-level=warn'],
      ...['-dns-port=-1', '-grpc-port=-1', '-grpc-tls-port=-1', '-serf-wan-port=-1'],
      ...['-hcl', 'disable_update_check = true', `-http-port=${stack.ports['consul.http']}`],
      ...[`-server-port=${stack.ports['consul.server']}`, `-serf-lan-port=${stack.ports['consul.serf']}`],
    ],
  }),
  ready: async (stack) => (await answers(`${page('consul.http')(stack)}/v1/status/leader`)).length > 4,
  prepare: (stack) => seed(page('consul.http')(stack), configuration(stack, 'local/consul')),
  stopWithinMs: 5000,
};

const prometheus: Part = {
  name: 'prometheus',
  purpose: 'metrics with exemplars, alerts',
  ports: ['prometheus.http'],
  page: page('prometheus.http'),
  server: 'prometheus',
  command: (stack, program) => ({
    program,
    args: [
      `--config.file=${configuration(stack, 'local/prometheus.yaml')}`,
      `--storage.tsdb.path=${data(stack, 'prometheus')}`,
      `--web.listen-address=${at(stack, 'prometheus.http')}`,
      '--web.enable-remote-write-receiver',
      '--enable-feature=exemplar-storage',
      '--log.level=warn',
    ],
  }),
  ready: async (stack) => (await answers(`${page('prometheus.http')(stack)}/-/ready`)) !== '',
  stopWithinMs: 10_000,
};

const tempo: Part = {
  name: 'tempo',
  purpose: 'kept traces',
  ports: ['tempo.http', 'tempo.grpc', 'tempo.otlp-grpc', 'tempo.otlp-http'],
  page: page('tempo.http'),
  server: 'tempo',
  command: (stack, program) => ({
    program,
    args: [`-config.file=${configuration(stack, 'tempo/tempo.yaml')}`, '-config.expand-env=true'],
    env: {
      ...variables(configuration(stack, 'local/tempo.env')),
      TEMPO_LISTEN: '127.0.0.1',
      TEMPO_DIR: data(stack, 'tempo'),
      TEMPO_HTTP_PORT: String(stack.ports['tempo.http']),
      TEMPO_GRPC_PORT: String(stack.ports['tempo.grpc']),
      TEMPO_OTLP_GRPC_PORT: String(stack.ports['tempo.otlp-grpc']),
      TEMPO_OTLP_HTTP_PORT: String(stack.ports['tempo.otlp-http']),
    },
  }),
  ready: async (stack) => (await answers(`${page('tempo.http')(stack)}/ready`)) !== '',
  stopWithinMs: 3000,
  // Tempo 2.8, RequestQueue.stopping: it waits for idle queues to be taken away, which happens twice a minute, and not any
  // more while it stops. All else of it, what writes traces too, has ended by then.
  outlastsSigterm: 'asked within its last 30 s it does not end by itself; its traces are on disk',
};

const gateway: Part = {
  name: 'gateway',
  purpose: 'this checkout, keeping 100 %',
  ports: ['gateway.grpc', 'gateway.http', 'gateway.admin'],
  page: page('gateway.admin'),
  command: (stack) => ({
    program: join(root, 'bin/tailgate'),
    args: ['run'],
    env: {
      ...variables(configuration(stack, 'local/gateway.env')),
      TAILGATE_GRPC: at(stack, 'gateway.grpc'),
      TAILGATE_HTTP: at(stack, 'gateway.http'),
      TAILGATE_ADMIN: at(stack, 'gateway.admin'),
      TAILGATE_DATA: data(stack, 'gateway'),
    },
  }),
  ready: async (stack) => (await answers(`${page('gateway.admin')(stack)}/readyz`)) !== '',
  stopWithinMs: 40_000, // it delivers what it has within shutdown_timeout
};

const grafana: Part = {
  name: 'grafana',
  purpose: 'dashboards, traces, links between them',
  ports: ['grafana.http'],
  page: page('grafana.http'),
  command: (stack) =>
    findGrafana({
      ...variables(configuration(stack, 'local/grafana.env')),
      GF_PATHS_DATA: data(stack, 'grafana'),
      GF_PATHS_PROVISIONING: configuration(stack, 'grafana/provisioning'),
      GF_SERVER_HTTP_ADDR: '127.0.0.1',
      GF_SERVER_HTTP_PORT: String(stack.ports['grafana.http']),
      DASHBOARDS: configuration(stack, 'grafana'),
    }),
  missing: 'not on this machine: install it, or a container engine; its dashboards are in deploy/grafana',
  ready: async (stack) => (await answers(`${page('grafana.http')(stack)}/api/health`)) !== '',
  stopWithinMs: 10_000,
};

const traffic: Part = {
  name: 'traffic',
  purpose: 'the demo’s shop, 5 traces a second',
  ports: [],
  command: (stack) => ({
    program: join(root, 'bin/tailgate'),
    args: ['demo', '--rate', '5', '--grpc', at(stack, 'gateway.grpc'), '--http', `http://${at(stack, 'gateway.http')}`],
  }),
  ready: async () => true,
  stopWithinMs: 10_000,
};

/** In the order in which they start; they stop the other way round. */
export const parts: readonly Part[] = [consul, prometheus, tempo, gateway, grafana, traffic];
