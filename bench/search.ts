import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { RequestScan } from '../src/decode/scan.ts';
import { defaultRules } from '../src/enrich/default-rules.ts';
import { Enricher } from '../src/enrich/enrich.ts';
import { mixedConditions } from '../src/model/conditions.ts';
import { pastCandidates } from '../src/shard/past-candidates.ts';
import { always, type WindowReader } from '../src/shard/window-reader.ts';
import { parseSearchRequest } from '../src/store/search-request.ts';
import { caseOf } from './corpus.ts';
import type { LoadResult } from './load.ts';
import type { LoopDelay } from './loop-delay.ts';
import { Measured, processorTicks } from './process.ts';
import { gateway, gatewayCpu, loadCpu, type Subject, startSink } from './subjects.ts';
import { median, print, requests, spansInRequests, threadCpuMs } from './turns.ts';

/**
 * `bin/node bench/search.ts [ROUNDS]`: what searching the window all the time does to the path: one gateway on one core
 * with a steady load at half of what it takes, in turns without a search, with one that looks for a text that is nowhere,
 * and with one that must look at every span. And what redaction costs that one. Only figures of one run compare.
 */
const rounds = Number(process.argv[2] ?? 6);
const turnSeconds = 8;
const settleSeconds = 2;
const shape = 'whole';
const windowBytes = '256MiB';

/** What is searched, by the name of the turn. */
const searches = {
  'no search': undefined,
  'a text that is nowhere': '{ span.tenant = "nobody of them" }',
  'every span': '{ span.http.response.status_code = 599 }',
};
type Name = keyof typeof searches;

interface Turn extends LoopDelay {
  readonly p50: number;
  readonly p99: number;
  readonly searches: number;
}

/** Asks again and again until it is told to stop; how many were answered. */
function searching(admin: string, query: string | undefined): () => Promise<number> {
  const over = new AbortController();
  let answered = 0;
  const going = (async () => {
    while (query !== undefined && !over.signal.aborted) {
      const url = `${admin}/api/search?window=true&limit=20&q=${encodeURIComponent(query)}`;
      const answer = await fetch(url, { signal: over.signal }).catch(() => undefined);
      if (answer?.status === 200) answered++;
      else if (!over.signal.aborted) await sleep(20);
      await answer?.text().catch(() => '');
    }
  })();
  return async () => {
    over.abort();
    await going;
    return answered;
  };
}

class Turns {
  readonly #subject: Subject;
  #nextTrace = 1;
  #rate = 0;

  constructor(subject: Subject) {
    this.#subject = subject;
  }

  /** At full speed, then half of it is the rate from now on, in requests a second. */
  async warmUp(): Promise<void> {
    await this.#load({ seconds: 6 });
    const { spans, seconds } = await this.#load({ seconds: 4 });
    this.#rate = spans / seconds / caseOf(shape).spansPerRequest / 2;
  }

  get spansPerSecond(): number {
    return this.#rate * caseOf(shape).spansPerRequest;
  }

  async turn(query: string | undefined): Promise<Turn> {
    const stop = searching(this.#subject.admin as string, query);
    const load = this.#load({ seconds: settleSeconds + turnSeconds, rate: this.#rate, settleSeconds });
    await sleep(settleSeconds * 1000);
    await this.#loopDelay();
    const { p50, p99 } = await load;
    const delay = await this.#loopDelay();
    return { ...delay, p50, p99, searches: await stop() };
  }

  #loopDelay(): Promise<LoopDelay> {
    this.#subject.process.child.kill('SIGUSR2');
    return this.#subject.process.json<LoopDelay>('loopP99');
  }

  async #load(more: { seconds: number; rate?: number; settleSeconds?: number }): Promise<LoadResult> {
    const order = { port: this.#subject.grpcPort, case: shape, first: this.#nextTrace, ...more };
    const result = await Measured.script('load.ts', [JSON.stringify(order)], loadCpu).json<LoadResult>('spans');
    this.#nextTrace = result.nextTrace;
    return result;
  }
}

async function reportPath(): Promise<void> {
  const probe = fileURLToPath(new URL('loop-delay.ts', import.meta.url));
  const { sink, sinkPort } = await startSink();
  const env = { NODE_OPTIONS: `--import=${probe}` };
  const subject = await gateway(fileURLToPath(new URL('..', import.meta.url)), false, env).start({
    cpus: gatewayCpu,
    waitSeconds: 2,
    sinkPort,
    windowBytes,
  });
  const turns = new Turns(subject);
  await turns.warmUp();
  const ticks = processorTicks();
  const all = new Map<Name, Turn[]>();
  for (let round = 0; round < rounds; round++) {
    for (const [name, query] of Object.entries(searches) as [Name, string | undefined][])
      all.set(name, [...(all.get(name) ?? []), await turns.turn(query)]);
  }
  const { all: after, stolen } = processorTicks();
  const stolenShare = (stolen - ticks.stolen) / (after - ticks.all);
  console.log(
    `${Math.round(turns.spansPerSecond / 1000)} k spans/s, half of what it takes; ${rounds} turns of ${turnSeconds} s of each; others had ${(stolenShare * 100).toFixed(1)} % of the machine`,
  );
  const without = all.get('no search') as Turn[];
  for (const [name, found] of all) {
    const of = (key: keyof Turn): string =>
      `${median(found.map((turn) => turn[key])).toFixed(1)} (× ${median(found.map((turn, i) => turn[key] / without[i][key])).toFixed(2)})`;
    const answered = found.reduce((sum, turn) => sum + turn.searches, 0);
    console.log(
      `${name.padEnd(24)} ms: loop delay p50 ${of('loopP50')}, p99 ${of('loopP99')}, max ${of('loopMax')}; ` +
        `its own work alone p99 ${of('ownP99')}, max ${of('ownMax')}; acknowledged p50 ${of('p50')}, p99 ${of('p99')}; ${answered} searches`,
    );
  }
  await subject.process.stop();
  await sink.stop();
}

/** The second step of a search, on all spans of the bench: with the usual redaction, and with none. */
async function reportRedaction(): Promise<void> {
  const query = searches['every span'];
  const { spansets } = parseSearchRequest(new URLSearchParams({ q: query })).query;
  const pace = { isOver: false, next: () => Promise.resolve() };
  const scan = new RequestScan();
  const walk: WindowReader['walk'] = async function* (_, { conditions }) {
    for (const { bytes, length } of requests) {
      scan.run(bytes, 0, length, conditions);
      const { slices: rows, stride, count } = scan;
      yield { bytes, segment: -1, rows, stride, count, conditions: mixedConditions, landedAt: 0 };
    }
  };
  const reader = { walk } as WindowReader;
  const contenders = { with: defaultRules, without: [] };
  const times = Object.values(contenders).map(() => [] as number[]);
  for (let round = -5; round < 60; round++) {
    for (const [i, redact] of Object.values(contenders).entries()) {
      const write = new Enricher({ resource: {}, set: {}, redact });
      const from = threadCpuMs();
      await pastCandidates(reader, always, { spansets, pace, write });
      if (round >= 0) times[i].push(((threadCpuMs() - from) * 1e6) / spansInRequests);
    }
  }
  for (const [i, name] of Object.keys(contenders).entries())
    print(`search: every span, ${name} redaction; a span`, median(times[i]));
}

await reportRedaction();
await reportPath();
process.exit();
