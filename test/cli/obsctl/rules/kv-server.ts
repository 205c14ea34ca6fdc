import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

interface Step {
  readonly KV: { readonly Verb: string; readonly Key: string; readonly Value?: string; readonly Index?: number };
}

/**
 * Consul's KV store as far as obsctl uses it, in memory, with transactions and indexes as developer.hashicorp.com has
 * them; test/integration/obsctl-rules.test.ts has the same stories with a real one.
 */
export class KvServer implements AsyncDisposable {
  readonly keys = new Map<string, { value: string; index: number }>();
  index = 10;
  /** Called before a transaction is looked at: somebody else's chance. */
  before: () => void = () => {};
  /** What every request is answered where it is set. */
  refusal: { status: number; body: string } | undefined;
  /** Query strings that came. */
  readonly asked: string[] = [];
  readonly #server: Server;

  constructor() {
    this.#server = createServer(async (request, response) => {
      this.asked.push(request.url!);
      let text = '';
      for await (const chunk of request) text += chunk;
      const { status, body } = this.refusal ?? this.#answer(new URL(request.url!, 'http://kv'), text);
      response.writeHead(status, { 'content-type': 'application/json', 'x-consul-index': String(this.index) });
      response.end(typeof body === 'string' ? body : JSON.stringify(body));
    });
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  put(key: string, value: string): void {
    this.keys.set(key, { value, index: ++this.index });
  }

  /** Keys below a folder, relative to it. */
  folder(name: string): Record<string, string> {
    const inside = [...this.keys].filter(([key]) => key.startsWith(`${name}/`));
    return Object.fromEntries(inside.map(([key, { value }]) => [key.slice(name.length + 1), value]));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #answer({ pathname }: URL, text: string): { status: number; body: unknown } {
    if (pathname === '/v1/txn') return this.#transact(JSON.parse(text) as Step[]);
    const prefix = decodeURIComponent(pathname.replace('/v1/kv/', ''));
    const items = [...this.keys].filter(([key]) => key.startsWith(prefix));
    const body = items.map(([Key, { value, index }]) => ({
      Key,
      Value: Buffer.from(value).toString('base64'),
      ModifyIndex: index,
    }));
    return body.length > 0 ? { status: 200, body } : { status: 404, body: '' };
  }

  #transact(steps: Step[]): { status: number; body: unknown } {
    this.before();
    const holds = ({ KV: { Verb, Key, Index } }: Step): boolean => {
      const now = this.keys.get(Key)?.index ?? 0;
      return ['set', 'delete'].includes(Verb) || now === (Verb === 'check-not-exists' ? 0 : Index);
    };
    const Errors = steps.flatMap((step, OpIndex) => (holds(step) ? [] : [{ OpIndex, What: 'index is stale' }]));
    if (Errors.length > 0) return { status: 409, body: { Errors, Results: null } };
    this.index++;
    for (const { KV } of steps) {
      if (KV.Verb.startsWith('delete')) this.keys.delete(KV.Key);
      if (!['set', 'cas'].includes(KV.Verb)) continue;
      this.keys.set(KV.Key, { value: Buffer.from(KV.Value ?? '', 'base64').toString(), index: this.index });
    }
    const written = steps.filter(({ KV }) => ['set', 'cas'].includes(KV.Verb));
    return {
      status: 200,
      body: { Results: written.map(({ KV }) => ({ KV: { Key: KV.Key, ModifyIndex: this.index } })) },
    };
  }
}
