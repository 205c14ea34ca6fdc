import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { defaultRules } from '../../src/enrich/default-rules.ts';
import { Enricher } from '../../src/enrich/enrich.ts';
import { Refusal } from '../../src/errors.ts';
import { Pipeline } from '../../src/pipeline.ts';
import { messageOf } from '../../src/receive/message.ts';
import {
  findServer,
  type RunningCollector,
  type RunningTempo,
  startCollector,
  startTempo,
} from '../../tools/servers/start.ts';
import { encodeReference, requestJson, spanJson } from '../receive/support/requests.ts';
import { captureNames, capturesMissing, readCapture } from '../support/captures.ts';
import { httpIntoFile } from '../support/collector-config.ts';
import { eventually } from '../support/gateway.ts';
import { HandClock } from '../support/hand-clock.ts';
import { mutate, seeded } from '../support/mutate.ts';
import { type AnyValue, decodeRequest, type SpanObject, spansIn } from '../support/otlp.ts';
import { compiled } from '../support/story.ts';
import { tempoApi } from '../support/tempo-api.ts';
import { findClient } from './clients/clients.ts';

/**
 * Accepted here, refused there: requests with faults of every kind go through the gateway's path, and whatever leaves
 * it must be taken, with the same ids, by a Python server's parser, the Collector and Tempo. `MUTATIONS` and `SEED` ask
 * for more of them, or others.
 */
const mutations = Number(process.env.MUTATIONS ?? 2_000);
const seed = Number(process.env.SEED ?? 1);
/** So many of them, spread evenly, are read back from Tempo by id. */
const readBack = 200;

const python = findClient('python');
const tempoServer = findServer('tempo');

/** A request that left the gateway, and the faults of the one that it was made of. */
interface Left {
  readonly body: Uint8Array;
  readonly spans: number;
  readonly what: string;
}

/** Two spans with nearly every field; no id is there twice. */
function richRequest(n: number): Buffer {
  const trace = `5b8efff798038103${n.toString(16).padStart(16, '0')}`;
  const spans = [1, 2].map((i) => ({ ...spanJson((n * 2 + i).toString(16).padStart(16, '0')), traceId: trace }));
  return encodeReference(requestJson(spans));
}

/** Small requests that others recorded, where there are any. */
const recorded = capturesMissing
  ? []
  : captureNames.flatMap((name) =>
      readCapture(name)
        .messages.filter(({ length }) => length < 8_192)
        .slice(0, 50),
    );

/** Every fourth one is a recorded one. */
const requestFor = (n: number): Uint8Array =>
  n % 4 === 0 && recorded.length > 0 ? recorded[(n / 4) % recorded.length] : richRequest(n);

/** What leaves the gateway of so many mutations, and how many requests and spans it refused. */
function throughTheGateway(): { left: Left[]; refused: number; rejected: number } {
  const clock = new HandClock();
  const left: Left[] = [];
  let what = '';
  const pipeline = new Pipeline(
    {
      buffer: {
        decisionWaitMs: 1_000,
        decisionWaitAfterRootMs: 0,
        maxBytes: 64 << 20,
        maxTraceBytes: 5_000_000,
        onFull: 'decide_oldest',
        rememberedDecisions: 1_000,
      },
      batch: { maxBytes: 3 << 20, maxSpans: 8192, maxAgeMs: 0 },
      maxEnvelopeBytes: 256 << 10,
      maxSpanBytes: 4 << 20,
      seed: 1,
    },
    { set: compiled({ debug: true }), name: 'r1' },
    new Enricher({ resource: {}, set: {}, redact: defaultRules }),
    ({ body, spans }) => left.push({ body: body.slice(), spans, what }),
    clock,
  );
  const chance = seeded(seed);
  let [refused, rejected] = [0, 0];
  for (let n = 1; n <= mutations; n++) {
    const mutated = mutate(requestFor(n), chance);
    what = `${n}: ${mutated.what}`;
    const answer = pipeline.accept(messageOf([mutated.bytes]), 'http_protobuf');
    if (answer instanceof Refusal) refused++;
    else rejected += answer.rejectedSpans;
    clock.pass(2_000);
    pipeline.tick(1_000);
    pipeline.tick(1_000);
  }
  return { left, refused, rejected };
}

/** What protobuf's C library reads of a request: its spans' ids, what else is in them, or why it does not parse. */
interface Parsed {
  readonly spans?: string[];
  readonly told?: string[];
  readonly error?: string;
}

/** A span in the words of parse.py, by protobufjs. Of a oneof whose members stand several times the last one counts. */
function tell(span: SpanObject): string {
  const { name = '', parentSpanId = '', startTimeUnixNano = '0', endTimeUnixNano = '0', kind = 0, status = {} } = span;
  const attributes = (span.attributes ?? []).map(({ key = '', value = {} }) => `${key}=${textOf(value)}`);
  const counts = [span.events?.length ?? 0, span.links?.length ?? 0];
  const own = [name, parentSpanId, startTimeUnixNano, endTimeUnixNano, kind, status.code ?? 0, status.message ?? ''];
  return [...own, ...attributes, ...counts].join('|');
}

