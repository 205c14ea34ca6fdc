import { systemClock } from '../../src/clock.ts';
import type { ExportRequest } from '../../src/model/export-request.ts';
import type { Machinery } from '../../src/store/steady-thread.ts';
import { createStore, type Store, type StoreOptions } from '../../src/store/store.ts';
import { createTempoApi } from '../../src/store/tempo-api.ts';
import { requestBytes, type Told } from '../support/spans.ts';
import { hour, start } from './fixture.ts';

export const batch = (...spans: Told[]): ExportRequest => ({
  body: requestBytes(...spans),
  spans: spans.length,
  traces: new Set(spans.map(({ trace }) => trace)).size,
});

export const limits = { name: 'store', retentionMs: 24 * hour, maxBytes: 64 * 1024 * 1024 };

/** A store with a clock turned by hand. */
export async function open(
  directory: string,
  options: Partial<StoreOptions> = {},
  machinery: Partial<Machinery> = {},
): Promise<{ store: Store; clock: { now: number } }> {
  const clock = { now: start };
  const store = await createStore({ ...limits, directory, now: () => clock.now, ...options }, machinery);
  return { store, clock };
}

export const idle = async ({ stats }: Store): Promise<void> => {
  while (stats.queuedSpans > 0) await new Promise((resolve) => setImmediate(resolve));
};
export const close = (store: Store): Promise<void> => store.drain(systemClock.monotonicMs() + 10_000);

export async function get(store: Store, path: string): Promise<{ status: number; body: string }> {
  const answer = await createTempoApi(store.read).handle('GET', new URL(path, 'http://any'), undefined);
  return { status: answer!.status, body: String(answer!.body) };
}
