// Starts the real servers that build.sh made, on loopback and on free ports, for tests.
//
//   const consul = await startConsul();
//   ... fetch(`${consul.url}/v1/kv/...`) ...
//   await consul.stop();
//
// Whatever still runs when this process exits is killed. Run it by hand to try all of it: node tools/servers/smoke.ts
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { get as httpGet } from 'node:http';
import { get as httpsGet } from 'node:https';
import { connect as tcpConnect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { freePort } from './ports.ts';
import { tempo2Config } from './tempo-config.ts';

export type ServerName =
  | 'consul'
  | 'tempo'
  | 'otelcol'
  | 'otelcol-kafka'
  | 'telemetrygen'
  | 'helm'
  | 'kubectl-validate'
  | 'etcd'
  | 'kube-apiserver'
  | 'helm-unittest'
  | 'h2spec'
  | 'kafka'
  | 'prometheus'
  | 'promtool'
  | 'gofakes3'
  | 'compose-config';

/** A process that was started and was ready. */
export interface Running {
  /** Base address of its HTTP interface, without a slash at the end. */
  readonly url: string;
  readonly pid: number;
  /** What it wrote to stdout and stderr (the last 4 MB). */
  output(): string;
  /** Whether it has ended, by whatever cause. */
  exited(): boolean;
  /** SIGTERM (or `signal`), waits for the end, SIGKILL when it does not end in time. Harmless when it has ended. */
  stop(signal?: NodeJS.Signals): Promise<void>;
  /** SIGKILL, waits for the end. */
  kill(): Promise<void>;
}

// ---------------------------------------------------------------------------------------------- binaries

const here = fileURLToPath(new URL('.', import.meta.url));
const found = new Map<ServerName, string>();

/** Where build.sh left the binary; or why it is not there: `refused` (cannot be downloaded any more) or `missing`. */
export function findServer(name: ServerName): { path: string } | { refused: string } | { missing: string } {
  const known = found.get(name);
  if (known !== undefined && existsSync(known)) return { path: known };
  const run = spawnSync('bash', [join(here, 'build.sh'), '--path', name], { encoding: 'utf8' });
  if (run.error) return { missing: `cannot run build.sh: ${run.error.message}` };
  if (run.status === 0) {
    const path = run.stdout.trim();
    found.set(name, path);
    return { path };
  }
  const reason = run.stderr.trim() || `build.sh --path ${name} ended with ${run.status}`;
  return run.status === 3 ? { refused: reason } : { missing: reason };
}

/** Path of the binary; an error that says what to do when it is not there. */
export function serverBinary(name: ServerName): string {
  const result = findServer(name);
  if ('path' in result) return result.path;
  throw new Error('refused' in result ? result.refused : result.missing);
}

// ------------------------------------------------------------------------------------------------- ports

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = tcpConnect({ port, host: '127.0.0.1', timeout: 1000 });
    const done = (open: boolean) => {
      socket.destroy();
      resolve(open);
    };
    socket.once('connect', () => done(true));
    socket.once('error', () => done(false));
    socket.once('timeout', () => done(false));
  });
}

// --------------------------------------------------------------------------------------------- processes

const alive = new Set<ChildProcess>();
let exitHook = false;

interface LaunchOptions {
  name: ServerName;
  args: string[];
  url: string;
  /** Ports it will listen on. Another server there would be taken for this one, so they must be closed now. */
  ports: number[];
  env?: Record<string, string>;
  /** Polled until true; what it throws counts as "not yet" and is shown when the time is up. */
  ready(running: Running): Promise<boolean>;
  readyTimeoutMs: number;
  /** How long stop() waits before SIGKILL. */
  stopTimeoutMs: number;
  /** Called once the process has ended. */
  cleanup?: (() => void) | undefined;
}

const OUTPUT_LIMIT = 4 * 1024 * 1024;

function lastLines(text: string, count = 20): string {
  return text.trimEnd().split('\n').slice(-count).join('\n');
}

let prefix: string[] | undefined;

/** On Linux the kernel ends the server when this process (or worker thread) is killed and can do nothing any more. */
function dieWithParent(): string[] {
  if (prefix === undefined) {
    const words = ['setpriv', '--pdeathsig', 'KILL', '--'];
    const works = process.platform === 'linux' && spawnSync('setpriv', [...words.slice(1), 'true']).status === 0;
    prefix = works ? words : [];
  }
  return prefix;
}

