import { type ClientHttp2Session, connect } from 'node:http2';
import { type Case, cases, errorEvery, number, type Prepared, prepare } from './corpus.ts';

/**
 * The load client, a process of its own: `load.ts '{"port":…,"case":"whole","seconds":10}'`. Sends prepared gRPC requests over
 * `connections`, `inflight` at a time, or at `rate` requests a second where given (then latency counts from the moment a request
 * was due, so that queueing shows). Prints one line of JSON.
 */
interface Order {
  readonly port: number;
  readonly case: string;
  readonly seconds: number;
  readonly connections?: number;
  readonly inflight?: number;
  readonly rate?: number;
  /** Number of the first trace; runs against one gateway must not repeat numbers. */
  readonly first?: number;
  /** Sends exactly this many spans and ends. */
  readonly spans?: number;
}

export interface LoadResult {
  readonly spans: number;
  readonly errorTraces: number;
  readonly wireBytes: number;
  readonly refused: number;
  readonly seconds: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
  readonly nextTrace: number;
}

const path = '/opentelemetry.proto.collector.trace.v1.TraceService/Export';
const headers = { ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers' };

class Load {
  readonly #order: Order;
  readonly #shape: Case;
  readonly #sessions: ClientHttp2Session[] = [];
  readonly #idle: { frame: Buffer; prepared: Prepared }[][] = [];
  readonly #latencies: number[] = [];
  #sent = 0;
  #spans = 0;
  #errorTraces = 0;
  #bytes = 0;
  #refused = 0;
  #under = 0;

  constructor(order: Order) {
    this.#order = order;
    this.#shape = cases.find(({ name }) => name === order.case) as Case;
    const { inflight = 16 } = order;
    for (let part = 0; part < this.#shape.splitOver; part++) {
      this.#idle.push(
        Array.from({ length: Math.ceil(inflight / this.#shape.splitOver) + 1 }, () => {
          const prepared = prepare(this.#shape, part, Date.now());
          const frame = Buffer.alloc(5 + prepared.bytes.length);
          frame.writeUInt32BE(prepared.bytes.length, 1);
          prepared.bytes.copy(frame, 5);
          return { frame, prepared: { bytes: frame.subarray(5), idsAt: prepared.idsAt } };
        }),
      );
    }
  }

  async run(): Promise<LoadResult> {
    const { port, connections = 4, seconds, rate, spans = Number.POSITIVE_INFINITY } = this.#order;
    for (let i = 0; i < connections; i++) this.#sessions.push(connect(`http://127.0.0.1:${port}`));
    for (const session of this.#sessions) session.setMaxListeners(0);
    const start = performance.now();
    const end = start + seconds * 1000;
    const most = Math.ceil(spans / this.#shape.spansPerRequest);
    const { inflight = 16 } = this.#order;
    if (rate === undefined) {
      await Promise.all(Array.from({ length: inflight }, () => this.#loop(end, most)));
    } else {
      for (let n = 0; performance.now() < end && n < most; n++) {
        const due = start + (n * 1000) / rate;
        while (performance.now() < due) await new Promise((resolve) => setTimeout(resolve, 1));
        void this.#one(due);
      }
    }
    while (this.#under > 0) await new Promise((resolve) => setTimeout(resolve, 5));
    const took = (performance.now() - start) / 1000;
    for (const session of this.#sessions) session.close();
    this.#latencies.sort((a, b) => a - b);
    const at = (share: number): number => this.#latencies[Math.floor(this.#latencies.length * share)] ?? 0;
    return {
      spans: this.#spans,
      errorTraces: this.#errorTraces,
      wireBytes: this.#bytes,
      refused: this.#refused,
      seconds: took,
      p50: at(0.5),
      p99: at(0.99),
      nextTrace: this.#firstOf(this.#sent + this.#shape.splitOver),
    };
  }

  async #loop(end: number, most: number): Promise<void> {
    while (performance.now() < end && this.#sent < most) await this.#one(performance.now());
  }

  #firstOf(n: number): number {
    const { spansPerRequest, spansPerTrace, splitOver } = this.#shape;
    const traces = (spansPerRequest / spansPerTrace) * splitOver;
    return (this.#order.first ?? 1) + Math.floor(n / splitOver) * traces;
  }

  #one(since: number): Promise<void> {
    const n = this.#sent++;
    const part = n % this.#shape.splitOver;
    const body = this.#idle[part].pop() ?? this.#extra(part);
    number(body.prepared, this.#firstOf(n));
    const session = this.#sessions[n % this.#sessions.length];
    this.#under++;
    return new Promise((resolve) => {
      const stream = session.request(headers);
      let status: string | undefined;
      stream.on('trailers', (trailers) => (status = String(trailers['grpc-status'])));
      stream.on('response', (head) => (status ??= head['grpc-status'] as string | undefined));
      stream.on('error', () => (status = 'error'));
      stream.on('close', () => {
        this.#under--;
        this.#idle[part].push(body);
        if (status === '0') this.#taken(body, part, since);
        else this.#refused++;
        resolve();
      });
      stream.resume();
      stream.end(body.frame);
    });
  }

  #extra(part: number) {
    const prepared = prepare(this.#shape, part, Date.now());
    const frame = Buffer.alloc(5 + prepared.bytes.length);
    frame.writeUInt32BE(prepared.bytes.length, 1);
    prepared.bytes.copy(frame, 5);
    return { frame, prepared: { bytes: frame.subarray(5), idsAt: prepared.idsAt } };
  }

  #taken(body: { frame: Buffer; prepared: Prepared }, part: number, since: number): void {
    this.#spans += this.#shape.spansPerRequest;
    if (part === 0) this.#errorTraces += Math.ceil(body.prepared.idsAt.length / errorEvery);
    this.#bytes += body.frame.length - 5;
    this.#latencies.push(performance.now() - since);
  }
}

const order = JSON.parse(process.argv[2] ?? '{}') as Order;
console.log(JSON.stringify(await new Load(order).run()));
