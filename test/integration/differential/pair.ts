import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '../../../src/clock.ts';
import { plain } from '../../../src/store/respond.ts';
import { createStore } from '../../../src/store/store.ts';
import { createTempoApi } from '../../../src/store/tempo-api.ts';
import type { RunningTempo } from '../../../tools/servers/start.ts';
import { temporaryDirectory } from '../../store/fixture.ts';
import { decodeRequest, spansIn } from '../../support/otlp.ts';
import type { DataSet } from './data-sets.ts';

export interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: Buffer;
}

/** The same traces in the real Tempo, as a tenant, and in a store of ours; whoever asks asks both. */
export interface Pair {
  readonly name: string;
  tempo(path: string, parameters: Readonly<Record<string, string>>, accept?: string): Promise<Answer>;
  ours(path: string, parameters: Readonly<Record<string, string>>, accept?: string): Promise<Answer>;
  close(): Promise<void>;
}

const spansOf = (request: Uint8Array) => spansIn(decodeRequest(request));

export async function openPair({ name, requests }: DataSet, tempo: RunningTempo): Promise<Pair> {
  const headers = { 'x-scope-orgid': name };
  const directory = temporaryDirectory();
  const store = await createStore({
    name,
    directory: directory.path,
    retentionMs: 86_400_000,
    maxBytes: 1 << 30,
    now: () => Date.now(),
  });
  const api = createTempoApi(store.read);
  for (const body of requests) {
    const response = await fetch(`${tempo.otlpHttp}/v1/traces`, {
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/x-protobuf' },
      body: new Uint8Array(body),
    });
    if (!response.ok) throw new Error(`Tempo refuses a trace of ${name}: ${response.status} ${await response.text()}`);
    const request = { body, spans: spansOf(body).length, traces: 1 };
    await new Promise<void>((stored) => store.offer(request, undefined, stored));
  }
  const pair: Pair = {
    name,
    async tempo(path, parameters, accept = 'application/json') {
      const url = `${tempo.url}${path}?${new URLSearchParams(parameters)}`;
      const response = await fetch(url, { headers: { ...headers, accept } });
      const type = response.headers.get('content-type') ?? '';
      return { status: response.status, type, body: Buffer.from(await response.arrayBuffer()) };
    },
    async ours(path, parameters, accept = 'application/json') {
      const url = new URL(`http://any${path}?${new URLSearchParams(parameters)}`);
      const { status, headers: of, body } = (await api.handle('GET', url, accept)) ?? plain(404, 'no such path');
      return { status, type: of['content-type'] ?? '', body: Buffer.from(body as string) };
    },
    async close() {
      await store.drain(systemClock.monotonicMs() + 10_000);
      directory[Symbol.dispose]();
    },
  };
  await untilTempoShows(pair, requests);
  return pair;
}

/** Tempo shows a trace when it has been idle for a second. */
async function untilTempoShows(pair: Pair, requests: readonly Uint8Array[]): Promise<void> {
  const spans = requests.flatMap(spansOf);
  const wanted = { traces: new Set(spans.map(({ traceId }) => traceId)).size, spans: spans.length };
  let shown = '';
  for (const since = systemClock.monotonicMs(); systemClock.monotonicMs() - since < 60_000; await sleep(300)) {
    const { body } = await pair.tempo('/api/search', { q: '{}', limit: '100000' });
    const { traces = [] } = JSON.parse(body.toString()) as { traces?: { spanSet: { matched: number } }[] };
    const found = { traces: traces.length, spans: traces.reduce((sum, { spanSet }) => sum + spanSet.matched, 0) };
    shown = JSON.stringify(found);
    if (shown === JSON.stringify(wanted)) return;
  }
  throw new Error(`Tempo shows of ${pair.name} ${shown} within 60 s, not ${JSON.stringify(wanted)}`);
}