export async function launch(options: LaunchOptions): Promise<Running> {
  const { name, args, url, ready, readyTimeoutMs, stopTimeoutMs, cleanup } = options;
  for (const port of options.ports) {
    if (!(await accepts(port))) continue;
    cleanup?.();
    throw new Error(`${name} cannot start: 127.0.0.1:${port}: address already in use`);
  }
  // Variables of the surroundings that the servers would read are left out, so that a test depends on itself only.
  const env: Record<string, string> = {};
  for (const [key, value] of Object.entries(process.env)) {
    if (value !== undefined && !/^(CONSUL|OTEL|TEMPO|COLLECTOR)_/.test(key)) env[key] = value;
  }
  const command = [...dieWithParent(), serverBinary(name), ...args];
  const child = spawn(command[0] ?? '', command.slice(1), {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...env, ...options.env },
  });
  let text = '';
  let failure: Error | undefined;
  let ended = false;
  const end = new Promise<void>((resolve) => {
    const finish = () => {
      if (ended) return;
      ended = true;
      alive.delete(child);
      cleanup?.();
      resolve();
    };
    child.once('close', finish);
    child.once('error', (error) => {
      failure = error;
      if (child.pid === undefined) finish();
    });
  });
  const collect = (chunk: string) => {
    text += chunk;
    if (text.length > OUTPUT_LIMIT) text = text.slice(-OUTPUT_LIMIT / 2);
  };
  child.stdout.setEncoding('utf8').on('data', collect);
  child.stderr.setEncoding('utf8').on('data', collect);
  alive.add(child);
  if (!exitHook) {
    exitHook = true;
    process.once('exit', () => {
      for (const other of alive) other.kill('SIGKILL');
    });
  }

  const running: Running = {
    url,
    pid: child.pid ?? 0,
    output: () => text,
    exited: () => ended,
    async stop(signal = 'SIGTERM') {
      if (ended) return;
      child.kill(signal);
      const timer = setTimeout(() => child.kill('SIGKILL'), stopTimeoutMs);
      await end;
      clearTimeout(timer);
    },
    async kill() {
      if (ended) return;
      child.kill('SIGKILL');
      await end;
    },
  };

  const started = Date.now();
  let lastError: unknown;
  for (;;) {
    if (ended) {
      const how = failure?.message ?? `exit ${child.exitCode ?? child.signalCode}`;
      throw new Error(`${name} ended before it was ready (${how}); its last output:\n${lastLines(text)}`);
    }
    try {
      if (await ready(running)) return running;
      lastError = undefined;
    } catch (error) {
      lastError = error;
    }
    if (Date.now() - started > readyTimeoutMs) {
      await running.kill();
      const why = lastError instanceof Error ? ` (${lastError.message})` : '';
      throw new Error(`${name} was not ready after ${readyTimeoutMs} ms${why}; its last output:\n${lastLines(text)}`);
    }
    await sleep(50);
  }
}

/** Starts again, with other ports where they are chosen here, when one was taken in between. */
export async function withPorts<T>(start: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await start();
    } catch (error) {
      if (attempt === 3 || !(error instanceof Error) || !/address already in use/i.test(error.message)) throw error;
      await sleep(200);
    }
  }
}

/** One request on a connection of its own, so that no idle connection delays the end of the server. */
export function get(url: string, headers: Record<string, string> = {}): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    // Whoever asks here started it, and knows who it is.
    const how = { headers, agent: false, timeout: 2000, rejectUnauthorized: false };
    const request = (url.startsWith('https:') ? httpsGet : httpGet)(url, how, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        body += chunk;
      });
      response.once('end', () => resolve({ status: response.statusCode ?? 0, body }));
      response.once('error', reject);
    });
    request.once('timeout', () => request.destroy(new Error(`no answer from ${url} in 2 s`)));
    request.once('error', reject);
  });
}

export function temporaryDir(name: string): string {
  return mkdtempSync(join(tmpdir(), `tailgate-${name}-`));
}

// ------------------------------------------------------------------------------------------------ Consul