function textOf(value: AnyValue): string {
  const [which, held] = Object.entries(value).at(-1) ?? [];
  if (which === undefined) return 'None';
  if (which === 'boolValue') return held ? 'True' : 'False';
  if (which === 'stringValue' || which === 'intValue') return String(held);
  return which.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** The spans of each request by protobuf's C library, or its error. */
async function parseInPython(folder: string, bodies: readonly Uint8Array[]): Promise<Parsed[]> {
  const script = fileURLToPath(new URL('clients/python/parse.py', import.meta.url));
  const child = spawn(join(folder, 'bin/python'), [script], { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface(child.stdout);
  const answers: Parsed[] = [];
  lines.on('line', (line) => answers.push(JSON.parse(line)));
  for (const body of bodies) {
    const head = Buffer.alloc(4);
    head.writeUInt32BE(body.length);
    child.stdin.write(Buffer.concat([head, body]));
  }
  child.stdin.end();
  await new Promise((resolve) => lines.once('close', resolve));
  return answers;
}

/** Posts each body, eight at a time; of those that were not taken whole, the faults and the answer. */
async function refusedBy(base: string, left: readonly Left[]): Promise<string[]> {
  const refused: string[] = [];
  let next = 0;
  const headers = { 'content-type': 'application/x-protobuf' };
  const work = async (): Promise<void> => {
    for (let at = next++; at < left.length; at = next++) {
      const { body, what } = left[at];
      const answer = await fetch(`${base}/v1/traces`, {
        method: 'POST',
        headers,
        body: body as Uint8Array<ArrayBuffer>,
      });
      const text = Buffer.from(await answer.arrayBuffer()).toString('latin1');
      if (answer.status !== 200 || text.length > 2) refused.push(`${what} → ${answer.status} ${JSON.stringify(text)}`);
    }
  };
  await Promise.all(Array.from({ length: 8 }, work));
  return refused;
}

describe.skipIf(python === undefined)('what leaves of requests with faults', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tailgate-strict-'));
  let left: Left[];
  let ids: string[];
  beforeAll(async () => {
    const through = throughTheGateway();
    left = through.left;
    process.stderr.write(
      `${mutations} mutated requests: ${through.refused} refused, ${through.rejected} spans rejected, ${left.length} left\n`,
    );
    expect(left.length).toBeGreaterThan(mutations / 3);
    expect(through.rejected).toBeGreaterThan(mutations / 20);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('is parsed by Python on protobuf’s C library', async () => {
    const answers = await parseInPython(
      python!,
      left.map(({ body }) => body),
    );
    expect(answers.flatMap(({ error }, i) => (error === undefined ? [] : [`${left[i].what} → ${error}`]))).toEqual([]);
    expect(answers.map(({ spans = [] }) => spans.length)).toEqual(left.map(({ spans }) => spans));
    // Members of a oneof that stand several times protobufjs keeps all of: which is the last it does not say.
    const hasTwins = (span: SpanObject) =>
      (span.attributes ?? []).some(({ value = {} }) => Object.keys(value).length > 1);
    let compared = 0;
    for (const [i, { told = [] }] of answers.entries()) {
      for (const [n, span] of spansIn(decodeRequest(left[i].body)).entries()) {
        if (hasTwins(span)) continue;
        expect(told[n], left[i].what).toBe(tell(span));
        compared++;
      }
    }
    expect(compared).toBeGreaterThan(left.length);
    ids = answers.flatMap(({ spans = [] }) => spans);
  });

  it('is taken by the Collector, every span as itself', async () => {
    const file = join(folder, 'spans.pb');
    const collector: RunningCollector = await startCollector({ config: httpIntoFile(file) });
    try {
      expect(await refusedBy(collector.otlpHttp, left)).toEqual([]);
    } finally {
      await collector.stop();
    }
    const answers = await parseInPython(python!, cut(readFileSync(file)));
    expect(answers.flatMap(({ spans = [] }) => spans).sort()).toEqual(ids.toSorted());
  });

  it.skipIf('refused' in tempoServer)('is taken by Tempo, and read back by its ids', async () => {
    const tempo: RunningTempo = await startTempo();
    try {
      expect(await refusedBy(tempo.otlpHttp, left)).toEqual([]);
      const byTrace = Map.groupBy(ids, (id) => id.split(' ')[0]);
      const step = Math.max(1, Math.floor(byTrace.size / readBack));
      const chosen = [...byTrace].filter((_, i) => i % step === 0);
      for (const [trace, spans] of chosen) {
        await eventually(async () => {
          const found = await tempoApi(tempo.url).spans(trace);
          expect(new Set(found.map(({ span }) => `${span.traceId} ${span.spanId}`))).toEqual(new Set(spans));
        });
      }
    } finally {
      await tempo.stop();
    }
  });
});

/** The file of the Collector's exporter: each request after its length. */
function cut(file: Buffer): Buffer[] {
  const requests: Buffer[] = [];
  for (let at = 0; at + 4 <= file.length; at += 4 + file.readUInt32BE(at))
    requests.push(file.subarray(at + 4, at + 4 + file.readUInt32BE(at)));
  return requests;
}
