import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { closeSync, constants, openSync, renameSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { freePort } from '../../tools/servers/ports.ts';
import { type Home, makeHome, sinkExporter } from '../support/boot-file.ts';
import { eventually, type Status, startGatewayProcess } from '../support/gateway.ts';
import { senderTo } from '../support/otlp-send.ts';
import { type OtlpSink, startSink } from '../support/otlp-sink.ts';
import { requestBytes, traceIdHex } from '../support/spans.ts';

const tailgate = fileURLToPath(new URL('../../bin/tailgate', import.meta.url));
const onlyErrors = 'baseline_percent: null\nlatency_threshold_ms: null\nroutes: null\n';
const waitMs = 30_000;

async function sink(): Promise<OtlpSink> {
  const server = await startSink();
  onTestFinished(() => server[Symbol.asyncDispose]());
  return server;
}

function homeWith(boot: Record<string, unknown>, rules = onlyErrors): Home {
  const home = makeHome({ buffer: { decision_wait: '10m' }, shutdown_timeout: '30s', ...boot }, rules);
  onTestFinished(() => home[Symbol.dispose]());
  return home;
}

const freeAddress = async (): Promise<string> => `127.0.0.1:${await freePort()}`;

/** A gateway whose log nobody can read: where it listens is settled before, that it is ready is asked. */
async function startMute(home: Home, output: number, shards: string) {
  const [grpc, http, admin] = [await freeAddress(), await freeAddress(), await freeAddress()];
  const child = spawn(tailgate, ['run', ...home.args], {
    cwd: home.directory,
    env: {
      PATH: process.env.PATH ?? '',
      TAILGATE_GRPC: grpc,
      TAILGATE_HTTP: http,
      TAILGATE_ADMIN: admin,
      TAILGATE_SHARDS: shards,
    },
    stdio: ['ignore', output, output],
  });
  const exited = endOf(child);
  const sender = senderTo({ grpc, http });
  onTestFinished(async () => {
    sender.close();
    child.kill('SIGKILL');
    await exited;
  });
  const get = async (path: string) => fetch(`http://${admin}${path}`, { signal: AbortSignal.timeout(20_000) });
  await eventually(async () => expect((await get('/readyz')).status).toBe(200), waitMs);
  const status = async () => (await (await get('/api/status')).json()) as Status;
  const metrics = async () => (await get('/metrics')).text();
  return { child, exited, sender, status, metrics };
}

const endOf = (child: ChildProcess): Promise<number | string | null> =>
  new Promise((resolve) => child.once('exit', (code, signal) => resolve(code ?? signal)));

/** A pipe that is full and that nobody reads, though it is open. */
function stuckPipe(directory: string): number {
  const path = join(directory, 'pipe');
  execFileSync('mkfifo', [path]);
  const reader = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
  for (const bytes of [Buffer.alloc(4096, 'x'), Buffer.of(0x0a)]) {
    try {
      for (;;) writeSync(reader, bytes);
    } catch (error) {
      expect((error as NodeJS.ErrnoException).code).toBe('EAGAIN');
    }
  }
  onTestFinished(() => closeSync(reader));
  return openSync(path, 'w');
}

const outputs: [string, boolean, (directory: string) => number][] = [
  ['a pipe that is full and that nobody reads', false, stuckPipe],
  ['a device that is full', true, () => openSync('/dev/full', 'w')],
];

describe.each(outputs)('output on %s', (_, isLost, open) => {
  it.each(['1', '2'])(
    'holds nothing up: rules change, spans are delivered, SIGTERM ends it with 0 (%s shards)',
    async (shards) => {
      const target = await sink();
      const home = homeWith({ export: [sinkExporter(target.url)] });
      const output = open(home.directory);
      const gateway = await startMute(home, output, shards);
      closeSync(output);
      const traces = Array.from({ length: 30 }, (_, i) => `t${i}`);
      for (const [i, trace] of traces.entries()) {
        if (i % 10 === 0) {
          const { revision } = (await gateway.status()).rules;
          home.rules(`${onlyErrors}error_status_codes: [ERROR]\npolicies: [{ name: p${i}, type: always_sample }]\n`);
          await eventually(async () => expect((await gateway.status()).rules.revision).not.toBe(revision), waitMs);
          home.rules('broken: [');
          await eventually(async () => expect((await gateway.status()).rules.lastRefusal).not.toBeNull(), waitMs);
        }
        await gateway.sender[i % 2 === 0 ? 'grpc' : 'http'](requestBytes({ trace, status: 'ERROR' }));
      }
      const lost = Number(/^tailgate_log_lines_lost_total (\d+)$/m.exec(await gateway.metrics())?.[1]);
      expect(lost > 0).toBe(isLost);
      const from = performance.now();
      gateway.child.kill('SIGTERM');
      expect(await gateway.exited).toBe(0);
      expect(performance.now() - from).toBeLessThan(20_000);
      expect(
        target
          .spans()
          .map(({ traceId }) => traceId)
          .sort(),
      ).toEqual(traces.map(traceIdHex).sort());
    },
  );
});

it('a start that cannot be, told to a pipe that nobody reads, ends all the same', async () => {
  const home = homeWith({ enviroment: 'home' });
  const output = stuckPipe(home.directory);
  const child = spawn(tailgate, ['run', ...home.args], { stdio: ['ignore', output, output] });
  const exited = endOf(child);
  closeSync(output);
  onTestFinished(() => void child.kill('SIGKILL'));
  expect(await exited).toBe(2);
});

describe('what hangs in the thread pool', () => {
  /** A gateway that reads its boot file from a pipe to which nobody writes; resolves when it does. */
  async function readsForEver(name: string) {
    const home = homeWith({});
    const fifo = join(home.directory, name);
    execFileSync('mkfifo', [fifo]);
    const child = spawn(tailgate, ['run', '--config', fifo], { stdio: 'ignore' });
    onTestFinished(() => void child.kill('SIGKILL'));
    const exited = endOf(child);
    // A pipe can be opened for writing, by somebody who does not wait, once it is open for reading.
    const writer = await eventually(async () => openSync(fifo, constants.O_WRONLY | constants.O_NONBLOCK), waitMs);
    onTestFinished(() => closeSync(writer));
    return { child, exited };
  }

  it('a boot file that never comes: SIGTERM ends the start, with 0, for nothing was acknowledged', async () => {
    const { child, exited } = await readsForEver('patient');
    child.kill('SIGTERM');
    expect(await exited).toBe(0);
  });

  it('a second signal ends it at once, with 1', async () => {
    const { child, exited } = await readsForEver('hasty');
    const from = performance.now();
    child.kill('SIGTERM');
    child.kill('SIGINT');
    expect(await exited).toBe(1);
    expect(performance.now() - from).toBeLessThan(4_000);
  });

  it('a rules file that becomes a FIFO is told in the log, the status and the metrics, and is heard again when it is a file', async () => {
    const target = await sink();
    const home = homeWith({ export: [sinkExporter(target.url)] });
    const gateway = await startGatewayProcess({ args: home.args });
    onTestFinished(() => gateway.kill());
    const { revision } = (await gateway.status()).rules;
    const fifo = join(home.directory, 'fifo');
    execFileSync('mkfifo', [fifo]);
    renameSync(fifo, home.rulesFile);
    const rulesNow = async () => (await gateway.status()).rules as Status['rules'] & { sourceError: string };
    await eventually(async () => expect((await rulesNow()).sourceError).toContain('not a regular file'), waitMs);
    const age = async () =>
      Number(/^tailgate_rules_source_age_seconds (\S+)$/m.exec(await gateway.get('/metrics'))?.[1]);
    await eventually(async () => expect(await age()).toBeGreaterThan(1), waitMs);
    expect(gateway.events('rules').some(({ msg }) => /does not answer/.test(String(msg)))).toBe(true);
    const sender = senderTo(gateway);
    await sender.http(requestBytes({ trace: 'a', status: 'ERROR' }));
    sender.close();
    const file = join(home.directory, 'rules.new');
    execFileSync('sh', ['-c', `printf 'routes: [/back]\\n' > '${file}'`]);
    renameSync(file, home.rulesFile);
    await eventually(async () => expect((await rulesNow()).revision).not.toBe(revision), waitMs);
    expect(await rulesNow()).toMatchObject({ sourceError: '' });
    gateway.signal('SIGTERM');
    expect(await gateway.exited()).toBe(0);
    expect(target.spans()).toHaveLength(1);
  });
});