export interface ConsulOptions {
  httpPort?: number;
  /** Keeps the data here, over restarts. Without it all is in memory and gone at the end. */
  dataDir?: string;
  /** ACLs on, with this management token (any UUID); what has no token may do nothing unless `aclDefault` is allow. */
  aclToken?: string;
  aclDefault?: 'deny' | 'allow';
  /** Further flags of `consul agent`. */
  extraArgs?: string[];
  logLevel?: 'trace' | 'debug' | 'info' | 'warn' | 'error';
  /** It waits for other servers, and is ready without a leader. */
  isLeaderless?: boolean;
  readyTimeoutMs?: number;
}

export interface RunningConsul extends Running {
  readonly httpPort: number;
  /** The management token, when ACLs are on. */
  readonly token: string | undefined;
}

/**
 * One Consul server. To restart it stop it and start it with the same httpPort (and dataDir).
 * Consul ends with code 1 on SIGTERM; stop() does not mind.
 */
export function startConsul(options: ConsulOptions = {}): Promise<RunningConsul> {
  return withPorts(async () => {
    const httpPort = options.httpPort ?? (await freePort());
    const { serverPort, serfPort } = await consulPeerPorts(options.dataDir);
    const token = options.aclToken;
    const url = `http://127.0.0.1:${httpPort}`;
    const args = ['agent', '-node=test', '-bind=127.0.0.1', '-client=127.0.0.1'];
    if (options.dataDir === undefined) {
      args.push('-dev');
    } else {
      // A development agent keeps nothing, so this is a proper server that elects itself.
      args.push('-server', '-bootstrap-expect=1', `-data-dir=${options.dataDir}`);
      args.push('-hcl', 'performance { raft_multiplier = 1 }');
    }
    args.push('-hcl', 'disable_update_check = true', `-log-level=${options.logLevel ?? 'warn'}`);
    args.push(`-http-port=${httpPort}`, `-server-port=${serverPort}`, `-serf-lan-port=${serfPort}`);
    args.push('-serf-wan-port=-1', '-dns-port=-1', '-grpc-port=-1', '-grpc-tls-port=-1');
    if (token !== undefined) {
      const tokens = `tokens { initial_management = "${token}" agent = "${token}" }`;
      args.push('-hcl', `acl { enabled = true default_policy = "${options.aclDefault ?? 'deny'}" ${tokens} }`);
    }
    args.push(...(options.extraArgs ?? []));
    const headers: Record<string, string> = token === undefined ? {} : { 'X-Consul-Token': token };
    const running = await launch({
      name: 'consul',
      args,
      url,
      ports: [httpPort, serverPort],
      readyTimeoutMs: options.readyTimeoutMs ?? 60_000,
      stopTimeoutMs: 10_000,
      async ready() {
        const leader = await get(`${url}/v1/status/leader`, headers);
        if (options.isLeaderless) return leader.status === 200;
        if (leader.status !== 200 || leader.body.trim().length <= 2) return false; // "" until one is elected
        if (token !== undefined) return (await get(`${url}/v1/acl/token/self`, headers)).status === 200;
        // a leader may be known a moment before reads are served
        const read = await get(`${url}/v1/kv/?keys`, headers);
        return read.status === 200 || read.status === 404 || read.status === 403;
      },
    });
    return { ...running, httpPort, token };
  });
}

/** A server with data finds itself again by its address, so with a data folder these ports stay as they were. */
async function consulPeerPorts(dataDir: string | undefined): Promise<{ serverPort: number; serfPort: number }> {
  const file = dataDir === undefined ? undefined : join(dataDir, 'test-ports.json');
  if (file !== undefined && existsSync(file)) return JSON.parse(readFileSync(file, 'utf8'));
  const ports = { serverPort: await freePort(), serfPort: await freePort() };
  if (dataDir !== undefined && file !== undefined) {
    mkdirSync(dataDir, { recursive: true });
    writeFileSync(file, JSON.stringify(ports));
  }
  return ports;
}

// ------------------------------------------------------------------------------------------------- Tempo

export interface TempoPorts {
  http: number;
  grpc: number;
  otlpGrpc: number;
  otlpHttp: number;
}

/** PEM files of a server. */
export interface ServerTls {
  readonly certFile: string;
  readonly keyFile: string;
  readonly clientCaFile?: string;
}

/** As the Collector's configtls and dskit's server have it; JSON is YAML. */
const tlsBlock = ({ certFile, keyFile, clientCaFile }: ServerTls): string =>
  JSON.stringify({ cert_file: certFile, key_file: keyFile, ...(clientCaFile && { client_ca_file: clientCaFile }) });

