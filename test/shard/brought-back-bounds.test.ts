import { expect, it } from 'vitest';
import { noConditions } from '../../src/decide/conditions.ts';
import type { PolicyDocument } from '../../src/model/rules.ts';
import { wordsOf } from '../../src/model/trace-id.ts';
import { messageOf } from '../../src/receive/message.ts';
import { pastTraces } from '../../src/shard/past-trace.ts';
import { Writer } from '../../src/wire/writer.ts';
import { requestBytes, spanBytes, traceIdHex } from '../support/spans.ts';
import { compiled, readerOf, Story } from '../support/story.ts';

const window = { maxBytes: 64 << 20, maxAgeMs: 3_600_000 };

it('a late span that is sent again and again keeps no other trace from being rescued', async () => {
  const story = new Story({ shards: 1, rules: { late: { rescue: true } }, window });
  const [pipeline] = story.shards;
  story.send({ trace: 'a', id: 'r' });
  story.after(10_000);
  story.send({ trace: 'a', id: 'e', parent: 'r', status: 'ERROR' });
  await story.brought();
  const again = requestBytes(
    ...Array.from({ length: 1000 }, () => ({ trace: 'a', id: 'e', parent: 'r', status: 'ERROR' as const })),
  );
  // The story's books know a span once.
  for (let n = 0; n < 67; n++) {
    pipeline.accept(messageOf([again]), 'grpc');
    story.foreign.length = 0;
    story.clock.pass(1);
    pipeline.tick(1000);
  }
  story.foreign.length = 0;
  story.send({ trace: 'b', id: 'r' }, { trace: 'b', id: 'c', parent: 'r' });
  story.after(10_000);
  story.send({ trace: 'b', id: 'e', parent: 'r', status: 'ERROR' });
  await story.brought();
  expect(story.leftOf('b')).toHaveLength(3);
});

it('a client and its server with one span id are two spans', async () => {
  const story = new Story({ shards: 1, rules: { late: { rescue: true } }, window });
  story.send({ trace: 'a', id: 'shared', kind: 2 });
  story.after(10_000);
  story.send({ trace: 'a', id: 'shared', kind: 3, status: 'ERROR' });
  await story.brought();
  expect(story.leftOf('a').map(({ kind }) => kind)).toEqual(expect.arrayContaining([2, 3]));
});

it('a message of many small spans is found though the rules ask for much by now', async () => {
  const buffer = { maxBytes: 512 << 20, maxTraceBytes: 512 << 20 };
  const story = new Story({ shards: 1, rules: {}, window, buffer });
  const [scopeSpans, resourceSpans, request] = [new Writer(1 << 20), new Writer(1 << 20), new Writer(1 << 20)];
  const span = spanBytes({ trace: 't', id: 's', name: '' });
  for (let n = 0; n < 200_000; n++) scopeSpans.bytes(2, span);
  resourceSpans.bytes(2, scopeSpans.finish());
  request.bytes(1, resourceSpans.finish());
  const [pipeline] = story.shards;
  expect(pipeline.accept(messageOf([request.finish()]), 'grpc')).toMatchObject({ spans: 200_000 });
  pipeline.accept(messageOf([requestBytes({ trace: 'u', id: 'x' })]), 'grpc');
  const many = Array.from(
    { length: 120 },
    (_, i): PolicyDocument => ({
      name: `p${i}`,
      type: 'ottl_condition',
      ottl_condition: { span: Array.from({ length: 15 }, (_, n) => `attributes["k${i}"] == "${n}"`) },
    }),
  );
  pipeline.swap(compiled({ policies: many }), 'r2');
  const pace = { isOver: false, next: async () => {} };
  const asked = { conditions: noConditions, write: story.enricher, pace };
  const [found] = await pastTraces(readerOf(pipeline.shard), [wordsOf(traceIdHex('u'))], asked);
  expect(found.spans).toBe(1);
});
