import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request as httpsRequest } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, credentials, Metadata } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { startCollector } from '../../tools/servers/start.ts';
import { type Home, makeHome, sinkExporter } from '../support/boot-file.ts';
import { Authority, certificateSet, type Issued, loopback } from '../support/certificates.ts';
import { eventually, type GatewayProcess, startGatewayProcess } from '../support/gateway.ts';
import { gatewayAt } from '../support/gateway-at.ts';
import { unlessHeldUp } from '../support/held-up.ts';
import { difference } from '../support/identity.ts';
import { decodeRequest, type SpanObject, spansIn } from '../support/otlp.ts';
import { senderTo } from '../support/otlp-send.ts';
import { startSink } from '../support/otlp-sink.ts';
import { scrape } from '../support/scrape.ts';
import { requestBytes } from '../support/spans.ts';
import { type ClientName, findClient, type OtlpProtocol, tell } from './clients/clients.ts';
import { expectStored, keptTraces } from './clients/stored.ts';
import { spansInStory } from './clients/story.ts';

/** Senders that nobody here wrote, by TLS, with client certificates and tokens. */
const folder = mkdtempSync(join(tmpdir(), 'tailgate-sender-tls-'));
let certificates: Awaited<ReturnType<typeof certificateSet>>;
beforeAll(async () => {
  certificates = await certificateSet(folder);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const token = 'story-teller-0123456789';
const rules =
  'baseline_percent: 0\nlatency_threshold_ms: 500\nerror_status_codes: [ERROR]\nroutes: [/login, /upload]\n';

const clients = (['go', 'python', 'node'] as const).filter((name) => findClient(name));
const ways = clients.flatMap((name) =>
  (['grpc', 'http/protobuf'] as const).map((protocol) => [name, protocol] as const),
);

/** The files that a gateway is configured with; others are copied over them, the key first. */
function serverFiles(into: string) {
  const files = {
    cert_file: join(into, 'own.pem'),
    key_file: join(into, 'own.key'),
    client_ca_file: join(into, 'ca.pem'),
  };
  return {
    files,
    give: ({ certFile, keyFile }: Issued) => {
      cpSync(keyFile, files.key_file);
      cpSync(certFile, files.cert_file);
    },
    trust: (...authorities: Authority[]) =>
      writeFileSync(files.client_ca_file, authorities.map(({ ca }) => ca).join('')),
  };
}

/** grpc-js asks for whatever the host is as a name, which node:tls refuses for an address. */
const byName = (address: string): string => address.replace('127.0.0.1', 'localhost');

/** Changes files of a gateway, and waits until they are in force. */
async function renewed(gateway: GatewayProcess, change: () => void): Promise<void> {
  const accepted = () => gateway.events('files').filter(({ msg }) => /are in force/.test(String(msg))).length;
  const before = accepted();
  change();
  gateway.signal('SIGHUP');
  await eventually(async () => expect(accepted()).toBe(before + 1));
}

describe('the SDKs, by TLS, with a client certificate and a token', () => {
  const server = serverFiles(mkdtempSync(join(tmpdir(), 'tailgate-sdk-tls-')));
  let home: Home;
  let gateway: GatewayProcess;
  beforeAll(async () => {
    server.give(certificates.server);
    server.trust(certificates.ca);
    const tokens = join(folder, 'tokens');
    writeFileSync(tokens, `story: ${token}\n`);
    const receive = {
      grpc: { endpoint: '127.0.0.1:0' },
      http: { endpoint: '127.0.0.1:0' },
      tls: server.files,
      auth: { bearer_token_file: tokens },
    };
    home = makeHome({ receive, buffer: { decision_wait: '2s' }, batch: { max_age: '50ms' } }, rules);
    gateway = await startGatewayProcess({ args: home.args });
  });
  afterAll(async () => {
    await gateway?.stop();
    home?.[Symbol.dispose]();
  });

  const variables = (own?: Issued, bearer = token) => ({
    OTEL_EXPORTER_OTLP_CERTIFICATE: certificates.ca.caFile,
    ...(own && { OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE: own.certFile, OTEL_EXPORTER_OTLP_CLIENT_KEY: own.keyFile }),
    OTEL_EXPORTER_OTLP_HEADERS: `authorization=Bearer%20${bearer}`,
  });
  /** Gives up soon: of these nothing is to arrive. Python counts in seconds. */
  const hasty = (name: ClientName) => ({ OTEL_EXPORTER_OTLP_TIMEOUT: name === 'python' ? '2' : '2000' });

  const telling = (name: ClientName, protocol: OtlpProtocol, more: Record<string, string>) => {
    const endpoint = `https://${byName(protocol === 'grpc' ? gateway.grpc : gateway.http)}`;
    return tell(name, findClient(name)!, { protocol, compression: 'gzip', endpoint, variables: more });
  };
  const received = async () => (await scrape(gateway.admin)).value('tailgate_received_spans_total');

  /** All of them at once, and not one span of theirs comes in. */
  async function nothingArrives(more: () => Record<string, string>): Promise<void> {
    const before = await received();
    const told = ways.map(async ([name, protocol]) => {
      const { complaints } = await telling(name, protocol, { ...more(), ...hasty(name) });
      expect([name, protocol, complaints]).not.toEqual([name, protocol, '']);
    });
    await Promise.all(told);
    expect(await received()).toBe(before);
  }

  it.each(ways)('%s over %s tells its story, and all of it is kept as it was told', async (name, protocol) => {
    await unlessHeldUp(gateway, async () => {
      const before = await received();
      const { said, complaints } = await telling(name, protocol, variables(certificates.client));
      expect(complaints).toBe('');
      expect(await received()).toBe(before + spansInStory);
      await expectStored(gateway, said, keptTraces);
    });
  });

  it('bring nothing in without a certificate, or with an expired or foreign one, or by another token', {
    timeout: 120_000,
  }, async () => {
    await nothingArrives(() => variables());
    await nothingArrives(() => variables(certificates.expiredClient));
    await nothingArrives(() => variables(certificates.foreignClient));
    await nothingArrives(() => variables(certificates.client, 'somebody-else-0123456789'));
    const refused = (await scrape(gateway.admin)).by('tailgate_refused_requests_total', 'reason');
    expect(refused.client_certificate).toBeGreaterThan(0);
    expect(refused.unauthenticated).toBeGreaterThan(0);
  });

  it('send nothing to a gateway whose certificate is not right', { timeout: 120_000 }, async () => {
    const right = () => variables(certificates.client);
    for (const wrong of [certificates.expiredServer, certificates.foreignServer, certificates.misnamedServer]) {
      await renewed(gateway, () => server.give(wrong));
      await nothingArrives(right);
    }
    await renewed(gateway, () => server.give(certificates.server));
    await unlessHeldUp(gateway, async () => {
      const told = ways.map(([name, protocol]) => telling(name, protocol, right()));
      for (const { said } of await Promise.all(told)) await expectStored(gateway, said, keptTraces);
    });
  });
});

const tokenOf = (name: string) => `the-token-of-${name}-0123456789`;

/** In front: a Collector that shows a certificate; by HTTP it makes a connection for each request. */
const inFront = (gateway: GatewayProcess, tls: object, headers: object) => `
receivers:
  otlp: { protocols: { grpc: { endpoint: "\${env:OTLP_GRPC}" }, http: { endpoint: "\${env:OTLP_HTTP}" } } }
exporters:
  otlp_grpc:
    endpoint: "${gateway.grpc}"
    tls: ${JSON.stringify(tls)}
    headers: ${JSON.stringify(headers)}
  otlp_http:
    endpoint: "https://${gateway.http}"
    tls: ${JSON.stringify(tls)}
    headers: ${JSON.stringify(headers)}
    disable_keep_alives: true
service:
  pipelines:
    traces: { receivers: [otlp], exporters: [otlp_grpc, otlp_http] }
`;

interface Own {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
  readonly authorization: string;
}

/** One call on a connection of its own; rejects what is not taken. */
const calls = {
  grpc: (address: string, body: Uint8Array, { ca, cert, key, authorization }: Own) => {
    const secure = credentials.createSsl(Buffer.from(ca), Buffer.from(key), Buffer.from(cert));
    const client = new Client(address, secure, { 'grpc.use_local_subchannel_pool': 1 });
    const path = '/opentelemetry.proto.collector.trace.v1.TraceService/Export';
    const same = (bytes: Buffer) => bytes;
    const metadata = new Metadata();
    metadata.set('authorization', authorization);
    return new Promise<void>((resolve, reject) => {
      const deadline = Date.now() + 20_000;
      client.makeUnaryRequest(path, same, same, Buffer.from(body), metadata, { deadline }, (error) => {
        client.close();
        if (error) reject(error);
        else resolve();
      });
    });
  },
  http: (address: string, body: Uint8Array, { authorization, ...tls }: Own) =>
    new Promise<void>((resolve, reject) => {
      const headers = { 'content-type': 'application/x-protobuf', authorization };
      const request = httpsRequest(
        `https://${address}/v1/traces`,
        { ...tls, method: 'POST', headers, agent: false },
        (response) => {
          response.resume();
          if (response.statusCode === 200) resolve();
          else reject(new Error(`HTTP ${response.statusCode}`));
        },
      );
      request.once('error', reject).end(body);
    }),
};

describe('certificates and tokens that are exchanged while senders send', () => {
  it('fail no call: every span arrives once, by a Collector and by connections that are made meanwhile', {
    timeout: 120_000,
  }, async () => {
    const into = mkdtempSync(join(folder, 'exchange-'));
    const [first, second] = [await Authority.create(into, 'first'), await Authority.create(into, 'second')];
    const serving = { usage: 'server', names: loopback } as const;
    const server = serverFiles(into);
    server.give(await first.issue('server-1', serving));
    server.trust(first);
    const tokens = join(into, 'tokens');
    const letIn = (...names: string[]) =>
      writeFileSync(tokens, names.map((name) => `${name}: ${tokenOf(name)}\n`).join(''));
    letIn('front', 'old');
    let name = 'old';
    await using sink = await startSink();
    const auth = { bearer_token_file: tokens };
    const receive = { grpc: { endpoint: '127.0.0.1:0' }, http: { endpoint: '127.0.0.1:0' }, tls: server.files, auth };
    const boot = {
      receive,
      buffer: { decision_wait: '100ms' },
      batch: { max_age: '50ms' },
      export: [sinkExporter(sink.url)],
    };
    const { gateway } = await gatewayAt(makeHome(boot, 'debug: true\n'));

    // A Collector reads its certificate again, its authorities only once.
    const both = join(into, 'both.pem');
    writeFileSync(both, first.ca + second.ca);
    const [cert, key] = [join(into, 'client.pem'), join(into, 'client.key')];
    let own = await first.issue('client-1', { usage: 'client' });
    const become = (next: Issued) => {
      own = next;
      cpSync(next.keyFile, key);
      cpSync(next.certFile, cert);
    };
    become(own);
    const tls = { ca_file: both, cert_file: cert, key_file: key, reload_interval: '100ms' };
    const front = await startCollector({
      config: inFront(gateway, tls, { authorization: `Bearer ${tokenOf('front')}` }),
    });
    onTestFinished(() => front.stop());
    const toFront = senderTo({ grpc: front.otlpGrpc, http: front.otlpHttp.replace('http://', '') });
    onTestFinished(() => toFront.close());

    const identity = ({ traceId, spanId, name }: SpanObject) => `${traceId} ${spanId} ${name}`;
    const sent: string[] = [];
    let isOver = false;
    const load = (async () => {
      for (let n = 0; !isOver; n++) {
        const request = (way: string) => requestBytes({ trace: `${way} ${n}`, id: way, name: `${way} ${n}` });
        const identities = (way: string) => spansIn(decodeRequest(request(way))).map(identity);
        // Both of the Collector's exporters send it.
        await toFront.grpc(request('front'));
        sent.push(...identities('front'), ...identities('front'));
        const authorization = `Bearer ${tokenOf(name)}`;
        const pair = { ca: first.ca + second.ca, cert: own.cert, key: own.key, authorization };
        for (const way of ['grpc', 'http'] as const) {
          await calls[way](byName(gateway[way]), request(way), pair);
          sent.push(...identities(way));
        }
        await sleep(5);
      }
    })();
    load.catch(() => {});
    const goOn = async () => {
      const before = sent.length;
      await Promise.race([load, eventually(async () => expect(sent.length).toBeGreaterThan(before + 100))]);
    };

    await goOn();
    const next = await second.issue('server-2', serving);
    await renewed(gateway, () => {
      server.trust(first, second);
      server.give(next);
    });
    await goOn();
    become(await second.issue('client-2', { usage: 'client' }));
    await goOn();
    await sleep(500);
    await renewed(gateway, () => server.trust(second));
    await goOn();
    await renewed(gateway, () => letIn('front', 'old', 'new'));
    name = 'new';
    await goOn();
    await renewed(gateway, () => letIn('front', 'new'));
    await goOn();
    isOver = true;
    await load;

    await eventually(async () =>
      expect(difference(sink.spans().map(identity), sent)).toEqual({ extra: [], missing: [] }),
    );
    const refused = (await scrape(gateway.admin)).by('tailgate_refused_requests_total', 'reason');
    expect(Object.values(refused).reduce((sum, each) => sum + each, 0)).toBe(0);
    expect(front.output()).not.toMatch(/Exporting failed/);
  });
});
