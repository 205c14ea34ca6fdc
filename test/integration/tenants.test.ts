import { describe, expect, it, onTestFinished } from 'vitest';
import { findServer, startTempo } from '../../tools/servers/start.ts';
import { makeHome } from '../support/boot-file.ts';
import { eventually } from '../support/gateway.ts';
import { gatewayAt } from '../support/gateway-at.ts';
import { requestBytes, traceIdHex } from '../support/spans.ts';
import { tempoApi } from '../support/tempo-api.ts';

/** A gateway with two tenants in front of a real Tempo that wants to know whose everything is, beside its own store. */
const tempoServer = findServer('tempo');
const refused = 'refused' in tempoServer ? tempoServer.refused : '';
if (refused) process.stderr.write(`\nSKIPPED: TENANTS OF A REAL TEMPO: ${refused}\n\n`);

const names = ['org-1', "org-2.*'()"] as const;

describe.skipIf(refused !== '')('a Tempo with tenants', () => {
  it.each(['grpc', 'http'] as const)(
    'has each tenant’s traces under its name alone, over %s',
    async (protocol) => {
      const tempo = await startTempo({ multitenancy: true });
      onTestFinished(async () => void (await tempo.stop()));
      const endpoint = protocol === 'grpc' ? `http://${tempo.otlpGrpc}` : tempo.otlpHttp;
      const home = makeHome(
        {
          // biome-ignore-start lint/suspicious/noTemplateCurlyInString: the boot file's own syntax
          receive: {
            grpc: { endpoint: '${env:TAILGATE_GRPC}' },
            http: { endpoint: '${env:TAILGATE_HTTP}' },
            tenants: { allow: names },
          },
          // biome-ignore-end lint/suspicious/noTemplateCurlyInString: the boot file's own syntax
          buffer: { decision_wait: '300ms' },
          batch: { max_age: '200ms' },
          export: [
            { name: 'tempo', otlp: { endpoint, protocol, timeout: '5s' }, retry: { initial: '100ms', max: '1s' } },
            { name: 'store', store: {} },
          ],
        },
        'debug: true\n',
      );
      const { gateway } = await gatewayAt(home);
      const startMs = Date.now() - 5_000;
      const traces = ['both 1', 'both 2'];
      for (const [i, name] of names.entries()) {
        const told = [...traces, `only ${i}`].map((trace) => ({ trace, id: trace, service: `of-${i}`, startMs }));
        const answer = await fetch(`http://${gateway.http}/v1/traces`, {
          method: 'POST',
          headers: { 'content-type': 'application/x-protobuf', 'x-scope-orgid': name },
          body: Buffer.from(requestBytes(...told)),
        });
        expect(answer.status).toBe(200);
      }
      const serviceOf = async (base: string, tenant: string, trace: string): Promise<string[]> => {
        const spans = await tempoApi(base, { 'x-scope-orgid': tenant }).spans(traceIdHex(trace));
        return spans.map(({ resource }) => JSON.stringify(resource)).map((text) => /of-\d/.exec(text)?.[0] ?? text);
      };
      for (const base of [tempo.httpUrl, `http://${gateway.admin}`]) {
        for (const [i, name] of names.entries())
          for (const trace of [...traces, `only ${i}`])
            await eventually(async () => expect(await serviceOf(base, name, trace)).toEqual([`of-${i}`]));
        for (const [i, name] of names.entries()) expect(await serviceOf(base, name, `only ${1 - i}`)).toEqual([]);
        expect((await fetch(`${base}/api/traces/${traceIdHex('both 1')}`)).status).toBeGreaterThanOrEqual(400);
      }
    },
    180_000,
  );
});
