import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Writer } from '../../src/wire/writer.ts';
import { attributeField, requestBytes, spanBytes } from '../support/spans.ts';
import { MiB, type Scene, sized, startScene } from './scene.ts';
import { bomb, gzipped, json, post } from './send.ts';

/** Bodies that cost their sender little: docs/security.md has what each did. */
describe('a body', () => {
  let scene: Scene;
  beforeAll(async () => void (scene = await startScene()));
  afterAll(() => scene[Symbol.asyncDispose]());

  const jsonBytes = sized(6, 60) * MiB;
  it.each([
    ['of empty resources', '{"resourceSpans":[{}', ',{}', ']}', 200],
    ['of lists in lists', '{"x":', '[', '', 400],
    ['of one key over and over', '{"a":1', ',"a":1', '}', 200],
    ['of null spans', '{"resourceSpans":[{"scopeSpans":[{"spans":[null', ',null', ']}]}]}', 200],
  ])('in JSON, %s', async (_, before, unit, after, status) => {
    const body = bomb(before, unit, after, jsonBytes);
    const send = async () =>
      expect((await post(scene.gateway.http, body, { ...json, ...gzipped })).status).toBe(status);
    // The body as it is unpacked, and where it becomes protobuf.
    await scene.attack(send, { memoryBytes: 3 * jsonBytes + 64 * MiB });
  });

  it('in JSON, of keys of which no two are equal', async () => {
    const keys = Array.from({ length: sized(400_000, 4_500_000) }, (_, i) => `"k${i}":0`).join(',');
    const body = Buffer.from(`{${keys}}`);
    const send = async () => expect((await post(scene.gateway.http, body, json)).status).toBe(200);
    await scene.attack(send, { memoryBytes: 3 * body.length + 64 * MiB });
  });

  it('in JSON, with words that mean something to JavaScript', async () => {
    const text = '{"resourceSpans":[{"scopeSpans":[{"spans":[{"kind":"toString","status":{"code":"constructor"}}]}]}]}';
    const send = async () => expect((await post(scene.gateway.http, Buffer.from(text), json)).status).toBe(400);
    await scene.attack(send, { memoryBytes: 32 * MiB });
  });

  it('of tens of thousands of scopes', async () => {
    const body = scopes(sized(8_000, 30_000));
    const send = async () => expect((await post(scene.gateway.http, body)).status).toBe(200);
    await scene.attack(send, { memoryBytes: 20 * body.length + 64 * MiB });
  });

  it('of unknown fields beside its spans', async () => {
    const bytes = sized(6, 60) * MiB;
    const span = Buffer.from(requestBytes({ trace: 'beside', name: 'beside unknown fields' }));
    const body = bomb(span.toString('latin1'), 'ªF\u0001x', '', bytes);
    const send = async () => expect((await post(scene.gateway.http, body, gzipped)).status).toBeLessThan(500);
    await scene.attack(send, { memoryBytes: 3 * bytes + 64 * MiB });
  });

  it('of broken spans of a few bytes', async () => {
    const body = nested(1, nested(2, Buffer.alloc(3 * 10_000, Buffer.from([0x12, 1, 0x08]))));
    const send = async () => {
      for (let n = 0; n < sized(40, 400); n++) expect((await post(scene.gateway.http, body)).status).toBe(400);
    };
    await scene.attack(send, { memoryBytes: 64 * MiB });
  });

  it('of thousands of tiny traces under one large resource', async () => {
    const body = underOneResource(sized(200_000, 1_000_000), sized(1_000, 5_000));
    const send = async () => {
      const { status, text } = await post(scene.gateway.http, body);
      expect(status, text).toBe(200);
    };
    await scene.attack(send, { memoryBytes: 20 * body.length + 64 * MiB });
  });

  it('of the smallest spans there are, each a trace of its own', async () => {
    const perRequest = 20_000;
    const requests = sized(10, 40);
    const send = async () => {
      for (let n = 0; n < requests; n++)
        expect((await post(scene.gateway.http, smallest(perRequest, n))).status).toBeOneOf([200, 503]);
    };
    // buffer.max_bytes, with rows, records and index, and batches on their way.
    await scene.attack(send, { memoryBytes: (128 + 160) * MiB });
  });

  it('of compressed nothing, many times', async () => {
    const bytes = sized(20, 60) * MiB;
    const body = bomb('', '\u0000', '', bytes);
    const send = () => Promise.all(Array.from({ length: sized(8, 20) }, () => post(scene.gateway.http, body, gzipped)));
    // receive.max_inflight_bytes, the buffer, and what was let go and is not collected yet.
    await scene.attack(send, { memoryBytes: 1.5 * (256 + 128) * MiB });
  });
});

function nested(field: number, body: Uint8Array): Buffer {
  const w = new Writer(body.length + 16);
  w.bytes(field, body);
  return Buffer.from(w.finish());
}

/** One span in each of so many scopes, no two of them with the same name. */
function scopes(count: number): Buffer {
  const w = new Writer(count * 120);
  const resourceSpans = w.open(1);
  for (let i = 0; i < count; i++) {
    const scopeSpans = w.open(2);
    const scope = w.open(1);
    w.string(1, `scope-${i}`.padEnd(32, '.'));
    w.close(scope);
    w.bytes(2, spanBytes({ trace: `scope-${i >> 4}`, id: `scope-${i}`, name: '' }));
    w.close(scopeSpans);
  }
  w.close(resourceSpans);
  return Buffer.from(w.finish());
}

function underOneResource(resourceBytes: number, traces: number): Buffer {
  const w = new Writer(resourceBytes + traces * 120);
  const resourceSpans = w.open(1);
  const resource = w.open(1);
  attributeField(w, 1, 'text', 'x'.repeat(resourceBytes));
  w.close(resource);
  const scopeSpans = w.open(2);
  for (let i = 0; i < traces; i++) w.bytes(2, spanBytes({ trace: `tiny-${i}`, id: `tiny-${i}`, status: 'ERROR' }));
  w.close(scopeSpans);
  w.close(resourceSpans);
  return Buffer.from(w.finish());
}

/** Spans of ids alone. */
function smallest(count: number, seed: number): Buffer {
  const span = Buffer.alloc(30);
  span.set([0x12, 28, 0x0a, 16], 0);
  span.set([0x12, 8], 20);
  const spans = Buffer.alloc(count * span.length);
  for (let i = 0; i < count; i++) {
    span.writeUInt32BE(i + 1, 4);
    span.writeUInt32BE(seed + 1, 12);
    span.writeUInt32BE(i + 1, 22);
    spans.set(span, i * span.length);
  }
  return nested(1, nested(2, spans));
}
