import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { type RunningS3, startS3 } from '../../tools/servers/s3.ts';
import { findServer, type RunningTempo, startTempo } from '../../tools/servers/start.ts';
import { byTrace } from '../support/captures.ts';
import { eventually } from '../support/gateway.ts';
import { decodeRequest } from '../support/otlp.ts';
import { requestBytes, traceIdHex } from '../support/spans.ts';
import { tempoApi } from '../support/tempo-api.ts';

const shipped = (name: string): string => readFileSync(new URL(`../../deploy/tempo/${name}`, import.meta.url), 'utf8');
const variables = (environment: string): Record<string, string> =>
  Object.fromEntries(
    [...shipped(`${environment}.env`).matchAll(/^(\w+)=(.*)$/gm)].map(([, name, value]) => [name!, value!]),
  );

const refused = 'refused' in findServer('tempo') ? findServer('tempo') : undefined;
if (refused) process.stderr.write(`SKIPPED: Tempo's storage: ${JSON.stringify(refused)}\n`);

/** deploy/tempo with the real Tempo and a server that speaks S3. */
describe.skipIf(refused)('Tempo with its blocks in S3', () => {
  let s3: RunningS3;
  const directory = mkdtempSync(join(tmpdir(), 'tailgate-tempo-storage-'));

  beforeAll(async () => {
    s3 = await startS3({ dir: directory, bucket: 'traces' });
  });
  afterAll(async () => {
    await s3?.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  /** With an empty disk. `more` makes it quick. */
  async function start(environment: string, more: Record<string, string> = {}): Promise<RunningTempo> {
    const tempo = await startTempo({
      shipped: {
        ...variables(environment),
        TEMPO_S3_BUCKET: s3.bucket,
        TEMPO_S3_PREFIX: environment,
        TEMPO_S3_ENDPOINT: s3.endpoint,
        TEMPO_S3_PATH_STYLE: 'true',
        TEMPO_S3_INSECURE: 'true',
        TEMPO_S3_ACCESS_KEY: 'key',
        TEMPO_S3_SECRET_KEY: 'a-secret',
        TEMPO_BLOCK_DURATION: '2s',
        TEMPO_BLOCKLIST_POLL: '1s',
        TEMPO_QUERY_BACKEND_AFTER: '0s',
        TEMPO_PROMETHEUS: 'http://127.0.0.1:1',
        ...more,
      },
    });
    onTestFinished(() => tempo.kill());
    return tempo;
  }

  async function push(tempo: RunningTempo, name: string) {
    const startMs = Date.now() - 500;
    const spans = Array.from({ length: 20 }, (_, i) => ({
      trace: name,
      id: `${name}-${i}`,
      ...(i > 0 && { parent: `${name}-0` }),
      service: 'stored',
      startMs,
      durationMs: 100 + i,
      attributes: { number: i },
    }));
    const body = requestBytes(...spans);
    const headers = { 'content-type': 'application/x-protobuf' };
    const answer = await fetch(`${tempo.otlpHttp}/v1/traces`, { method: 'POST', headers, body: Buffer.from(body) });
    expect(answer.status).toBe(200);
    return { id: traceIdHex(name), spans: byTrace([decodeRequest(body)]).get(traceIdHex(name)) ?? [] };
  }

  /** Whole spans, in an order of their own; what is empty may be left out or be there. */
  const isThere = (value: unknown): boolean => typeof value !== 'object' || Object.keys(value ?? {}).length > 0;
  const whole = (spans: readonly { readonly span: object }[]): string[] =>
    spans
      .map(({ span }) =>
        Object.entries(span)
          .filter(([, value]) => isThere(value))
          .sort(),
      )
      .map((fields) => JSON.stringify(fields))
      .sort();

  /** Keys of the objects below a prefix. */
  async function objects(prefix: string): Promise<string[]> {
    const answer = await (await fetch(`${s3.url}/${s3.bucket}?prefix=${prefix}/&max-keys=1000`)).text();
    return [...answer.matchAll(/<Key>([^<]+)<\/Key>/g)].map(([, key]) => key!);
  }

  it.each(['staging', 'production'])(
    '%s: a trace goes to the bucket, and a Tempo with an empty disk has it from there',
    async (environment) => {
      const first = await start(environment);
      const { id, spans } = await push(first, `stored-${environment}`);
      await eventually(async () =>
        expect(await objects(environment)).toContainEqual(expect.stringMatching(/\/meta\.json$/)),
      );
      await first.kill(); // what is in the bucket is all that there is
      const second = await start(environment);
      expect(second.dir).not.toBe(first.dir);
      await eventually(async () => expect(whole(await tempoApi(second.url).spans(id))).toEqual(whole(spans)));
      const now = Math.floor(Date.now() / 1000);
      const search = {
        q: '{ resource.service.name = "stored" && span.number = 7 }',
        start: String(now - 600),
        end: String(now + 60),
      };
      await eventually(async () => expect(await tempoApi(second.url).search(search)).toEqual([id]));
      const used = await (await fetch(`${second.url}/status/config`)).text();
      expect(used).toMatch(/\n +backend: s3\n/);
      expect(used).toMatch(environment === 'staging' ? /block_retention: (1w|168h|7d)/ : /block_retention: (3d|72h)/);
    },
  );

  it('gives up what is older than the retention', async () => {
    const tempo = await start('staging', { TEMPO_S3_PREFIX: 'short', TEMPO_RETENTION: '20s' });
    const { id, spans } = await push(tempo, 'short-lived');
    await eventually(async () => expect(await objects('short')).toContainEqual(expect.stringMatching(/\/meta\.json$/)));
    await eventually(async () => expect(await tempoApi(tempo.url).spans(id)).toHaveLength(spans.length));
    const ended = (keys: readonly string[]) => keys.filter((key) => key.endsWith('/meta.compacted.json'));
    await eventually(async () => expect(ended(await objects('short'))).not.toEqual([]), 120_000);
  });

  it.each(['staging', 'production'])('%s: the bucket deletes nothing that Tempo still has', (environment) => {
    const { Rules } = JSON.parse(shipped(`lifecycle-${environment}.json`)) as {
      Rules: { ID: string; Status: string; Expiration: { Days?: number } }[];
    };
    const hours = Number(variables(environment).TEMPO_RETENTION?.replace('h', ''));
    const days = Rules.flatMap(({ Expiration }) => Expiration.Days ?? []);
    expect(days).toHaveLength(1);
    expect(days[0]! * 24).toBeGreaterThan(hours);
    expect(Rules.every(({ Status }) => Status === 'Enabled')).toBe(true);
    expect(new Set(Rules.map(({ ID }) => ID)).size).toBe(Rules.length);
  });
});