export interface TempoOptions {
  /**
   * Blocks and write-ahead log; kept, so that a restart with the same folder has the same traces. Default: a temporary
   * one.
   */
  dir?: string;
  ports?: Partial<TempoPorts>;
  /** The delay in the RetryInfo of a refused push, default 5s; false: no RetryInfo. */
  retryInfo?: string | false;
  /** Bytes a second and at once, for each tenant; pushes above them are refused. */
  rateLimitBytes?: number;
  burstBytes?: number;
  /** Wants X-Scope-OrgID on everything. */
  multitenancy?: boolean;
  /** Of its OTLP receivers: they demand a client certificate where `clientCaFile` is given. */
  otlpTls?: ServerTls;
  /** Of its query interface. */
  queryTls?: ServerTls;
  logLevel?: 'debug' | 'info' | 'warn' | 'error';
  /** Runs on what is shipped, deploy/tempo/tempo.yaml, with these variables; options above other than `dir` and `ports` do not count. */
  shipped?: Record<string, string>;
  extraArgs?: string[];
  readyTimeoutMs?: number;
}

export interface RunningTempo extends Running {
  /** The query interface; the same as url. */
  readonly httpUrl: string;
  /** host:port */
  readonly otlpGrpc: string;
  /** Base address, to which /v1/traces is added. */
  readonly otlpHttp: string;
  readonly ports: TempoPorts;
  readonly dir: string;
}

/** Tempo 2.8. It does not end on SIGTERM where it was asked within its last 30 s, so stop() kills it after 3 s. */
export function startTempo(options: TempoOptions = {}): Promise<RunningTempo> {
  return withPorts(async () => {
    const ports: TempoPorts = {
      http: options.ports?.http ?? (await freePort()),
      grpc: options.ports?.grpc ?? (await freePort()),
      otlpGrpc: options.ports?.otlpGrpc ?? (await freePort()),
      otlpHttp: options.ports?.otlpHttp ?? (await freePort()),
    };
    serverBinary('tempo'); // before a folder is made
    const dir = options.dir ?? temporaryDir('tempo');
    const temporary = options.dir === undefined;
    const [otlpScheme, scheme] = [options.otlpTls, options.queryTls].map((tls) => (tls ? 'https' : 'http'));
    const url = `${scheme}://127.0.0.1:${ports.http}`;
    const running = await launch({
      name: 'tempo',
      args: [
        `-config.file=${options.shipped ? shippedConfig(dir) : join(here, 'conf', 'tempo.yaml')}`,
        '-config.expand-env=true',
        ...(options.extraArgs ?? []),
      ],
      url,
      ports: Object.values(ports),
      env: {
        TEMPO_DIR: dir,
        TEMPO_HTTP_PORT: String(ports.http),
        TEMPO_GRPC_PORT: String(ports.grpc),
        TEMPO_OTLP_GRPC_PORT: String(ports.otlpGrpc),
        TEMPO_OTLP_HTTP_PORT: String(ports.otlpHttp),
        TEMPO_RETRY_AFTER: options.retryInfo === false ? '0s' : (options.retryInfo ?? '5s'),
        TEMPO_RATE_LIMIT_BYTES: String(options.rateLimitBytes ?? 500_000_000),
        TEMPO_BURST_BYTES: String(options.burstBytes ?? options.rateLimitBytes ?? 500_000_000),
        TEMPO_MULTITENANCY: String(options.multitenancy ?? false),
        TEMPO_LOG_LEVEL: options.logLevel ?? 'warn',
        TEMPO_OTLP_TLS: options.otlpTls ? tlsBlock(options.otlpTls) : 'null',
        TEMPO_QUERY_TLS: options.queryTls ? tlsBlock(options.queryTls) : '{}',
        TEMPO_LISTEN: '127.0.0.1',
        ...options.shipped,
      },
      readyTimeoutMs: options.readyTimeoutMs ?? 60_000,
      stopTimeoutMs: 3000,
      async ready() {
        const answer = await get(`${url}/ready`);
        return answer.status === 200 && (await accepts(ports.otlpGrpc)) && (await accepts(ports.otlpHttp));
      },
      cleanup: temporary ? () => rmSync(dir, { recursive: true, force: true }) : undefined,
    });
    return {
      ...running,
      httpUrl: url,
      otlpGrpc: `127.0.0.1:${ports.otlpGrpc}`,
      otlpHttp: `${otlpScheme}://127.0.0.1:${ports.otlpHttp}`,
      ports,
      dir,
    };
  });
}

