import { spawn, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';
import { makeHome, sinkExporter } from '../support/boot-file.ts';
import { eventually, type Status } from '../support/gateway.ts';
import { senderTo } from '../support/otlp-send.ts';
import { startSink } from '../support/otlp-sink.ts';
import { requestBytes, traceIdHex } from '../support/spans.ts';

const tailgate = fileURLToPath(new URL('../../bin/tailgate', import.meta.url));
const canRun = spawnSync('python3', ['--version']).status === 0 || process.env.CI === 'true';
const waitMs = 30_000;

/**
 * Starts a program on a terminal of its own, as sshd does, and copies what it prints until the ready line. At a line on
 * stdin it hangs the terminal up, or leaves it open and reads no more; at the program's end it prints its exit status.
 */
const host = `
import os, pty, sys, json
pid, terminal = pty.fork()
if pid == 0:
    os.execv(sys.argv[1], sys.argv[1:])
seen = b''
while b'"event":"ready"' not in seen or not seen.endswith(b'\\n'):
    seen += os.read(terminal, 65536)
print(json.dumps({'pid': pid, 'output': seen.decode()}), flush=True)
if sys.stdin.readline().strip() == 'hang up':
    os.close(terminal)
print('done', flush=True)
_, status = os.waitpid(pid, 0)
print(json.dumps({'status': os.waitstatus_to_exitcode(status)}), flush=True)
`;

it.runIf(canRun).each([
  ['hang up', '1'],
  ['hang up', '2'],
  ['read no more', '1'],
])(
  'a terminal that does this: %s, holds nothing up; SIGTERM drains and ends with 0 (%s shards)',
  async (what, shards) => {
    const sink = await startSink();
    const onlyErrors = 'baseline_percent: null\nlatency_threshold_ms: null\nroutes: null\n';
    const home = makeHome(
      { buffer: { decision_wait: '10m' }, shutdown_timeout: '10s', export: [sinkExporter(sink.url)] },
      onlyErrors,
    );
    const child = spawn('python3', ['-c', host, tailgate, 'run', ...home.args], {
      env: {
        PATH: process.env.PATH,
        TAILGATE_GRPC: '127.0.0.1:0',
        TAILGATE_HTTP: '127.0.0.1:0',
        TAILGATE_ADMIN: '127.0.0.1:0',
        TAILGATE_SHARDS: shards,
      },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    let printed = '';
    child.stdout.on('data', (chunk: Buffer) => (printed += chunk));
    const line = (n: number): Promise<string> =>
      eventually(async () => {
        const lines = printed.split('\n');
        expect(lines.length).toBeGreaterThan(n + 1);
        return lines[n];
      }, waitMs);
    const { pid, output } = JSON.parse(await line(0)) as { pid: number; output: string };
    onTestFinished(async () => {
      child.kill('SIGKILL');
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It has ended, as it should.
      }
      await sink[Symbol.asyncDispose]();
      home[Symbol.dispose]();
    });
    const ready = JSON.parse(output.split(/\r?\n/).find((it) => it.includes('"event":"ready"'))!);
    const sender = senderTo(ready);
    onTestFinished(() => sender.close());
    const status = async (): Promise<Status> =>
      (await fetch(`http://${ready.admin}/api/status`)).json() as Promise<Status>;

    child.stdin.write(`${what}\n`);
    expect(await line(1)).toBe('done');
    const traces = Array.from({ length: 60 }, (_, i) => `t${i}`);
    for (const [i, trace] of traces.entries()) {
      if (i % 10 === 0) {
        const { revision } = (await status()).rules;
        home.rules(`${onlyErrors}policies: [{ name: p${i}, type: always_sample }]\n`);
        await eventually(async () => expect((await status()).rules.revision).not.toBe(revision), waitMs);
        // A line of many kilobytes: a terminal that nobody reads is full after some of them.
        home.rules(`routes: [${Array.from({ length: 400 }, (_, n) => `wrong${n}`)}]\n`);
        await eventually(async () => expect((await status()).rules.lastRefusal).not.toBeNull(), waitMs);
      }
      await sender[i % 2 === 0 ? 'grpc' : 'http'](requestBytes({ trace, status: 'ERROR' }));
    }
    const from = performance.now();
    process.kill(pid, 'SIGTERM');
    expect(JSON.parse(await line(2))).toEqual({ status: 0 });
    expect(performance.now() - from).toBeLessThan(12_000);
    expect(
      sink
        .spans()
        .map(({ traceId }) => traceId)
        .sort(),
    ).toEqual(traces.map(traceIdHex).sort());
  },
);
