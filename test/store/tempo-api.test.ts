import { describe, expect, it } from 'vitest';
import type { TempoRequest } from '../../src/store/messages.ts';
import { createTempoApi } from '../../src/store/tempo-api.ts';

const asked: TempoRequest[] = [];
const api = createTempoApi({
  answer: async (request) => {
    asked.push(request);
    return { status: 200, headers: {}, body: 'the reader' };
  },
});
const handle = (path: string, method = 'GET', accept?: string) =>
  api.handle(method, new URL(path, 'http://any'), accept);

describe("Tempo's paths", () => {
  it.each([
    '/api/traces/af',
    '/api/v2/traces/af',
    '/api/search',
    '/api/search/tags',
    '/api/v2/search/tags',
    '/api/search/tag/service.name/values',
    '/api/v2/search/tag/resource.service.name/values',
  ])('%s goes to the reader', async (path) => {
    expect(await handle(`${path}?q=%7B%7D`, 'GET', 'application/protobuf')).toMatchObject({ body: 'the reader' });
    expect(asked.at(-1)).toEqual({ path, query: '?q=%7B%7D', accept: 'application/protobuf' });
  });

  it.each(['/', '/api/status', '/api/traces', '/api/traces/a/b', '/api/search/tag/values', '/metrics'])(
    '%s is not one of them',
    async (path) => {
      expect(await handle(path)).toBeUndefined();
    },
  );

  it('answers what Grafana asks first', async () => {
    expect(await handle('/api/echo')).toMatchObject({ status: 200, body: 'echo\n' });
    // Grafana streams from 2.2 on.
    expect(JSON.parse((await handle('/api/status/buildinfo'))!.body as string)).toMatchObject({ version: '2.1.0' });
  });

  it.each(['/api/metrics/query_range', '/api/metrics/query', '/api/metrics/summary'])(
    'refuses %s by name',
    async (path) => {
      expect(await handle(path)).toMatchObject({ status: 501, body: expect.stringContaining('TraceQL metrics') });
    },
  );

  it('only reads', async () => {
    expect(await handle('/api/search', 'POST')).toMatchObject({ status: 405, headers: { allow: 'GET, HEAD' } });
    expect(await handle('/api/echo', 'DELETE')).toMatchObject({ status: 405 });
    expect(await handle('/api/search', 'HEAD')).toMatchObject({ status: 200 });
  });

  it('says that the store is away', async () => {
    const broken = createTempoApi({ answer: () => Promise.reject(new Error('it is closed')) });
    const answer = await broken.handle('GET', new URL('http://any/api/search'), undefined);
    expect(answer).toMatchObject({ status: 503, body: 'the store cannot answer now: it is closed' });
  });
});
