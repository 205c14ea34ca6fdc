import { readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { type Home, makeHome, sinkExporter } from '../support/boot-file.ts';
import { eventually, type GatewayProcess, startGatewayProcess } from '../support/gateway.ts';
import { type OtlpSink, startSink } from '../support/otlp-sink.ts';
import { traceIdHex } from '../support/spans.ts';
import { Neighbour, p99 } from './neighbour.ts';
import type { Answered } from './neighbour-thread.ts';

/** `make fuzz` and whoever sets HOSTILE=full sends what is in docs/security.md in its full size. */
export const isFull = process.env.HOSTILE === 'full';
export const sized = (small: number, full: number): number => (isFull ? full : small);

/** As in a container of 2 GiB: helm/tailgate sets a fifth of it for the heap. */
const heapMiB = 409;
export const MiB = 2 ** 20;

/**
 * Whatever the quiet value is: on a busy machine who works is made to wait, by others, longer than who sleeps. What
 * docs/security.md tells of took half a second to a minute.
 */
const floorMs = sized(1_500, 400);
const quietMs = sized(800, 3_000);
/** Attacks that are over at once are looked at for so long all the same. */
const attackMs = 1_000;

/** A gateway in a process of its own, a destination, and a good client that sends all the time. */
export interface Scene extends AsyncDisposable {
  readonly gateway: GatewayProcess;
  readonly home: Home;
  readonly sink: OtlpSink;
  /** Does what hostile senders do, while the neighbour goes on. */
  attack(attack: () => Promise<unknown>, may: { readonly memoryBytes: number }): Promise<void>;
}

export async function startScene(boot: Record<string, unknown> = {}): Promise<Scene> {
  const sink = await startSink();
  const home = makeHome(
    {
      shards: 1,
      buffer: { decision_wait: '500ms', max_bytes: '128MiB' },
      batch: { max_age: '200ms' },
      export: [patientSink(sink.url), { name: 'store', store: {} }],
      ...boot,
    },
    'debug: true\n',
  );
  const gateway = await startGatewayProcess({
    args: home.args,
    env: { NODE_OPTIONS: `--max-old-space-size=${heapMiB}`, TAILGATE_SHARDS: '1' },
  });
  const neighbour = await Neighbour.start(gateway);
  const taken: string[] = [];
  /** What was answered since the last look. */
  const answers = async (): Promise<Answered[]> => {
    const answered = await neighbour.take();
    taken.push(...ofGateway(answered).map(({ trace }) => traceIdHex(trace)));
    return answered;
  };
  await eventually(async () => expect((await answers()).length).toBeGreaterThan(0));

  const once = async (attack: () => Promise<unknown>): Promise<Attacked> => {
    await answers();
    await sleep(quietMs);
    const quiet = await answers();
    const idleBytes = await restMemory(gateway.pid);
    await Promise.all([attack(), sleep(attackMs)]);
    const under = await answers();
    return {
      quietP99: p99(quiet, 'gateway'),
      controlP99: p99(under, 'control'),
      underP99: p99(under, 'gateway'),
      refused: refusedOf(under),
      grownBytes: peakOf(gateway.pid) - idleBytes,
    };
  };

  return {
    gateway,
    home,
    sink,
    attack: async (attack, { memoryBytes }) => {
      let attacked = await once(attack);
      // A machine that was busy for a moment is not the gateway's fault; one that is so three times just then is.
      for (let tries = 1; tries < 3 && attacked.underP99 > allowed(attacked); tries++) attacked = await once(attack);
      const told = `${JSON.stringify(attacked)}\n${gateway.output().slice(-2_000)}`;
      process.stderr.write(`${expect.getState().currentTestName}: ${inWords(attacked)}\n`);
      expect(attacked.refused, told).toEqual([]);
      expect(attacked.underP99, told).toBeLessThanOrEqual(allowed(attacked));
      expect(attacked.grownBytes, told).toBeLessThanOrEqual(memoryBytes);
    },
    [Symbol.asyncDispose]: async () => {
      const rest = await neighbour.end();
      taken.push(...ofGateway(rest).map(({ trace }) => traceIdHex(trace)));
      try {
        const { books } = await gateway.status();
        expect(books.balanced).toBe(true);
        // What was acknowledged has arrived, each span once.
        expect(await gateway.stop()).toBe(0);
        const arrived = sink.spans().filter(({ name }) => name === 'of a neighbour');
        expect(arrived.map(({ traceId }) => traceId).sort()).toEqual(taken.sort());
      } finally {
        await gateway.kill();
        await sink[Symbol.asyncDispose]();
        home[Symbol.dispose]();
      }
    },
  };
}

/** The test's own process is busy with its attacks: a sink that does not answer at once would get all of it again. */
const patientSink = (url: string): Record<string, unknown> =>
  sinkExporter(url, { otlp: { endpoint: url, protocol: 'http', compression: 'gzip', timeout: '60s' } });

interface Attacked {
  readonly quietP99: number;
  /** Of a server that does nothing, and of the gateway, while it is attacked. */
  readonly controlP99: number;
  readonly underP99: number;
  /** Why requests of the neighbour were refused. */
  readonly refused: readonly string[];
  readonly grownBytes: number;
}

const allowed = ({ quietP99, controlP99 }: Attacked): number => Math.max(2 * quietP99, 2 * controlP99, floorMs);
const ofGateway = (answered: readonly Answered[]): Answered[] =>
  answered.filter(({ by, taken }) => by === 'gateway' && taken);
const refusedOf = (answered: readonly Answered[]): string[] => [
  ...new Set(answered.filter(({ taken }) => !taken).map(({ why }) => why)),
];

function inWords({ quietP99, controlP99, underP99, grownBytes }: Attacked): string {
  const [quiet, control, under] = [quietP99, controlP99, underP99].map((ms) => ms.toFixed(0));
  return `p99 ${quiet} → ${under} ms (beside it ${control}), ${(grownBytes / MiB).toFixed(0)} MiB`;
}

const statusOf = (pid: number, name: string): number =>
  1024 * Number(new RegExp(`${name}:\\s+(\\d+) kB`).exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);

/** What it has now; from now on the peak is counted again (proc(5), clear_refs). */
async function restMemory(pid: number): Promise<number> {
  writeFileSync(`/proc/${pid}/clear_refs`, '5');
  return statusOf(pid, 'VmRSS');
}
const peakOf = (pid: number): number => statusOf(pid, 'VmHWM');
