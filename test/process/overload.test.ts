import { Agent } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it, onTestFinished } from 'vitest';
import { makeHome, sinkExporter } from '../support/boot-file.ts';
import { eventually, startGatewayProcess } from '../support/gateway.ts';
import { startSink } from '../support/otlp-sink.ts';
import { postTraces } from '../support/post-traces.ts';
import { requestBytes, type Told } from '../support/spans.ts';

/**
 * A real process under more than it can bear, and afterwards. Seconds a case: OVERLOAD_SECONDS=120 bin/node
 * node_modules/.bin/vitest run test/process/overload.test.ts
 */
const seconds = Number(process.env.OVERLOAD_SECONDS ?? 4);
const connections = 8;
/** Busy machines need longer than the five seconds that it takes. */
const backWithinMs = 60_000;

interface Standing {
  readonly rung: number;
  readonly keepsOneIn: number;
}
type Seen = { readonly overload: readonly Standing[]; readonly books: { spans: Record<string, number> } };

it.each(['1', '2'])(
  'with %s shards more than the buffer holds is decided early, nobody waits long, and all is as before afterwards',
  async (shards) => {
    const sink = await startSink();
    onTestFinished(() => sink[Symbol.asyncDispose]());
    const home = makeHome(
      {
        receive: {
          // biome-ignore-start lint/suspicious/noTemplateCurlyInString: the boot file's own syntax
          grpc: { endpoint: '${env:TAILGATE_GRPC}' },
          http: { endpoint: '${env:TAILGATE_HTTP}' },
          // biome-ignore-end lint/suspicious/noTemplateCurlyInString: the boot file's own syntax
          max_request_bytes: '2MiB',
        },
        buffer: { max_bytes: '16MiB', decision_wait: '60s' },
        batch: { max_age: '100ms' },
        export: [sinkExporter(sink.url)],
      },
      'baseline_percent: 10\n',
    );
    const gateway = await startGatewayProcess({ args: home.args, env: { TAILGATE_SHARDS: shards } });
    onTestFinished(async () => {
      await gateway.kill();
      home[Symbol.dispose]();
    });
    const status = async (): Promise<Seen> => (await gateway.status()) as unknown as Seen;
    const from = performance.now();
    let highest = 0;
    let slowestMs = 0;
    // A slow machine needs longer to send more than is held.
    const isOver = () => performance.now() - from > (highest > 0 ? seconds : seconds + 60) * 1000;
    const loads = Array.from({ length: connections }, (_, i) => load(gateway.http, i, isOver));
    while (!isOver()) {
      const asked = performance.now();
      expect(await gateway.get('/livez')).toContain('ok');
      slowestMs = Math.max(slowestMs, performance.now() - asked);
      highest = Math.max(highest, ...(await status()).overload.map(({ rung }) => rung));
      await sleep(50);
    }
    const sent = (await Promise.all(loads)).reduce((a, b) => a + b, 0);
    expect(highest).toBeGreaterThanOrEqual(1);
    const changes = gateway.events('overload');
    expect(changes.length).toBeGreaterThan(0);
    expect(changes[0]).toMatchObject({ level: 'warn', cause: expect.stringMatching(/ % of |held up/) });
    await eventually(
      async () => expect((await status()).overload.every(({ rung }) => rung === 0)).toBe(true),
      backWithinMs,
    );
    const { books } = await status();
    expect(books).toMatchObject({ balanced: true, spans: { received: sent, lost: 0 } });
    expect(await gateway.get('/metrics')).toMatch(/^tailgate_overload_rung 0$/m);
    expect(await gateway.stop()).toBe(0);
    console.log(
      `overload: ${shards} shards, ${sent} spans taken, rung ${highest}, /livez in ${Math.round(slowestMs)} ms at most`,
    );
  },
  (seconds + 180) * 1000,
);

/** Small traces that never end, over a connection of its own; how many of their spans were taken. */
async function load(address: string, connection: number, isOver: () => boolean): Promise<number> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  let taken = 0;
  for (let n = 0; !isOver(); n++) {
    const spans = Array.from({ length: 200 }, (_, i): Told => ({ trace: `${connection} ${n} ${i}`, padding: 400 }));
    const answer = await postTraces(address, agent, requestBytes(...spans));
    if (answer === 200) taken += spans.length;
    else if (answer !== 503) throw new Error(`answered ${answer}`);
    else await sleep(20);
  }
  agent.destroy();
  return taken;
}
