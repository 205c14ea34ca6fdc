import { existsSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it, onTestFinished } from 'vitest';
import { makeHome, sinkExporter } from '../support/boot-file.ts';
import { eventually, startGatewayProcess } from '../support/gateway.ts';
import { senderTo } from '../support/otlp-send.ts';
import { startSink } from '../support/otlp-sink.ts';
import { requestBytes, traceIdHex } from '../support/spans.ts';

/**
 * https://github.com/wolfcw/libfaketime, Debian's package `faketime`: sets the wall clock of one process, and leaves
 * the monotonic one.
 */
const library = ['x86_64-linux-gnu', 'aarch64-linux-gnu', '']
  .map((machine) => join('/usr/lib', machine, 'faketime/libfaketimeMT.so.1'))
  .find(existsSync);
const canRun = library !== undefined || process.env.CI === 'true';

const hourMs = 3_600_000;

/** A wall clock that the test sets: `set(-3600)` an hour behind. */
function wallClock(directory: string) {
  if (library === undefined) throw new Error('libfaketime is not there: apt-get install faketime');
  const file = join(directory, 'wall-clock');
  const set = (seconds: number): void => {
    writeFileSync(`${file}.new`, `${seconds < 0 ? '-' : '+'}${Math.abs(seconds)}s\n`);
    renameSync(`${file}.new`, file);
  };
  set(0);
  const env = {
    LD_PRELOAD: library,
    FAKETIME_TIMESTAMP_FILE: file,
    FAKETIME_DONT_FAKE_MONOTONIC: '1',
    FAKETIME_NO_CACHE: '1',
  };
  return { set, env };
}

it.runIf(canRun).each(['1', '2'])(
  'a wall clock that somebody sets back and forward holds nothing up and expires nothing (%s shards)',
  async (shards) => {
    const sink = await startSink();
    const home = makeHome(
      {
        buffer: { decision_wait: '1s' },
        batch: { max_age: '500ms' },
        export: [sinkExporter(sink.url, { retry: { initial: '50ms', max: '500ms', give_up_after: '1m' } })],
      },
      'debug: true\n',
    );
    const { set, env } = wallClock(home.directory);
    const gateway = await startGatewayProcess({ args: home.args, env: { ...env, TAILGATE_SHARDS: shards } });
    const sender = senderTo(gateway);
    onTestFinished(async () => {
      sender.close();
      await gateway.kill();
      await sink[Symbol.asyncDispose]();
      home[Symbol.dispose]();
    });

    const sent: string[] = [];
    const sendFor = async (ms: number, name: string): Promise<void> => {
      for (let i = 0; i < ms / 50; i++) {
        const trace = `${name} ${i}`;
        await sender[i % 2 === 0 ? 'grpc' : 'http'](requestBytes({ trace }, { trace, parent: 'x' }));
        sent.push(trace);
        await sleep(50);
      }
    };
    await sendFor(2_000, 'before');
    set(-3600);
    await sendFor(2_000, 'an hour back');
    // Requests are under way, and tried again and again, while the clock is set forward past their end.
    sink.answers(() => ({ status: 503 }));
    await sendFor(1_000, 'nobody takes it');
    set(600);
    await sendFor(2_000, 'ten minutes ahead');
    sink.answers(() => ({ status: 200 }));

    const spansOfTrace = () => Map.groupBy(sink.spans(), ({ traceId }) => traceId);
    await eventually(async () => {
      const arrived = spansOfTrace();
      expect(sent.filter((trace) => arrived.get(traceIdHex(trace))?.length !== 2)).toEqual([]);
    }, 60_000);
    const now = Date.now() + 600_000;
    const explained = JSON.parse(await gateway.get(`/api/explain/${traceIdHex(sent[0])}`)) as { decidedAt: number };
    expect(Math.abs(explained.decidedAt - now), 'shown by the wall clock as it is now').toBeLessThan(60_000);
    gateway.signal('SIGTERM');
    expect(await gateway.exited()).toBe(0);
    const [ready] = gateway.events('ready');
    const [stopped] = gateway.events('stopped');
    const apart = Date.parse(stopped.time as string) - Date.parse(ready.time as string);
    expect(apart, 'the wall clock was set').toBeGreaterThan(600_000);
    expect(apart).toBeLessThan(hourMs);
  },
);
