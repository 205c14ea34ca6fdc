import { createRequire } from 'node:module';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { decodeJson } from '../../src/decode/json.ts';
import { RequestScan } from '../../src/decode/scan.ts';
import { below, type Chance, pick } from '../fuzz/target.ts';
import { seeded } from '../support/mutate.ts';
import { decodeRequest, type RequestObject, spansIn } from '../support/otlp.ts';
import { compiled, seedRules } from '../support/story.ts';
import { findClient } from './clients/clients.ts';

/** OpenTelemetry's own writers, @opentelemetry/otlp-transformer: by both of them a span is the same to us. */
const folder = findClient('node');
const rounds = 300;
const { conditions } = compiled(seedRules);

interface Serializer {
  serializeRequest(spans: readonly unknown[]): Uint8Array;
}

/** What is installed for the client in Node; it has no types here. */
function packages(): {
  serializers: { protobuf: Serializer; json: Serializer };
  makeSpans: (chance: Chance) => unknown[];
} {
  const load = createRequire(join(folder!, 'node_modules', 'noop.js'));
  const { ProtobufTraceSerializer, JsonTraceSerializer } = load('@opentelemetry/otlp-transformer');
  const { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } = load('@opentelemetry/sdk-trace-base');
  const { resourceFromAttributes } = load('@opentelemetry/resources');
  const api = load('@opentelemetry/api');
  const makeSpans = (chance: Chance): unknown[] => {
    const exporter = new InMemorySpanExporter();
    const resource = resourceFromAttributes({ 'service.name': text(chance), list: ['a', 'b'] });
    const provider = new BasicTracerProvider({ resource, spanProcessors: [new SimpleSpanProcessor(exporter)] });
    for (let n = 1 + below(6, chance); n > 0; n--) {
      const tracer = provider.getTracer(pick(['one', 'two', ''], chance), pick(['1.0', undefined], chance));
      const startTime: [number, number] = [1_790_000_000 + below(1_000, chance), below(1e9, chance)];
      const context = tracer.startSpan('linked').spanContext();
      const links = chance() < 0.3 ? [{ context, attributes: attributes(chance) }] : [];
      const span = tracer.startSpan(text(chance), {
        kind: below(5, chance),
        startTime,
        attributes: attributes(chance),
        links,
      });
      if (chance() < 0.4) span.addEvent(text(chance), attributes(chance), startTime);
      if (chance() < 0.5) span.setStatus({ code: below(3, chance), message: pick([undefined, '', 'größe'], chance) });
      span.end([startTime[0] + below(3, chance), startTime[1]]);
    }
    expect(api.SpanStatusCode.ERROR).toBe(2);
    return exporter.getFinishedSpans();
  };
  return { serializers: { protobuf: ProtobufTraceSerializer, json: JsonTraceSerializer }, makeSpans };
}

const text = (chance: Chance): string =>
  pick(['GET /', 'größe 😀', '', '"\\\n\u0001', '\u2028', 'x'.repeat(below(400, chance)), '\ud800 half'], chance);

/** No number beyond 64 bits: in JSON it is written as an intValue, which we refuse as the Collector does. */
const attributes = (chance: Chance): Record<string, unknown> =>
  Object.fromEntries(
    Array.from({ length: below(8, chance) }, (_, i) => [
      pick([`key.${i}`, 'http.route', '__proto__x', 'größe'], chance),
      pick<unknown>(
        [
          text(chance),
          below(1e6, chance),
          -5,
          2 ** 53 - 1,
          -(2 ** 52),
          0.1,
          1e-300,
          -0,
          true,
          false,
          ['a', ''],
          [1, 2.5],
          [true],
          [],
        ],
        chance,
      ),
    ]),
  );

/** Numbers without a fraction are integers to one writer where they are doubles to the other: they are the same number. */
function alike(request: RequestObject): RequestObject {
  return JSON.parse(JSON.stringify(request), (key, value) =>
    key === 'intValue' || key === 'doubleValue' ? Number(value) : value,
  );
}

describe.skipIf(folder === undefined)('what OpenTelemetry’s own writers write', () => {
  it('is the same to the scan, to the JSON reader and to protobufjs', () => {
    const { serializers, makeSpans } = packages();
    const chance = seeded(1);
    const scan = new RequestScan();
    let spans = 0;
    for (let round = 0; round < rounds; round++) {
      const made = makeSpans(chance);
      const inProtobuf = serializers.protobuf.serializeRequest(made);
      const inJson = decodeJson(serializers.json.serializeRequest(made));
      const expected = decodeRequest(inProtobuf);
      expect(alike(decodeRequest(inJson)), `round ${round}`).toEqual(alike(expected));
      for (const bytes of [inProtobuf, inJson]) {
        const buf = Buffer.concat([bytes, Buffer.alloc(32, 0xff)]);
        scan.run(buf, 0, bytes.length, conditions);
        expect([scan.count, scan.invalid, scan.reason]).toEqual([made.length, 0, '']);
      }
      expect(spansIn(expected)).toHaveLength(made.length);
      spans += made.length;
    }
    expect(spans).toBeGreaterThan(rounds);
  });
});
