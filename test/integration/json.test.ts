import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decodeJson } from '../../src/decode/json.ts';
import { MalformedError } from '../../src/wire/reader.ts';
import { findServer, type RunningCollector, startCollector } from '../../tools/servers/start.ts';
import { httpIntoFile } from '../support/collector-config.ts';
import { decodeRequest, type RequestObject } from '../support/otlp.ts';
import { readRequestFile } from '../support/request-file.ts';
import { differences, documents } from './json-documents.ts';

const refused = 'refused';

/** What was made of a document: the spans in it with what surrounds them, or that it was refused. */
function readByUs(text: string | Buffer): string {
  try {
    return inWords(decodeRequest(decodeJson(Buffer.from(text as string))));
  } catch (error) {
    if (!(error instanceof MalformedError)) throw error;
    return refused;
  }
}

/** One span a line; resources and scopes without spans say nothing. */
function inWords({ resourceSpans = [] }: RequestObject): string {
  const lines = resourceSpans.flatMap(({ resource, schemaUrl: resourceUrl = '', scopeSpans = [] }) =>
    scopeSpans.flatMap(({ scope, schemaUrl = '', spans = [] }) =>
      spans.map((span) =>
        JSON.stringify(plain([plain(resource ?? {}), resourceUrl, plain(scope ?? {}), schemaUrl, span])),
      ),
    ),
  );
  return lines.join('\n');
}

/** In the order of names, without what is the same as nothing. */
function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null)
    return typeof value === 'number' && Number.isNaN(value) ? 'NaN' : value;
  const kept = Object.entries(value)
    .map(([name, member]) => [name, plain(member)] as const)
    .filter(([, member]) => !isNothing(member));
  return Object.fromEntries(kept.sort(([a], [b]) => (a < b ? -1 : 1)));
}

const isNothing = (value: unknown): boolean =>
  value === '' ||
  (typeof value === 'object' && value !== null && !Array.isArray(value) && Object.keys(value).length === 0);

/** Undefined where there is text in it that is no UTF-8, which the Collector passes on. */
function readable(bytes: Uint8Array): RequestObject | undefined {
  try {
    return decodeRequest(bytes);
  } catch (error) {
    if (error instanceof TypeError) return undefined;
    throw error;
  }
}

/** Sent behind each document, so that what the Collector wrote of it ends there. */
const marker = (n: number): string =>
  `{"resourceSpans":[{"resource":{"attributes":[{"key":"marker","value":{"stringValue":"${n}"}}]},"scopeSpans":[{"spans":[{"traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174"}]}]}]}`;

const markerOf = ({ resourceSpans = [] }: RequestObject): number | undefined => {
  const [attribute] = resourceSpans[0]?.resource?.attributes ?? [];
  return attribute?.key === 'marker' ? Number(attribute.value?.stringValue) : undefined;
};

describe.skipIf('missing' in findServer('otelcol') && process.env.CI !== 'true')(
  'OTLP/JSON beside the Collector',
  () => {
    const folder = mkdtempSync(join(tmpdir(), 'tailgate-json-'));
    const theirs: string[] = [];

    beforeAll(async () => {
      const file = join(folder, 'spans.pb');
      const collector: RunningCollector = await startCollector({ config: httpIntoFile(file) });
      const statuses: number[] = [];
      const post = async (body: string | Buffer): Promise<number> => {
        const headers = { 'content-type': 'application/json' };
        const answer = await fetch(`${collector.otlpHttp}/v1/traces`, {
          method: 'POST',
          headers,
          body: body as string,
        });
        await answer.arrayBuffer();
        return answer.status;
      };
      try {
        for (const [n, { text }] of documents.entries()) {
          statuses.push(await post(text));
          expect(await post(marker(n))).toBe(200);
        }
      } finally {
        await collector.stop();
      }
      let lines: string[] = [];
      for (const bytes of readRequestFile(file)) {
        const request = readable(bytes);
        const n = request === undefined ? undefined : markerOf(request);
        if (n === undefined) lines.push(request === undefined ? 'no UTF-8' : inWords(request));
        else {
          theirs[n] = statuses[n] === 200 ? lines.filter((line) => line !== '').join('\n') : refused;
          lines = [];
        }
      }
    });
    afterAll(() => rmSync(folder, { recursive: true, force: true }));

    it('has read every document', () => {
      expect(theirs).toHaveLength(documents.length);
      expect(theirs.filter((text) => text === refused).length).toBeGreaterThan(20);
      expect(theirs.filter((text) => text !== refused && text !== '').length).toBeGreaterThan(60);
      expect(Object.keys(differences).filter((what) => !documents.some((document) => document.what === what))).toEqual(
        [],
      );
    });

    it.each(documents.map(({ what, differs }, n) => [what.slice(0, 80), n, differs] as const))(
      'is the same to both: %s',
      (_, n, differs) => {
        const ours = readByUs(documents[n].text);
        if (differs === undefined) expect(ours).toBe(theirs[n]);
        else expect(ours, `no difference any more: ${differs}`).not.toBe(theirs[n]);
      },
    );
  },
);
