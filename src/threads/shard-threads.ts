import { createServer } from 'node:net';
import { Worker } from 'node:worker_threads';
import { lendingMemory } from '../buffer/lending.ts';
import { systemClock } from '../clock.ts';
import { UsageError } from '../errors.ts';
import type { Explanation } from '../model/explanation.ts';
import type { ShardStats } from '../model/shard-stats.ts';
import { listen } from '../receive/listen.ts';
import type { Endpoint } from '../receive/receiver.ts';
import { shareMemory } from '../shard/neighbours.ts';
import type { FromThread, Question, ThreadData, ToThread } from './messages.ts';
import { settleAfterBursts } from './settle.ts';
import type { Addresses, RulesRevision, ShardConfig, ShardEvents, Shards } from './shards.ts';

/** Beside this file, as it is run: TypeScript in a checkout, JavaScript in the image. */
const threadFile = new URL(
  import.meta.url.endsWith('.ts') ? './shard-thread.ts' : './shard-thread.js',
  import.meta.url,
);
/** V8 gives a worker a smaller young generation than the flags say; three semi-spaces of 32 MiB. */
const maxYoungGenerationSizeMb = 96;

interface Waiting {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

/** Several shards, each in a thread of its own with its own listeners on the shared ports. Limits are divided, or shared memory. */
export class ShardThreads implements Shards {
  readonly count: number;
  readonly #config: ShardConfig;
  readonly #events: ShardEvents;
  readonly #workers: Worker[];
  readonly #turns: Float64Array;
  readonly #waiting = new Map<number, Waiting>();
  /** Of shared memory that passed through this thread on its way from shard to shard. */
  #returnedBytes = 0;
  readonly #settling = settleAfterBursts(() => this.#returnedBytes);
  #asked = 0;
  #ending = false;

  constructor(shards: number, config: ShardConfig, rules: RulesRevision, events: ShardEvents) {
    this.count = shards;
    this.#config = divided(config, shards);
    this.#events = events;
    const turns = new SharedArrayBuffer(shards * 8);
    this.#turns = new Float64Array(turns).fill(systemClock.monotonicMs());
    const common = {
      config: this.#config,
      rules,
      shared: shareMemory(shards, lendingMemory),
      inflight: new SharedArrayBuffer(4),
      turns,
    };
    this.#workers = Array.from({ length: shards }, (_, self) => this.#startThread({ ...common, self }));
  }

  /** The first shard binds the addresses, which settles ports left open; the others join it there. */
  async start(): Promise<Addresses> {
    const { receive } = this.#config;
    await this.#mustBeFree(receive);
    const shared = (endpoint: Endpoint) => ({ ...endpoint, reusePort: true });
    const at = (bound: Addresses): ShardConfig['receive'] => ({
      ...receive,
      ...(receive.grpc && { grpc: { ...receive.grpc, endpoint: shared(bound.grpc ?? receive.grpc.endpoint) } }),
      ...(receive.http && { http: { ...receive.http, endpoint: shared(bound.http ?? receive.http.endpoint) } }),
    });
    const bound = (await this.#ask(0, { ask: 'start', config: at({}) })) as Addresses;
    const others = at(bound);
    // grpc-js cannot share a port: then the first shard receives for all, and hands over.
    if (others.grpc?.server === 'grpc-js') delete (others as { grpc?: unknown }).grpc;
    await Promise.all(this.#workers.slice(1).map((_, i) => this.#ask(i + 1, { ask: 'start', config: others })));
    return bound;
  }

  swap(rules: RulesRevision): void {
    for (const worker of this.#workers) post(worker, { type: 'swap', rules });
  }

  stats(): Promise<readonly ShardStats[]> {
    return this.#askAll<ShardStats>({ ask: 'stats' });
  }

  async explain(traceId: string): Promise<Explanation | undefined> {
    const answers = await this.#askAll<Explanation | undefined>({ ask: 'explain', traceId });
    return answers.find((answer) => answer !== undefined);
  }

  async stopReceiving(deadlineMs: number): Promise<void> {
    await this.#askAll({ ask: 'stopReceiving', deadlineMs });
  }

  async decide(maxBytes: number): Promise<boolean> {
    const each = maxBytes / this.count;
    return (await this.#askAll<boolean>({ ask: 'decide', maxBytes: each })).includes(true);
  }

  async end(): Promise<void> {
    this.#ending = true;
    clearInterval(this.#settling);
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
  }

  stalledMs(): number {
    return systemClock.monotonicMs() - Math.min(...this.#turns);
  }

  #startThread(workerData: ThreadData): Worker {
    const worker = new Worker(threadFile, { workerData, resourceLimits: { maxYoungGenerationSizeMb } });
    worker.on('message', (message: FromThread) => this.#receive(workerData.self, message));
    // A shard that dies takes acknowledged spans with it: the process ends, loudly, and is started anew.
    worker.on('error', (error) => {
      throw error;
    });
    worker.on('exit', (code) => {
      if (!this.#ending) throw new Error(`the thread of shard ${workerData.self} ended with code ${code}`);
    });
    return worker;
  }

  #receive(from: number, message: FromThread): void {
    switch (message.type) {
      case 'emit':
        this.#events.emit(message.request, () => this.#giveBack(from, message.request.body));
        return;
      case 'fault':
        this.#events.fault(new Error(message.message));
        return;
      case 'news':
        if (message.news.memory === undefined)
          this.#returnedBytes += message.news.numbers.length * message.news.capacity;
        post(this.#workers[message.to], { type: 'news', news: message.news });
        return;
      default: {
        const waiting = this.#waiting.get(message.id);
        this.#waiting.delete(message.id);
        if (message.type === 'answer') waiting?.resolve(message.value);
        else waiting?.reject(message.usage ? new UsageError(message.message) : new Error(message.message));
      }
    }
  }

  /** To the shard that wrote it. */
  #giveBack(shard: number, body: Uint8Array): void {
    if (!this.#ending) this.#workers[shard].postMessage({ type: 'reuse', body }, [body.buffer as ArrayBuffer]);
  }

  #ask(shard: number, question: Question): Promise<unknown> {
    const id = ++this.#asked;
    const answer = new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
    post(this.#workers[shard], { type: 'question', id, question });
    return answer;
  }

  #askAll<T>(question: Question): Promise<T[]> {
    return Promise.all(this.#workers.map((_, shard) => this.#ask(shard, question))) as Promise<T[]>;
  }

  /** Sockets that share a port also share it with a gateway that runs already; one that does not finds it taken. */
  async #mustBeFree({ grpc, http }: ShardConfig['receive']): Promise<void> {
    for (const [where, endpoint] of [
      ['receive.grpc', grpc?.endpoint],
      ['receive.http', http?.endpoint],
    ] as const) {
      if (endpoint === undefined || endpoint.port === 0) continue;
      const server = createServer();
      await listen(server, where, endpoint);
      await new Promise((resolve) => server.close(resolve));
    }
  }
}

const post = (worker: Worker, message: ToThread): void => worker.postMessage(message);

/** Each shard's part: what one shard owns is divided, and the sum is what the operator set. */
function divided(config: ShardConfig, shards: number): ShardConfig {
  const { buffer } = config;
  return {
    ...config,
    buffer: {
      ...buffer,
      maxBytes: Math.floor(buffer.maxBytes / shards),
      rememberedDecisions: Math.ceil(buffer.rememberedDecisions / shards),
    },
  };
}
