import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LoadOrder, LoadResult } from '../../bench/load.ts';
import type { Explanation } from '../../src/model/explanation.ts';
import { type RunningConsul, startConsul } from '../../tools/servers/start.ts';
import { type Home, makeHome, sinkExporter } from '../support/boot-file.ts';
import { eventually, type GatewayProcess, startGatewayProcess } from '../support/gateway.ts';
import { type Sender, senderTo } from '../support/otlp-send.ts';
import { type OtlpSink, startSink } from '../support/otlp-sink.ts';
import { requestBytes, traceIdHex } from '../support/spans.ts';

const folder = 'tailgate/sampling/home';
/** `CHANGES=1000` for all of it: four minutes. */
const changes = Number(process.env.CHANGES ?? 30);
const everyMs = 250;
/**
 * A second is what is promised. Where others have the machine, too, that is asked of half of the changes;
 * `FOLLOWS_WITHIN_MS=1000` asks it of 99 %.
 */
const followsWithinMs = Number(process.env.FOLLOWS_WITHIN_MS ?? 1_000);
const share = process.env.FOLLOWS_WITHIN_MS === undefined ? 0.5 : 0.99;
const path = (name: string) => fileURLToPath(new URL(`../../${name}`, import.meta.url));

/** As many requests as the gateway takes, by a process of its own; resolves with what was taken. */
function load(order: LoadOrder): Promise<LoadResult> {
  const child = spawn(path('bin/node'), [path('bench/load.ts'), JSON.stringify(order)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let out = '';
  child.stdout.on('data', (chunk: Buffer) => (out += chunk));
  return new Promise((resolve, reject) =>
    child.once('close', (code) =>
      code === 0 ? resolve(JSON.parse(out)) : reject(new Error(`load ended with ${code}`)),
    ),
  );
}

/** Traces that come all the time, one after the other, and which revision judged each of them, when. */
class Markers {
  readonly verdicts: { readonly index: number; readonly decidedAt: number }[] = [];
  sent = 0;
  /** Without a verdict that the gateway knows. */
  forgotten = 0;
  readonly #gateway: GatewayProcess;
  readonly #sender: Sender;
  readonly #waiting: { traceId: string; askAt: number }[] = [];
  readonly #running: Promise<unknown>;
  #going = true;

  constructor(gateway: GatewayProcess) {
    this.#gateway = gateway;
    this.#sender = senderTo(gateway);
    this.#running = Promise.all([this.#send(), ...Array.from({ length: 6 }, () => this.#ask())]);
  }

  async stop(): Promise<void> {
    this.#going = false;
    await this.#running;
    this.#sender.close();
  }

  async #send(): Promise<void> {
    while (this.#going) {
      const trace = randomUUID();
      const body = requestBytes({ trace });
      // Under full load a request may be refused: it is sent again, as SDKs do.
      while (!(await this.#sender.grpc(body).then(Boolean, () => false))) await sleep(20);
      this.sent++;
      this.#waiting.push({ traceId: traceIdHex(trace), askAt: Date.now() + 150 });
      await sleep(20);
    }
  }

  async #ask(): Promise<void> {
    while (this.#going || this.#waiting.length > 0) {
      const first = this.#waiting[0];
      if (first === undefined || first.askAt > Date.now()) await sleep(5);
      else await this.#explained(this.#waiting.shift()!.traceId);
    }
  }

  /** Asks again while it waits, is on its way to its shard, or the gateway is too busy to answer. */
  async #explained(traceId: string): Promise<void> {
    const until = Date.now() + 30_000;
    while (Date.now() < until) {
      const text = await this.#gateway.get(`/api/explain/${traceId}`).catch((error) => String(error));
      const told = text.startsWith('{"traceId"') ? (JSON.parse(text) as Explanation) : undefined;
      if (told !== undefined && told.verdict !== 'waiting') {
        this.verdicts.push({ index: Number(told.revision.split('-')[0]), decidedAt: told.decidedAt });
        return;
      }
      await sleep(20);
    }
    this.forgotten++;
  }
}

describe('rules that change all the time, under as much load as is taken', () => {
  let home: Home;
  let sink: OtlpSink;
  let consul: RunningConsul;
  let gateway: GatewayProcess;

  beforeAll(async () => {
    sink = await startSink();
    consul = await startConsul();
    const boot = {
      environment: 'home',
      buffer: { decision_wait: '100ms', max_bytes: '512MiB', remembered_decisions: 1_000_000 },
      rules: { file: 'rules.yaml', consul: { address: consul.url } },
      export: [sinkExporter(sink.url)],
    };
    home = makeHome(boot, 'baseline_percent: 0\nlatency_threshold_ms: null\nerror_status_codes: null\nroutes: null\n');
    await put(0);
    gateway = await startGatewayProcess({ args: home.args, env: {} });
  });
  afterAll(async () => {
    await gateway?.kill();
    await consul?.kill();
    await sink?.[Symbol.asyncDispose]();
    home?.[Symbol.dispose]();
  });

  /** Another share each time, too small to keep anything; the index of the change. */
  const put = async (n: number): Promise<number> => {
    const Value = Buffer.from(String((n + 1) / 1e9)).toString('base64');
    const body = JSON.stringify([{ KV: { Verb: 'set', Key: `${folder}/baseline_percent`, Value } }]);
    const answer = await fetch(`${consul.url}/v1/txn`, { method: 'PUT', body });
    const { Results } = (await answer.json()) as { Results: [{ KV: { ModifyIndex: number } }] };
    return Results[0].KV.ModifyIndex;
  };

  it(`follows ${changes} changes, and the books balance`, { timeout: changes * everyMs + 180_000 }, async () => {
    const port = Number(gateway.grpc.split(':').at(-1));
    const loading = load({ port, case: 'whole', seconds: Math.ceil((changes * everyMs) / 1000) + 4 });
    const markers = new Markers(gateway);
    await sleep(2_000);
    const made: { index: number; at: number }[] = [];
    for (let n = 1; n <= changes; n++) {
      const [at, next] = [Date.now(), sleep(everyMs)];
      made.push({ index: await put(n), at });
      await next;
    }
    const last = made.at(-1)!.index;
    await eventually(async () => expect(markers.verdicts.some(({ index }) => index >= last)).toBe(true), 60_000);
    await markers.stop();
    const loaded = await loading;
    await eventually(async () => expect((await gateway.status()).books).toMatchObject({ spans: { waiting: 0 } }));
    const { books, rules } = await gateway.status();
    expect(books).toMatchObject({
      balanced: true,
      spans: { received: loaded.spans + markers.sent, lost: 0, invalid: 0 },
    });
    expect(rules.modifyIndex).toBe(made.at(-1)!.index);
    expect(rules.lastRefusal).toBeNull();

    const lags = made.map(({ index, at }) => {
      const after = markers.verdicts.filter((verdict) => verdict.index >= index).map(({ decidedAt }) => decidedAt);
      return Math.min(...after) - at;
    });
    lags.sort((a, b) => a - b);
    const quantile = (q: number) => lags[Math.min(lags.length - 1, Math.floor(q * lags.length))]!;
    const rate = Math.round(loaded.spans / loaded.seconds / 1000);
    console.log(
      `Consul: ${changes} changes at ${rate}k spans/s; from the change to the first verdict by it: p50 ${quantile(0.5)}, p99 ${quantile(0.99)}, longest ${lags.at(-1)} ms`,
    );
    // The books of a process that died would balance, too: who judged is asked of each trace.
    expect({ judged: markers.verdicts.length, forgotten: markers.forgotten }).toEqual({
      judged: markers.sent,
      forgotten: 0,
    });
    expect(quantile(share)).toBeLessThan(followsWithinMs);
    expect(quantile(0.9)).toBeLessThan(2_000);
    expect(lags.at(-1)).toBeLessThan(20_000);
  });
});