function shippedConfig(dir: string): string {
  const file = join(dir, 'tempo.yaml');
  mkdirSync(dir, { recursive: true });
  writeFileSync(file, tempo2Config());
  return file;
}

// --------------------------------------------------------------------------------------------- Collector

export interface CollectorOptions {
  /**
   * The configuration (YAML). It may use the variables of `env` and, for its OTLP receiver,
   * ${env:OTLP_GRPC} and ${env:OTLP_HTTP} (host:port). Its own metrics and health check come from conf/collector.yaml.
   */
  config: string;
  env?: Record<string, string>;
  /** The one that has the Kafka receiver and exporter, and is older. */
  withKafka?: boolean;
  /** Ports for ${env:OTLP_GRPC} and ${env:OTLP_HTTP}; free ones when not given. */
  ports?: { otlpGrpc?: number; otlpHttp?: number };
  extraArgs?: string[];
  readyTimeoutMs?: number;
}

export interface RunningCollector extends Running {
  /** Where its own metrics are; url is its health check. */
  readonly metricsUrl: string;
  /** host:port, when the configuration uses ${env:OTLP_GRPC} */
  readonly otlpGrpc: string;
  /** Base address, to which /v1/traces is added, when the configuration uses ${env:OTLP_HTTP} */
  readonly otlpHttp: string;
}

export function startCollector(options: CollectorOptions): Promise<RunningCollector> {
  return withPorts(async () => {
    const otlpGrpc = options.ports?.otlpGrpc ?? (await freePort());
    const otlpHttp = options.ports?.otlpHttp ?? (await freePort());
    const health = await freePort();
    const metrics = await freePort();
    const url = `http://127.0.0.1:${health}`;
    const name = options.withKafka ? 'otelcol-kafka' : 'otelcol';
    serverBinary(name); // before a folder is made
    const dir = temporaryDir('otelcol');
    const file = join(dir, 'config.yaml');
    writeFileSync(file, options.config);
    const running = await launch({
      name,
      args: ['--config', join(here, 'conf', 'collector.yaml'), '--config', file, ...(options.extraArgs ?? [])],
      url,
      ports: [otlpGrpc, otlpHttp, health, metrics],
      env: {
        ...options.env,
        COLLECTOR_HEALTH_PORT: String(health),
        COLLECTOR_METRICS_PORT: String(metrics),
        OTLP_GRPC: `127.0.0.1:${otlpGrpc}`,
        OTLP_HTTP: `127.0.0.1:${otlpHttp}`,
      },
      readyTimeoutMs: options.readyTimeoutMs ?? 60_000,
      stopTimeoutMs: 10_000,
      // the log line counts where the test's configuration has extensions of its own
      async ready(process) {
        if (process.output().includes('Everything is ready.')) return true;
        return (await get(url)).status === 200;
      },
      cleanup: () => rmSync(dir, { recursive: true, force: true }),
    });
    return {
      ...running,
      metricsUrl: `http://127.0.0.1:${metrics}/metrics`,
      otlpGrpc: `127.0.0.1:${otlpGrpc}`,
      otlpHttp: `http://127.0.0.1:${otlpHttp}`,
    };
  });
}

// ------------------------------------------------------------------------------------------------- Kafka

export interface KafkaOptions {
  port?: number;
  /** Its log; kept, so that a restart with the same folder and port has the same topics. Default: a temporary one. */
  dir?: string;
  /** How long a member of a group may be silent; the broker's own default is 45 s. */
  sessionTimeoutMs?: number;
  /** PEM of a certificate and its key: clients come by TLS. */
  tls?: { readonly certFile: string; readonly keyFile: string };
  /** Clients come with SASL (SCRAM-SHA-256) as this user. */
  scram?: { readonly username: string; readonly password: string };
  readyTimeoutMs?: number;
}

export interface RunningKafka extends Running {
  /** host:port */
  readonly broker: string;
  readonly port: number;
  readonly dir: string;
}

