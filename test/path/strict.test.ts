import { describe, expect, it, vi } from 'vitest';
import { decodeJson } from '../../src/decode/json.ts';
import { defaultRules } from '../../src/enrich/default-rules.ts';
import { Writer } from '../../src/wire/writer.ts';
import { decodeRequest } from '../support/otlp.ts';
import { attributeField, requestBytes, spanBytes } from '../support/spans.ts';
import { Story } from '../support/story.ts';

const keepAll = { rules: { debug: true } };

/** A link to a trace id of so many bytes. */
function linkTo(traceIdBytes: number): Uint8Array {
  const w = new Writer();
  const link = w.open(13);
  w.bytes(1, new Uint8Array(traceIdBytes).fill(1));
  w.bytes(2, new Uint8Array(8).fill(2));
  w.close(link);
  return w.finish();
}

/** One span in `instrumentation_library_spans`, and a secret in it. */
function oldRequest(): Uint8Array {
  const w = new Writer();
  const resourceSpans = w.open(1);
  const resource = w.open(1);
  attributeField(w, 1, 'service.name', 'old');
  w.close(resource);
  const library = w.open(1000);
  const name = w.open(1);
  w.string(1, 'io.opentelemetry.2021');
  w.close(name);
  w.bytes(2, spanBytes({ trace: 'old', name: 'checkout', attributes: { password: 'hunter2' } }));
  w.close(library);
  w.close(resourceSpans);
  return w.finish();
}

const oldJson = {
  resourceSpans: [
    {
      resource: { attributes: [{ key: 'service.name', value: { stringValue: 'old' } }] },
      instrumentationLibrarySpans: [
        {
          instrumentationLibrary: { name: 'io.opentelemetry.2021' },
          spans: [
            {
              traceId: '5b8efff798038103d269b633813fc60c',
              spanId: 'eee19b7ec3c1b174',
              name: 'checkout',
              attributes: [{ key: 'password', value: { stringValue: 'hunter2' } }],
            },
          ],
        },
      ],
    },
  ],
};

describe('spans that others would refuse', () => {
  it('are rejected one by one, with a reason, and their neighbours leave', () => {
    const story = new Story(keepAll);
    const answer = story.send(
      { trace: 'a', name: 'innocent' },
      { trace: 'a', unknown: linkTo(15) },
      { trace: 'b', name: 'innocent, too' },
      { trace: 'b', unknown: linkTo(16), name: 'sound' },
    );
    expect(answer).toMatchObject({ spans: 4, rejectedSpans: 1, message: expect.stringContaining('15 bytes, not 16') });
    const left = story.drain().left();
    expect(left.map(({ name }) => name).sort()).toEqual(['innocent', 'innocent, too', 'sound']);
    expect(story.spans('invalid')).toBe(1);
  });

  it('a parent id in JSON that is no hex of 8 bytes is the span’s fault alone', () => {
    const span = oldJson.resourceSpans[0].instrumentationLibrarySpans[0].spans[0];
    const spans = ['1234', 'AAAAAAAAAAA=', 'eee19b7ec3c1b175', ''].map((parentSpanId) => ({ ...span, parentSpanId }));
    const story = new Story(keepAll);
    const bytes = decodeJson(Buffer.from(JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans }] }] })));
    const message = expect.stringMatching(/a parent_span_id of .* bytes, not 8 \(in JSON: 16 hex digits\)/);
    expect(story.sendBytes(bytes, 'http_json')).toMatchObject({ spans: 4, rejectedSpans: 2, message });
    expect(story.drain().left()).toHaveLength(2);
  });
});

describe('spans of SDKs of 2021', () => {
  it.each([
    ['protobuf', oldRequest()],
    ['JSON', decodeJson(Buffer.from(JSON.stringify(oldJson)))],
  ])('leave as scope spans, redacted as others: %s', (_, bytes) => {
    const story = new Story({ ...keepAll, enrich: { redact: defaultRules } });
    // What is redacted is no longer itself.
    vi.spyOn(story.inside, 'take').mockReturnValue(true);
    expect(story.sendBytes(bytes)).toMatchObject({ spans: 1, rejectedSpans: 0 });
    const { requests } = story.drain();
    expect(requests).toHaveLength(1);
    const [{ resource, scopeSpans = [] }] = decodeRequest(requests[0].body).resourceSpans ?? [];
    expect(resource?.attributes?.[0].value?.stringValue).toBe('old');
    expect(scopeSpans).toMatchObject([{ scope: { name: 'io.opentelemetry.2021' }, spans: [{ name: 'checkout' }] }]);
    expect(Buffer.from(requests[0].body).includes('hunter2')).toBe(false);
  });

  it('leave as themselves', () => {
    const story = new Story(keepAll);
    story.sendBytes(oldRequest());
    expect(story.drain().left()).toMatchObject([{ name: 'checkout' }]);
  });

  it('count once where the same spans are there under both numbers', () => {
    const story = new Story(keepAll);
    vi.spyOn(story.inside, 'take').mockReturnValue(true);
    // Two messages of one field are one, their two resources as well, so this is a ResourceSpans with both.
    const [old, both] = [oldRequest(), requestBytes({ trace: 'old', name: 'checkout' })];
    const w = new Writer();
    w.bytes(1, Uint8Array.from([...bodyOf(old), ...bodyOf(both)]));
    expect(story.sendBytes(w.finish())).toMatchObject({ spans: 1, rejectedSpans: 0 });
    expect(story.drain().left()).toHaveLength(1);
    expect(Buffer.from(story.requests[0].body).includes('hunter2')).toBe(false);
  });
});

/** Of a request with one ResourceSpans of less than 16 KiB, what is in that. */
const bodyOf = (request: Uint8Array): Uint8Array => request.subarray(request[1] < 0x80 ? 2 : 3);
