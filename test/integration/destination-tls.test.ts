import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { findServer, startCollector, startTempo } from '../../tools/servers/start.ts';
import { makeHome } from '../support/boot-file.ts';
import { Authority, certificateSet, type Issued, loopback } from '../support/certificates.ts';
import { intoFiles } from '../support/collector-config.ts';
import { eventually, type GatewayProcess } from '../support/gateway.ts';
import { gatewayAt } from '../support/gateway-at.ts';
import { difference } from '../support/identity.ts';
import { obsctl } from '../support/obsctl.ts';
import { decodeRequest, spansIn } from '../support/otlp.ts';
import { readRequestFile } from '../support/request-file.ts';
import { requestBytes, traceIdHex } from '../support/spans.ts';
import { tempoApi } from '../support/tempo-api.ts';

/** A gateway before destinations that nobody here wrote, which demand TLS and a client certificate. */
const tempoServer = findServer('tempo');
const noTempo = 'refused' in tempoServer;

const folder = mkdtempSync(join(tmpdir(), 'tailgate-destination-tls-'));
let certificates: Awaited<ReturnType<typeof certificateSet>>;
beforeAll(async () => {
  certificates = await certificateSet(folder);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const exporter = (name: string, endpoint: string, tls: object) => ({
  name,
  otlp: { endpoint, protocol: name, compression: 'gzip', timeout: '5s', tls },
  retry: { initial: '50ms', max: '500ms' },
});

function gatewayTo(exporters: readonly object[]) {
  const boot = { buffer: { decision_wait: '100ms' }, batch: { max_age: '50ms' }, export: exporters };
  return gatewayAt(makeHome(boot, 'debug: true\n'));
}

interface ExporterStatus {
  readonly name: string;
  readonly lastError: string;
}
const errorOf = async (gateway: GatewayProcess, name: string): Promise<string> =>
  ((await gateway.status()).export as unknown as ExporterStatus[]).find((each) => each.name === name)!.lastError;

/** The Collector writes the same span in other bytes. */
const identitiesIn = (request: Uint8Array): string[] =>
  spansIn(decodeRequest(request)).map(({ traceId, spanId, parentSpanId, name, startTimeUnixNano, endTimeUnixNano }) =>
    [traceId, spanId, parentSpanId ?? '', name, startTimeUnixNano, endTimeUnixNano].join(' '),
  );

let sent = 0;
/** Two traces of two spans, no id twice. */
function nextRequest(): Uint8Array {
  const n = ++sent;
  const traces = [`${n} a`, `${n} b`];
  return requestBytes(
    ...traces.flatMap((trace) => [
      { trace, name: `root of ${trace}` },
      { trace, id: `child of ${trace}`, parent: 'root', name: `child of ${trace}` },
    ]),
  );
}

const receivers = (tls: object) => `
receivers:
  otlp/grpc:
    protocols:
      grpc:
        endpoint: "\${env:OTLP_GRPC}"
        tls: ${JSON.stringify(tls)}
        keepalive: { server_parameters: { max_connection_age: 300ms, max_connection_age_grace: 10s } }
  otlp/http:
    protocols: { http: { endpoint: "\${env:OTLP_HTTP}", tls: ${JSON.stringify(tls)}, keep_alives_enabled: false } }
`;
const collectorConfig = (tls: object, into: string) => `${receivers(tls)}${intoFiles(into)}`;

const secure = (address: string) => `https://${address.replace(/^http:\/\//, '')}`;

describe('a Collector that demands client certificates', () => {
  it('gets every span once, while authority, server and client are exchanged under load', async () => {
    const into = mkdtempSync(join(folder, 'collector-'));
    const [first, second] = [await Authority.create(into, 'first'), await Authority.create(into, 'second')];
    const file = (name: string) => join(into, name);
    const give = ({ certFile, keyFile }: Issued, to: string) => {
      // A key comes before its certificate: for a moment they do not fit.
      cpSync(keyFile, file(`${to}.key`));
      cpSync(certFile, file(`${to}.pem`));
    };
    const trust = (by: string, ...authorities: Authority[]) =>
      writeFileSync(file(`${by}-ca.pem`), authorities.map(({ ca }) => ca).join(''));
    const server = { usage: 'server', names: loopback } as const;
    const client = { usage: 'client' } as const;
    trust('collector', first);
    trust('gateway', first);
    give(await first.issue('server-1', server), 'server');
    give(await first.issue('client-1', client), 'client');

    const tls = {
      cert_file: file('server.pem'),
      key_file: file('server.key'),
      client_ca_file: file('collector-ca.pem'),
    };
    const live = { ...tls, client_ca_file_reload: true, reload_interval: '100ms' };
    const collector = await startCollector({ config: collectorConfig(live, into) });
    onTestFinished(() => collector.stop());
    const ours = { ca_file: file('gateway-ca.pem'), cert_file: file('client.pem'), key_file: file('client.key') };
    const { gateway, sender } = await gatewayTo([
      exporter('grpc', secure(collector.otlpGrpc), ours),
      exporter('http', secure(collector.otlpHttp), ours),
    ]);

    const taken: string[] = [];
    let isOver = false;
    const load = (async () => {
      while (!isOver) {
        const request = nextRequest();
        await (sent % 2 ? sender.grpc(request, 'gzip') : sender.http(request));
        taken.push(...identitiesIn(request));
        await sleep(5);
      }
    })();
    const arrived = (name: string) => readRequestFile(file(`${name}.pb`)).flatMap((request) => identitiesIn(request));
    /** Connections live for 300 ms there, so that what is new is used at once; new spans come by each. */
    const goOn = async () => {
      const [grpc, http] = [arrived('grpc').length, arrived('http').length];
      await sleep(1_000);
      await eventually(async () => {
        expect(arrived('grpc').length).toBeGreaterThan(grpc + 100);
        expect(arrived('http').length).toBeGreaterThan(http + 100);
      });
    };
    const accepted = () => gateway.events('files').filter(({ msg }) => /are in force/.test(String(msg))).length;
    const renewed = async (exchange: () => void) => {
      const before = accepted();
      exchange();
      gateway.signal('SIGHUP');
      await eventually(async () => expect(accepted()).toBe(before + 2));
    };

    await goOn();
    trust('collector', first, second);
    await renewed(() => trust('gateway', first, second));
    await goOn();
    give(await second.issue('server-2', server), 'server');
    await goOn();
    const next = await second.issue('client-2', client);
    await renewed(() => give(next, 'client'));
    await goOn();
    trust('collector', second);
    await renewed(() => trust('gateway', second));
    await goOn();
    isOver = true;
    await load;

    for (const name of ['grpc', 'http']) {
      await eventually(async () => expect(difference(arrived(name), taken)).toEqual({ extra: [], missing: [] }));
    }
    expect((await gateway.status()).books).toMatchObject({ balanced: true, spans: { lost: 0 } });
    expect(gateway.events('export_failed')).toEqual([]);
  });

  it.each([
    ['no client certificate', () => ({}), /the server demands a client certificate: set tls\.cert_file/],
    ['an expired one', () => certificates.expiredClient, /the server refuses our certificate/],
    ['one of another authority', () => certificates.foreignClient, /the server refuses our certificate/],
  ])('gets nothing by %s, and all by the right one', async (_, which, why) => {
    const into = mkdtempSync(join(folder, 'collector-'));
    const { server, ca, client } = certificates;
    const tls = { cert_file: server.certFile, key_file: server.keyFile, client_ca_file: ca.caFile };
    const collector = await startCollector({ config: collectorConfig(tls, into) });
    onTestFinished(() => collector.stop());
    const { certFile, keyFile } = { ...(which() as Partial<Issued>) };
    const [cert, key] = [join(into, 'own.pem'), join(into, 'own.key')];
    const give = (from: { certFile: string; keyFile: string }) => {
      cpSync(from.keyFile, key);
      cpSync(from.certFile, cert);
    };
    if (certFile && keyFile) give({ certFile, keyFile });
    const ours = { ca_file: ca.caFile, ...(certFile && { cert_file: cert, key_file: key }) };
    const { gateway, sender } = await gatewayTo([
      exporter('grpc', secure(collector.otlpGrpc), ours),
      exporter('http', secure(collector.otlpHttp), ours),
    ]);
    const request = nextRequest();
    await sender.grpc(request);
    for (const name of ['grpc', 'http']) {
      await eventually(async () => expect(await errorOf(gateway, name)).toMatch(why));
      expect(readRequestFile(join(into, `${name}.pb`))).toEqual([]);
    }
    if (!certFile) return;
    give(client);
    gateway.signal('SIGHUP');
    for (const name of ['grpc', 'http']) {
      await eventually(async () => {
        const arrived = readRequestFile(join(into, `${name}.pb`)).flatMap((each) => identitiesIn(each));
        expect(difference(arrived, identitiesIn(request))).toEqual({ extra: [], missing: [] });
      });
    }
  });
});

describe.skipIf(noTempo)('a Tempo behind TLS', () => {
  it('with an authority of its own and client certificates gets every trace, and shows it to obsctl', async () => {
    const trusted = getCACertificates('default');
    onTestFinished(() => setDefaultCACertificates(trusted));
    setDefaultCACertificates([certificates.ca.ca]);
    const { server, ca, client } = certificates;
    const tempo = await startTempo({ otlpTls: { ...server, clientCaFile: ca.caFile }, queryTls: server });
    onTestFinished(() => tempo.kill());
    const tls = { ca_file: ca.caFile, cert_file: client.certFile, key_file: client.keyFile };
    const { gateway, sender } = await gatewayTo([exporter('grpc', secure(tempo.otlpGrpc), tls)]);
    const { gateway: byHttp, sender: httpSender } = await gatewayTo([exporter('http', tempo.otlpHttp, tls)]);
    const traces = Array.from({ length: 12 }, (_, i) => `behind TLS ${i}`);
    const spansOf = (trace: string) =>
      [0, 1, 2].map((n) => ({
        trace,
        id: `${trace} ${n}`,
        name: `${trace} ${n}`,
        service: 'shop',
        startMs: Date.now(),
      }));
    for (const [i, trace] of traces.entries())
      await (i % 2 ? sender : httpSender).grpc(requestBytes(...spansOf(trace)));

    expect(tempo.url).toMatch(/^https:/);
    const api = tempoApi(tempo.url);
    for (const trace of traces) {
      const wanted = spansOf(trace).map(({ name }) => name);
      await eventually(async () => {
        const spans = await api.spans(traceIdHex(trace));
        expect(spans.map(({ span }) => span.name).toSorted()).toEqual(wanted);
      });
    }
    expect(await errorOf(gateway, 'grpc')).toBe('');
    expect(await errorOf(byHttp, 'http')).toBe('');
    const find = ['--tempo', tempo.url, '--gateway', gateway.admin, '-o', 'ids', 'trace', 'find', '--last', '1h'];
    const found = await eventually(async () => {
      const asked = await obsctl('--ca-file', ca.caFile, ...find);
      expect(asked.ids).toHaveLength(traces.length);
      return asked.ids;
    });
    expect(found).toEqual(traces.map(traceIdHex).sort());
    const untrusting = await obsctl(...find);
    expect(untrusting.code).toBe(1);
    expect(untrusting.err).toMatch(/is of an authority that is not trusted \(CN=Test ca\): set --ca-file to it/);
  });
});
