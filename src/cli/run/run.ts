import { flushCompileCache } from 'node:module';
import { parseArgs } from 'node:util';
import { doesWith } from '../../config/fleet.ts';
import { readBoot } from '../../config/read.ts';
import type { BootConfig } from '../../config/schema.ts';
import { UsageError } from '../../errors.ts';
import { type Gateway, startGateway } from '../../gateway.ts';
import { createLog } from '../../telemetry/log.ts';
import { compactHeapSoon } from '../../threads/compact-heap.ts';
import type { Io } from '../io.ts';
import { version } from '../version.ts';
import type { Stdio } from './stdio.ts';

/** `tailgate run`: starts the gateway and says where it listens. Throws UsageError where it cannot start. */
export async function run(argv: readonly string[], env: Io['env'], { stdout, stderr }: Stdio): Promise<Gateway> {
  const config = await readBoot(bootFile(argv, env), env, process.cwd());
  const log = createLog(config.log.level, stdout);
  const gateway = await startGateway(config, version, log);
  const { grpc, http, admin } = gateway.addresses;
  stderr.write(welcome(gateway.addresses, config));
  log.info('ready', {
    grpc: text(grpc),
    http: text(http),
    admin: text(admin),
    version,
    environment: config.environment,
  });
  // Node itself does this when a process ends in peace, which the first one need not.
  setImmediate(flushCompileCache);
  compactHeapSoon();
  return gateway;
}

function bootFile(argv: readonly string[], env: Io['env']): string {
  const shipped = new URL('../../../config/gateway.yaml', import.meta.url).pathname;
  try {
    const { values } = parseArgs({ args: [...argv], options: { config: { type: 'string' } } });
    return values.config ?? env.TAILGATE_CONFIG ?? shipped;
  } catch (error) {
    throw new UsageError(`tailgate run: ${(error as Error).message}; usage: tailgate run [--config FILE]`);
  }
}

const text = (endpoint: Gateway['addresses']['admin'] | undefined): string | undefined =>
  endpoint &&
  (endpoint.host.includes(':') ? `[${endpoint.host}]:${endpoint.port}` : `${endpoint.host}:${endpoint.port}`);

const scheme = (tls: unknown): string => (tls === undefined ? 'http' : 'https');

/** The commands to begin with, which find a gateway on the usual ports by themselves. */
function tryOut({ grpc, http, admin }: Gateway['addresses']): string {
  const demo = [
    grpc?.port !== 4317 && grpc && ` --grpc ${text(grpc)}`,
    http?.port !== 4318 && http && ` --http http://${text(http)}`,
  ];
  const gateway = admin.port === 8888 ? '' : ` --gateway http://${text(admin)}`;
  return `bin/tailgate demo${demo.filter(Boolean).join('')}        then: bin/obsctl${gateway} trace find --last 5m`;
}

/** What it does with traces, and where they go. */
function workOf(config: BootConfig): readonly [string, string] {
  const { buffer, export: to, kafka } = config;
  switch (doesWith(config)) {
    case 'brings':
      return ['an agent, which decides nothing', '  to      the gateways that own their traces'];
    case 'writes':
      return [
        'in front of Kafka, and decides nothing',
        `  to      topic ${kafka!.topic}, brokers ${kafka!.brokers.join(', ')}`,
      ];
    default:
      return [
        `decides ${buffer.decisionWaitMs / 1000} s after a trace's first span`,
        `  kept    ${to.map(({ name }) => name).join(', ')}`,
      ];
  }
}

function welcome(addresses: Gateway['addresses'], config: BootConfig): string {
  const { grpc, http, admin } = addresses;
  const { receive, admin: port, tenants } = config;
  const work = workOf(config);
  const isOpen = ![receive.grpc, receive.http, port].some((it) => it?.tls ?? it?.auth) && !receive.auth && !tenants;
  return [
    `Tailgate ${version}, environment ${config.environment}; ${work[0]}`,
    `  send    ${[grpc && `OTLP/gRPC ${text(grpc)}`, http && `OTLP/HTTP ${scheme(receive.http?.tls)}://${text(http)}/v1/traces`].filter(Boolean).join('   ')}`,
    work[1],
    `  look    ${scheme(port.tls)}://${text(admin)}/`,
    isOpen
      ? `  try     ${tryOut(addresses)}`
      : '  try     docs/access.md and docs/obsctl.md say what clients and obsctl need to get in',
    '',
  ].join('\n');
}
