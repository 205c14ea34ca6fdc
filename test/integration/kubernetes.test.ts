import { describe, expect, it } from 'vitest';
import { makeHome, sinkExporter } from '../support/boot-file.ts';
import { eventually, startGatewayProcess } from '../support/gateway.ts';
import { senderTo } from '../support/otlp-send.ts';
import { startSink } from '../support/otlp-sink.ts';
import { json, page, pod, scriptedApi, watching } from '../support/scripted-api.ts';

type Resource = { attributes?: { key: string; value: { stringValue: string } }[] };

/** A span of a trace of its own, from a pod; it does not say which where that is ''. */
const from = (uid: string, n: number): string =>
  JSON.stringify({
    resourceSpans: [
      {
        resource: { attributes: uid === '' ? [] : [{ key: 'k8s.pod.uid', value: { stringValue: uid } }] },
        scopeSpans: [{ spans: [{ traceId: `${n}`.padStart(32, 'a'), spanId: `${n}`.padStart(16, 'b'), name: 'x' }] }],
      },
    ],
  });

describe.each([1, 2])('enrich.kubernetes in a gateway of %d shards', (shards) => {
  it('names the pods of kept spans, goes on while the API server is away, and knows pods that came since', async () => {
    await using sink = await startSink();
    const { address, tokenFile, next } = await scriptedApi();
    using home = makeHome(
      {
        shards,
        buffer: { decision_wait: '100ms' },
        batch: { max_age: '100ms' },
        enrich: { kubernetes: { address, token_file: tokenFile, by_connection: true } },
        export: [sinkExporter(sink.url)],
      },
      'debug: true\n',
    );
    const gateway = await startGatewayProcess({ args: home.args });
    const sender = senderTo(gateway);
    const sent = async (uid: string, n: number) => {
      await sender.http(from(uid, n));
      const resource = () => sink.taken.flatMap((request) => request.resourceSpans ?? []).at(-1)?.resource;
      await eventually(async () => expect(sink.taken.length).toBeGreaterThanOrEqual(n));
      const attributes = (resource() as Resource | undefined)?.attributes ?? [];
      return Object.fromEntries(attributes.map(({ key, value }) => [key, value.stringValue]));
    };

    // Nobody has answered yet: the gateway is ready, and spans pass.
    const list = await next();
    expect(await sent('a', 1)).toEqual({ 'k8s.pod.uid': 'a' });
    page(list, '1', [pod('a', '10.0.0.1')]);
    const named = { 'k8s.pod.name': 'a-name', 'k8s.namespace.name': 'shop', 'k8s.node.name': 'n1' };
    const watch = await next();
    await eventually(async () => expect(await gateway.get('/metrics')).toMatch(/^tailgate_kubernetes_pods 1$/m));
    expect(await sent('a', 2)).toEqual({ 'k8s.pod.uid': 'a', ...named });

    // It breaks off, and refuses.
    watch.answer.destroy();
    json(await next(), {}, 503);
    expect(await sent('a', 3)).toEqual({ 'k8s.pod.uid': 'a', ...named });
    await eventually(async () => expect(gateway.events('kubernetes_failing')).toHaveLength(1));

    const events = watching(await next());
    events.send('ADDED', pod('b', '10.0.0.2'));
    await eventually(async () => expect(await gateway.get('/metrics')).toMatch(/^tailgate_kubernetes_pods 2$/m));
    expect(await sent('b', 4)).toMatchObject({ 'k8s.pod.name': 'b-name' });
    await eventually(async () => expect(gateway.events('kubernetes_recovered')).toHaveLength(1));

    // Its sender says of no pod; then a pod has the address that it comes from, and what names another stays another's.
    expect(await sent('', 5)).toEqual({});
    events.send('ADDED', pod('here', '127.0.0.1'));
    await eventually(async () => expect(await gateway.get('/metrics')).toMatch(/^tailgate_kubernetes_pods 3$/m));
    expect(await sent('', 6)).toEqual({ 'k8s.pod.uid': 'here', ...named, 'k8s.pod.name': 'here-name' });
    expect(await sent('a', 7)).toEqual({ 'k8s.pod.uid': 'a', ...named });
    sender.close();
    expect(await gateway.stop()).toBe(0);
  });
});
