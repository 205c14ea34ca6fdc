import http from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/gateway.ts';
import { requestBytes } from '../support/spans.ts';
import { MiB, type Scene, sized, startScene } from './scene.ts';
import { post } from './send.ts';

/** GET on the admin port under a name, as a browser that was led there would ask; its status. */
const getAs = (admin: string, host: string, path: string): Promise<number> =>
  new Promise((resolve, reject) => {
    const request = http.get(`http://${admin}${path}`, { headers: { host } }, (response) => {
      response.resume();
      response.on('end', () => resolve(response.statusCode ?? 0));
    });
    request.on('error', reject);
  });

const filled = (before: string, unit: (i: number) => string, after: string): string => {
  const parts = [before];
  for (let i = 0, bytes = before.length; bytes < 250_000; i++) {
    parts.push(unit(i));
    bytes += parts[parts.length - 1].length;
  }
  return [...parts, after].join('');
};

/** What comes another way than by the ports for traces: rules, the admin port, what is asked of the store. */
describe('from', () => {
  let scene: Scene;
  beforeAll(async () => void (scene = await startScene()));
  afterAll(() => scene[Symbol.asyncDispose]());

  it.each([
    ['of hundreds of kilobytes of keys', filled('', (i) => `key${i}: 1\n`, ''), /unknown key/],
    ['of more than they may have', 'a'.repeat(400_000), /expected at most 262144/],
    ['that hold themselves', 'routes: &r [*r]\n', /leads into itself/],
    [
      'of names that mean something to JavaScript',
      '__proto__: { policies: [] }\nconstructor: 1\n',
      /__proto__: not possible/,
    ],
    ['nested without end', filled('routes: ', () => '[', ''), /nested too deep/],
  ])('rules %s', async (_, text, problem) => {
    const write = async () => {
      scene.home.rules(text);
      await eventually(async () => expect((await scene.gateway.status()).rules.lastRefusal?.error).toMatch(problem));
    };
    await scene.attack(write, { memoryBytes: 256 * MiB });
  });

  it('a page that had the admin port named as its own', async () => {
    const ask = async () => {
      for (const path of ['/api/search', '/api/status', '/metrics', '/'])
        expect(await getAs(scene.gateway.admin, 'evil.example', path)).toBe(421);
    };
    await scene.attack(ask, { memoryBytes: 32 * MiB });
  });

  it('searches that are dropped', async () => {
    const traces = Array.from({ length: sized(1_000, 10_000) }, (_, i) => ({
      trace: `t${i}`,
      id: `s${i}`,
      padding: 300,
    }));
    expect((await post(scene.gateway.http, Buffer.from(requestBytes(...traces)))).status).toBe(200);
    const query = encodeURIComponent(`{ .padding =~ ".*(x|y)*z" && duration > ${'1'.repeat(8_000)} }`);
    const ask = () =>
      Promise.all(
        Array.from({ length: 100 }, () =>
          fetch(`http://${scene.gateway.admin}/api/search?q=${query}`, { signal: AbortSignal.timeout(50) }).catch(
            () => {},
          ),
        ),
      );
    await scene.attack(ask, { memoryBytes: 128 * MiB });
    await eventually(async () => expect(await scene.gateway.get('/api/search?limit=1')).toContain('traces'));
  });

  it('attributes of hundreds of keys and thousands of values', async () => {
    const send = async () => {
      for (let n = 0; n < sized(20, 400); n++) {
        const attributes = Object.fromEntries(
          Array.from({ length: 250 }, (_, key) => [`key-${key}`, `${n}-${key}-`.padEnd(500, 'v')]),
        );
        const body = requestBytes(...[0, 1, 2].map((i) => ({ trace: `tags-${n}-${i}`, id: `t${n}-${i}`, attributes })));
        expect((await post(scene.gateway.http, Buffer.from(body))).status).toBe(200);
      }
    };
    await scene.attack(send, { memoryBytes: 192 * MiB });
  });
});