/** One broker that is its own controller (KRaft). Topics are made by whoever needs them. */
export function startKafka(options: KafkaOptions = {}): Promise<RunningKafka> {
  return withPorts(async () => {
    const port = options.port ?? (await freePort());
    const program = serverBinary('kafka'); // before a folder is made
    const dir = options.dir ?? temporaryDir('kafka');
    const controller = await controllerPort(dir);
    const internal = await freePort();
    const temporary = options.dir === undefined;
    const file = join(dir, 'server.properties');
    const broker = `127.0.0.1:${port}`;
    writeFileSync(
      file,
      kafkaProperties(options, {
        dir,
        broker,
        controller: `127.0.0.1:${controller}`,
        internal: `127.0.0.1:${internal}`,
      }),
    );
    const { scram } = options;
    const users = scram ? ['--add-scram', `SCRAM-SHA-256=[name=${scram.username},password=${scram.password}]`] : [];
    const format = ['kafka.tools.StorageTool', 'format', '--ignore-formatted', '--standalone'];
    const formatted = spawnSync(program, [...format, '-t', 'AAAAAAAAQkSAAAAAAAAAAA', '-c', file, ...users]);
    if (formatted.status !== 0) throw new Error(`kafka cannot format ${dir}: ${formatted.stdout}${formatted.stderr}`);
    const running = await launch({
      name: 'kafka',
      args: ['kafka.Kafka', file],
      url: `kafka://${broker}`,
      ports: [port, controller, internal],
      readyTimeoutMs: options.readyTimeoutMs ?? 60_000,
      stopTimeoutMs: 10_000,
      ready: () => accepts(port),
      cleanup: temporary ? () => rmSync(dir, { recursive: true, force: true }) : undefined,
    });
    return { ...running, broker, port, dir };
  });
}

/** A controller with data finds itself again by its address. */
async function controllerPort(dir: string): Promise<number> {
  const file = join(dir, 'controller-port');
  if (existsSync(file)) return Number(readFileSync(file, 'utf8'));
  mkdirSync(dir, { recursive: true });
  const port = await freePort();
  writeFileSync(file, String(port));
  return port;
}

function kafkaProperties(
  { sessionTimeoutMs, tls, scram }: KafkaOptions,
  { dir, broker, controller, internal }: Readonly<Record<'dir' | 'broker' | 'controller' | 'internal', string>>,
): string {
  const protocol = `${scram ? 'SASL_' : ''}${tls ? 'SSL' : 'PLAINTEXT'}`;
  const lines = {
    'process.roles': 'broker,controller',
    'node.id': 1,
    'controller.quorum.bootstrap.servers': controller,
    listeners: `CLIENTS://${broker},CONTROLLER://${controller},INTERNAL://${internal}`,
    'advertised.listeners': `CLIENTS://${broker},INTERNAL://${internal}`,
    'controller.listener.names': 'CONTROLLER',
    'inter.broker.listener.name': 'INTERNAL',
    'listener.security.protocol.map': `CLIENTS:${protocol},CONTROLLER:PLAINTEXT,INTERNAL:PLAINTEXT`,
    'log.dirs': join(dir, 'log'),
    'offsets.topic.replication.factor': 1,
    'offsets.topic.num.partitions': 1,
    'group.initial.rebalance.delay.ms': 0,
    'auto.create.topics.enable': false,
    ...(sessionTimeoutMs !== undefined && {
      'group.consumer.min.session.timeout.ms': sessionTimeoutMs,
      'group.consumer.session.timeout.ms': sessionTimeoutMs,
      'group.consumer.min.heartbeat.interval.ms': Math.floor(sessionTimeoutMs / 6),
      'group.consumer.heartbeat.interval.ms': Math.floor(sessionTimeoutMs / 6),
    }),
    ...(tls && {
      'ssl.keystore.type': 'PEM',
      'ssl.keystore.certificate.chain': onOneLine(tls.certFile),
      'ssl.keystore.key': onOneLine(tls.keyFile),
    }),
    ...(scram && {
      'sasl.enabled.mechanisms': 'SCRAM-SHA-256',
      'listener.name.clients.scram-sha-256.sasl.jaas.config': `org.apache.kafka.common.security.scram.ScramLoginModule required;`,
    }),
  };
  return Object.entries(lines)
    .map(([key, value]) => `${key}=${value}\n`)
    .join('');
}

/** A PEM file as the value of a property. */
const onOneLine = (file: string): string => readFileSync(file, 'utf8').trimEnd().replaceAll('\n', '\\n');
