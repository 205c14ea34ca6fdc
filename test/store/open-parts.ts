import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { openParts } from '../../src/store/opened.ts';
import { Pace, Turns } from '../../src/store/pace.ts';
import { requestBytes, type Told, traceIdHex } from '../support/spans.ts';
import { hour } from './fixture.ts';

export const mebibyte = 1024 * 1024;
export const limits = { retentionMs: 24 * hour, maxBytes: 64 * mebibyte };

/** The store in this directory, opened as the worker does it. */
export function opened(directory: string, maxBytes = limits.maxBytes) {
  const parts = openParts(join(directory, 'traces.db'), { ...limits, maxBytes });
  const ask = async (path: string, query = '') => {
    const { status, body } = await parts.answers.answer({ path, query, accept: '' }, new Pace(new Turns()));
    return { status, body: String(body) };
  };
  return {
    ...parts,
    keep: (now: number, ...told: Told[]) => parts.appender.append(requestBytes(...told), now),
    retain: (now: number) => {
      while (parts.retention.step(now));
    },
    ask,
    /** How often this text stands in the answer for a trace. */
    times: async (trace: string, text: string) =>
      (await ask(`/api/traces/${traceIdHex(trace)}`)).body.split(`"${text}"`).length - 1,
    found: async (q: string): Promise<string[]> =>
      JSON.parse((await ask('/api/search', new URLSearchParams({ q, limit: '1000' }).toString())).body).traces.map(
        ({ rootTraceName }: { rootTraceName: string }) => rootTraceName,
      ),
    [Symbol.dispose]: parts.close,
  };
}

export const bodiesIn = (directory: string): string[] =>
  readdirSync(directory)
    .filter((name) => name.includes('-bodies-'))
    .sort();

/** Of all files of the store. */
export const bytesIn = (directory: string): number =>
  readdirSync(directory).reduce((sum, name) => sum + statSync(join(directory, name)).size, 0);
