import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { Answered, NeighbourTask } from './neighbour-thread.ts';

/**
 * A good client in a thread of its own, so that what the test does beside it does not show in its times. It sends to a
 * server that does nothing as well, which tells how busy the machine is.
 */
export class Neighbour {
  readonly #worker: Worker;
  readonly #control: Worker;

  static async start(gateway: { readonly grpc: string; readonly http: string }, everyMs = 20): Promise<Neighbour> {
    const control = new Worker(new URL('control-thread.ts', import.meta.url));
    const [port] = await once(control, 'message');
    const { grpc, http } = gateway;
    const workerData: NeighbourTask = { grpc, http, control: `127.0.0.1:${port}`, everyMs };
    return new Neighbour(new Worker(new URL('neighbour-thread.ts', import.meta.url), { workerData }), control);
  }

  private constructor(worker: Worker, control: Worker) {
    this.#worker = worker;
    this.#control = control;
  }

  /** What was answered since the last call. */
  take(): Promise<Answered[]> {
    return this.#ask('take');
  }

  /** Sends no more; the rest of what was answered. */
  async end(): Promise<Answered[]> {
    const rest = await this.#ask('end');
    this.#control.postMessage('end');
    return rest;
  }

  async #ask(word: 'take' | 'end'): Promise<Answered[]> {
    const answer = once(this.#worker, 'message');
    this.#worker.postMessage(word);
    return (await answer)[0];
  }
}

/** The time that all but one in a hundred of these answers stayed within. */
export function p99(answered: readonly Answered[], by: Answered['by']): number {
  const times = answered
    .filter((each) => each.by === by)
    .map(({ ms }) => ms)
    .sort((one, other) => one - other);
  return times[Math.max(0, Math.ceil(times.length * 0.99) - 1)] ?? 0;
}
