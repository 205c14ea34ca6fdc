import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

/** A question that came, which waits for its answer. */
export interface Asked {
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly token: string | undefined;
  readonly answer: ServerResponse;
}

/** A Kubernetes API server that says what the test tells it to, over HTTP as it is. */
export async function scriptedApi() {
  const waiting: Asked[] = [];
  const wanted: ((asked: Asked) => void)[] = [];
  const server = createServer((request, answer) => {
    const { pathname, searchParams } = new URL(request.url!, 'http://api');
    const query = Object.fromEntries(searchParams);
    const asked = { path: pathname, query, token: request.headers.authorization, answer };
    const next = wanted.shift();
    if (next) next(asked);
    else waiting.push(asked);
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const folder = mkdtempSync(join(tmpdir(), 'tailgate-api-'));
  const tokenFile = join(folder, 'token');
  writeFileSync(tokenFile, 'first\n');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
    rmSync(folder, { recursive: true });
  });
  return {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    tokenFile,
    caFile: join(folder, 'ca.crt'),
    /** The next question, when it has come. */
    next: (): Promise<Asked> => {
      const asked = waiting.shift();
      return asked ? Promise.resolve(asked) : new Promise((resolve) => wanted.push(resolve));
    },
  };
}

export const json = ({ answer }: Asked, body: object, status = 200): void => {
  answer.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
};

/** A list's page of pods; `next` where there are more. */
export const page = (asked: Asked, version: string, items: readonly object[], next = ''): void =>
  json(asked, { kind: 'PodList', metadata: { resourceVersion: version, ...(next && { continue: next }) }, items });

/** Opens the answer of a watch; each event is written in one piece. */
export function watching({ answer }: Asked) {
  answer.writeHead(200, { 'content-type': 'application/json' });
  answer.flushHeaders();
  return {
    send: (type: string, object: object) => answer.write(`${JSON.stringify({ type, object })}\n`),
    raw: (text: string) => answer.write(text),
    end: () => answer.end(),
  };
}

/** A pod as the API has it. */
export const pod = (
  uid: string,
  ip = '',
  more: { metadata?: object; spec?: object; status?: object } = {},
): object => ({
  metadata: { uid, name: `${uid}-name`, namespace: 'shop', resourceVersion: '1', ...more.metadata },
  spec: { nodeName: 'n1', ...more.spec },
  status: { phase: 'Running', podIP: ip, ...(ip && { podIPs: [{ ip }] }), ...more.status },
});
