import { gzipSync } from 'node:zlib';
import { type Case, caseOf, errorEvery, number, type Prepared, prepare, tracesIn } from './corpus.ts';
import { HttpClient } from './http-client.ts';
import { type Client, GrpcClient } from './http2-client.ts';
import { errorSpans, SpanSum } from './span-sum.ts';

/**
 * The load client, a process of its own: `load.ts '{"port":…,"case":"whole","seconds":10}'`. Sends prepared requests
 * over `connections`, `inflight` at a time, or at `rate` requests a second where given: then latency counts from the
 * moment a request was due, whatever was in its way. Prints one line of JSON.
 */
export interface LoadOrder {
  readonly port: number;
  /** Authority in PEM: with TLS. */
  readonly ca?: string;
  readonly case: string;
  readonly seconds: number;
  readonly connections?: number;
  readonly inflight?: number;
  /** Requests a second, open loop. */
  readonly rate?: number;
  /**
   * Latencies before that many seconds are not counted: what went before still has its effect, and code is not compiled
   * yet.
   */
  readonly settleSeconds?: number;
  /** Number of the first trace; runs against one gateway must not repeat numbers. */
  readonly first?: number;
}

export interface LoadResult {
  readonly spans: number;
  readonly errorTraces: number;
  /** Of their ERROR spans, see span-sum.ts. */
  readonly errorSum: number;
  readonly wireBytes: number;
  readonly refused: number;
  readonly seconds: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
  readonly nextTrace: number;
  /** Of this client. */
  readonly cpuSeconds: number;
}

/** Requests under way at most in an open loop. */
const openLanes = 128;

interface Body {
  /** What is sent: the request, behind its gRPC prefix where that is spoken. */
  readonly message: Buffer;
  readonly prepared: Prepared;
}

class Load {
  readonly #order: LoadOrder;
  readonly #shape: Case;
  readonly #clients: Client[];
  /** Requests under way in a closed loop. */
  readonly #inflight: number;
  /** A request without and one with ERROR spans by part, of which the others are copies. */
  readonly #models: Prepared[] = [];
  /** Requests that are not under way, by model. */
  readonly #idle: Body[][];
  readonly #latencies: number[] = [];
  #countFrom = 0;
  #begun = 0;
  #under = 0;
  #spans = 0;
  #errorTraces = 0;
  readonly #errorSum = new SpanSum();
  /** What the ERROR spans of the marked first part hold, trace by trace. */
  readonly #errorContents: number[] = [];
  #bytes = 0;
  #refused = 0;

