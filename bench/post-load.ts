import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import type { GatewayProcess } from '../test/support/gateway.ts';
import { type Case, number, prepare } from './corpus.ts';

/** What a process has used so far, in user and kernel space. */
export function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(') ') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

/** Sum of a gateway's series whose line begins so. */
export const metricOf = async (gateway: GatewayProcess, name: string): Promise<number> =>
  (await gateway.get('/metrics'))
    .split('\n')
    .filter((line) => line.startsWith(name))
    .reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);

export async function until(is: () => Promise<boolean>): Promise<void> {
  while (!(await is())) await new Promise((resolve) => setTimeout(resolve, 200));
}

/** Sends OTLP/HTTP from this process, over as many connections, traces that are new each time. */
export class PostLoad {
  readonly #shape: Case;
  readonly #connections: number;
  readonly #agent: Agent;
  #traces = 0;

  constructor(shape: Case, connections: number) {
    this.#shape = shape;
    this.#connections = connections;
    this.#agent = new Agent({ keepAlive: true, maxSockets: connections });
  }

  /** Sends to `host:port` for so long; the spans that were taken. */
  async send(address: string, seconds: number): Promise<number> {
    const endsAt = performance.now() + seconds * 1000;
    let taken = 0;
    const run = async (): Promise<void> => {
      const prepared = prepare(this.#shape, 0, Date.now());
      while (performance.now() < endsAt) {
        number(prepared, (this.#traces += prepared.idsAt.length));
        if ((await this.#post(address, prepared.bytes)) === 200) taken += this.#shape.spansPerRequest;
      }
    };
    await Promise.all(Array.from({ length: this.#connections }, run));
    return taken;
  }

  close(): void {
    this.#agent.destroy();
  }

  #post(address: string, body: Buffer): Promise<number> {
    return new Promise((resolve, reject) => {
      const headers = { 'content-type': 'application/x-protobuf', 'content-length': body.length };
      const options = { method: 'POST', agent: this.#agent, headers };
      const asked = request(`http://${address}/v1/traces`, options, (response) => {
        response.resume().once('end', () => resolve(response.statusCode ?? 0));
      });
      asked.once('error', reject).end(body);
    });
  }
}
