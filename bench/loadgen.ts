import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../tools/servers/ports.ts';
import { Measured } from './process.ts';

/** What it prints last, of what it prints; see its README. Latencies run from the moment a request was sent. */
export interface LoadgenResult {
  readonly ok: number;
  readonly refused: number;
  readonly seconds: number;
  readonly p50_ms: number;
  readonly p99_ms: number;
  /** Traces with an ERROR, a slow root or a route that is always kept. */
  readonly must_keep_traces: number;
  readonly bytes_per_span: number;
}

export interface LoadgenOrder {
  readonly port: number;
  readonly seconds: number;
  /** Spans a second; as many as are taken where it is left out. */
  readonly rate?: number;
  /** False: no trace that must be kept, so that the baseline alone keeps. */
  readonly marked?: boolean;
}

/**
 * An OTLP load client and a sink that others wrote, on grpc-go: the program that the variable LOADGEN or --loadgen
 * names.
 */
export class Loadgen {
  readonly #program: string;
  readonly #cpus: string;

  constructor(program: string, cpus: string) {
    this.#program = program;
    this.#cpus = cpus;
  }

  async load({ port, seconds, rate = 0, marked = true }: LoadgenOrder): Promise<LoadgenResult> {
    const shares = marked ? [] : ['-error-percent', '0', '-slow-percent', '0', '-route-percent', '0'];
    const pace = ['-duration', `${seconds}s`, '-rate', String(Math.round(rate)), '-conns', '4', '-inflight', '4'];
    const args = ['-addr', `127.0.0.1:${port}`, '-quiet', ...pace, ...shares];
    return new Measured(this.#program, args, { cpus: this.#cpus }).json<LoadgenResult>('ok');
  }

  async sink(): Promise<LoadgenSink> {
    const [port, statsPort] = [await freePort(), await freePort()];
    const args = ['-sink', '-addr', `127.0.0.1:${port}`, '-stats', `127.0.0.1:${statsPort}`, '-quiet'];
    const process = new Measured(this.#program, args, { cpus: this.#cpus });
    const sink = new LoadgenSink(process, port, `http://127.0.0.1:${statsPort}`);
    for (let tries = 0; tries < 100 && (await sink.stats().catch(() => undefined)) === undefined; tries++)
      await sleep(50);
    return sink;
  }
}

interface SinkStats {
  readonly spans: number;
  /** Different traces that must be kept, by their first byte. */
  readonly must_keep: number;
  /** Requests that were no protobuf. */
  readonly bad: number;
  /** Traces with more spans than were sent. */
  readonly over: number;
}

export class LoadgenSink {
  readonly port: number;
  readonly #process: Measured;
  readonly #base: string;

  constructor(process: Measured, port: number, base: string) {
    this.#process = process;
    this.port = port;
    this.#base = base;
  }

  async stats(): Promise<SinkStats> {
    return (await (await fetch(`${this.#base}/stats`)).json()) as SinkStats;
  }

  /** Once nothing has come for two seconds. */
  async settled(): Promise<SinkStats> {
    let last = await this.stats();
    for (let calm = 0; calm < 4; ) {
      await sleep(500);
      const now = await this.stats();
      calm = now.spans === last.spans ? calm + 1 : 0;
      last = now;
    }
    return last;
  }

  stop(): Promise<void> {
    return this.#process.stop();
  }
}