  constructor(order: LoadOrder) {
    this.#order = order;
    this.#shape = caseOf(order.case);
    const { gzip, protocol } = this.#shape;
    const { connections = this.#shape.connections ?? 4, port, ca } = order;
    const isHttp = protocol === 'http';
    this.#inflight = order.inflight ?? Math.max(16, connections);
    this.#clients = Array.from({ length: isHttp ? this.#inflight : connections }, () =>
      isHttp ? new HttpClient(port, gzip, ca) : new GrpcClient(port, gzip, ca),
    );
    // Small requests have fewer traces than one in which an ERROR is due, so not all of them carry one.
    for (let part = 0; part < this.#shape.splitOver; part++) {
      for (const marked of [false, true]) this.#models.push(prepare(this.#shape, part, Date.now(), marked));
    }
    const { bytes } = this.#models[1];
    errorSpans(Buffer.concat([bytes, Buffer.alloc(64)]), bytes.length, (_, content) =>
      this.#errorContents.push(content),
    );
    const each = Math.ceil((order.rate === undefined ? this.#inflight : this.#openLanes()) / this.#shape.splitOver) + 1;
    this.#idle = this.#models.map((model) => Array.from({ length: each }, () => this.#copy(model)));
  }

  async run(): Promise<LoadResult> {
    const before = process.cpuUsage();
    const start = performance.now();
    this.#countFrom = start + (this.#order.settleSeconds ?? 0) * 1000;
    if (this.#order.rate === undefined) await this.#closedLoop(start + this.#order.seconds * 1000);
    else await this.#openLoop(start, this.#order.rate);
    const seconds = (performance.now() - start) / 1000;
    while (this.#under > 0 && performance.now() - start < (this.#order.seconds + 30) * 1000) await pause(2);
    const cpu = process.cpuUsage(before);
    for (const client of this.#clients) client.close();
    this.#latencies.sort((a, b) => a - b);
    const at = (share: number): number => this.#latencies[Math.floor(this.#latencies.length * share)] ?? 0;
    return {
      spans: this.#spans,
      errorTraces: this.#errorTraces,
      errorSum: this.#errorSum.value,
      wireBytes: this.#bytes,
      refused: this.#refused + this.#under,
      seconds,
      p50: at(0.5),
      p99: at(0.99),
      nextTrace: this.#firstOf(this.#begun + this.#shape.splitOver),
      cpuSeconds: (cpu.user + cpu.system) / 1e6,
    };
  }

  /** Each of `inflight` lanes sends its next request when the last one was answered. */
  async #closedLoop(end: number): Promise<void> {
    const lane = async (client: Client): Promise<void> => {
      while (performance.now() < end) await this.#one(client, performance.now());
    };
    await Promise.all(this.#lanes(this.#inflight).map(lane));
  }

  /** What is due while all lanes are busy waits, and its latency runs. */
  async #openLoop(start: number, rate: number): Promise<void> {
    const free = this.#shape.protocol === 'http' ? [...this.#clients] : this.#lanes(this.#openLanes());
    const due: number[] = [];
    const next = (): void => {
      while (free.length > 0 && due.length > 0) {
        const client = free.shift() as Client;
        void this.#one(client, due.shift() as number).then(() => {
          free.push(client);
          next();
        });
      }
    };
    const all = Math.floor(rate * this.#order.seconds);
    for (let n = 0; n < all; n++) {
      const at = start + (n * 1000) / rate;
      // Behind time or not, answers must be read.
      do await pause(performance.now() < at ? 1 : 0);
      while (performance.now() < at);
      due.push(at);
      while (n + 1 < all && performance.now() >= start + ((n + 1) * 1000) / rate) due.push(start + (++n * 1000) / rate);
      next();
    }
    while (due.length > 0 && performance.now() - start < (this.#order.seconds + 30) * 1000) await pause(2);
  }

  #openLanes(): number {
    return Math.max(openLanes, this.#clients.length);
  }

  #lanes(count: number): Client[] {
    return Array.from({ length: count }, (_, i) => this.#clients[i % this.#clients.length]);
  }

  async #one(client: Client, since: number): Promise<void> {
    const n = this.#begun++;
    const marked = this.#isMarked(n);
    const model = (n % this.#shape.splitOver) * 2 + (marked ? 1 : 0);
    const body = this.#idle[model].pop() ?? this.#copy(this.#models[model]);
    number(body.prepared, this.#firstOf(n));
    this.#under++;
    const ok = await client.send(this.#shape.gzip ? this.#pack(body) : body.message);
    this.#under--;
    this.#idle[model].push(body);
    if (!ok) this.#refused++;
    else this.#taken(body, model === 1, since);
  }

  /** The fastest level: how long the gateway takes to unpack it hardly differs, and the client has a core only. */
  #pack({ message, prepared }: Body): Buffer {
    const packed = gzipSync(prepared.bytes, { level: 1 });
    if (this.#shape.protocol === 'http') return packed;
    const framed = Buffer.alloc(5 + packed.length);
    framed[0] = 1;
    framed.writeUInt32BE(packed.length, 1);
    packed.copy(framed, message.length - prepared.bytes.length);
    return framed;
  }

  #isMarked(n: number): boolean {
    const every = Math.max(1, errorEvery / tracesIn(this.#shape));
    return Math.floor(n / this.#shape.splitOver) % every === 0;
  }

  #firstOf(n: number): number {
    return (this.#order.first ?? 1) + Math.floor(n / this.#shape.splitOver) * tracesIn(this.#shape);
  }

  #copy({ bytes, idsAt }: Prepared): Body {
    const prefix = this.#shape.protocol === 'http' ? 0 : 5;
    const message = Buffer.alloc(prefix + bytes.length);
    if (prefix > 0) message.writeUInt32BE(bytes.length, 1);
    bytes.copy(message, prefix);
    return { message, prepared: { bytes: message.subarray(prefix), idsAt } };
  }

  /** `hasErrors`: the ERROR span is the second of its trace, so it comes with the first part. */
  #taken(body: Body, hasErrors: boolean, since: number): void {
    this.#spans += this.#shape.spansPerRequest;
    if (hasErrors) this.#addErrors(body.prepared);
    this.#bytes += body.prepared.bytes.length;
    if (since >= this.#countFrom) this.#latencies.push(performance.now() - since);
  }

  #addErrors({ bytes, idsAt }: Prepared): void {
    for (const [i, content] of this.#errorContents.entries()) {
      const at = idsAt[i * errorEvery][1];
      const word = (n: number): number => bytes.readInt32BE(at + 4 * n);
      this.#errorSum.add([word(0), word(1), word(2), word(3)], content);
    }
    this.#errorTraces += this.#errorContents.length;
  }
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

const order = JSON.parse(process.argv[2] ?? '{}') as LoadOrder;
console.log(JSON.stringify(await new Load(order).run()));
process.exit(0);
