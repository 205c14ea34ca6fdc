import { describe, expect, it } from 'vitest';
import type { Answer, Encoding, Payload } from '../../src/export/answer.ts';
import { createOtlpExporter } from '../../src/export/export.ts';
import {
  accepted,
  configOf,
  ExportHandClock,
  FakeClient,
  refused,
  settle,
  spansOf,
  unavailable,
  unreadable,
} from './fakes.ts';

const hour = 3_600_000;

function start(answers: (payload: Payload, attempt: number) => Answer, compression: Encoding = 'gzip') {
  const clock = new ExportHandClock();
  const client = new FakeClient(clock, answers);
  const errors: string[] = [];
  const onError = (message: string) => errors.push(message);
  const exporter = createOtlpExporter(configOf({ compression }), client, { clock, onError, consumers: 1 });
  const deliver = async (spans = 1) => {
    exporter.offer(spansOf(spans));
    while (exporter.stats.queuedSpans > 0) {
      // zlib works in threads of its own, in its own time: the clock stands still meanwhile.
      await settle();
      if (clock.pendingTimers > 0) await clock.turn(1000);
    }
  };
  const encodings = () => client.sent.map(({ payload }) => payload.encoding);
  return { clock, client, stats: exporter.stats, errors, deliver, encodings };
}

const plainOnly = ({ encoding }: Payload) => (encoding === 'none' ? accepted : unreadable);

describe('a destination that cannot read what is compressed', () => {
  it('gets it once more without, and what follows too, for an hour', async () => {
    const { stats, clock, deliver, encodings, errors } = start(plainOnly);
    await deliver(3);
    await deliver(3);
    expect(encodings()).toEqual(['gzip', 'none', 'none']);
    expect(stats).toMatchObject({ exportedSpans: 6, retries: 0 });
    expect(errors).toEqual([
      'requests go uncompressed for an hour: taken so, but in gzip refused with INTERNAL: Compressed flag set',
    ]);
    clock.pass(hour);
    await deliver(3);
    expect(encodings()).toEqual(['gzip', 'none', 'none', 'gzip', 'none']);
    expect(stats.exportedSpans).toBe(9);
  });

  it('gets the very bytes', async () => {
    const { client, deliver } = start(plainOnly);
    await deliver(7);
    expect(client.sent[1].payload.bytes).toEqual(spansOf(7).body);
  });

  it('says so in words that nobody foresaw: believed while nothing compressed was ever taken', async () => {
    const { stats, deliver, encodings } = start(({ encoding }) => (encoding === 'none' ? accepted : refused));
    await deliver(3);
    expect(encodings()).toEqual(['gzip', 'none']);
    expect(stats).toMatchObject({ exportedSpans: 3 });
  });

  it('has always read it: then a refusal is about the spans', async () => {
    const { stats, deliver, encodings } = start((_, attempt) => (attempt === 1 ? accepted : refused));
    await deliver();
    await deliver();
    expect(encodings()).toEqual(['gzip', 'gzip']);
    expect(stats).toMatchObject({ exportedSpans: 1, failedSpans: { rejected: 1 } });
  });

  it('refuses it without as well: then it is about the spans, and compression stays', async () => {
    const { stats, deliver, encodings } = start(() => unreadable);
    await deliver();
    await deliver();
    expect(encodings()).toEqual(['gzip', 'none', 'gzip', 'none']);
    expect(stats.failedSpans.rejected).toBe(2);
  });

  it('is away at the second try: the next begins compressed again', async () => {
    const answers = [unreadable, unavailable(), unreadable, accepted];
    const { stats, deliver, encodings } = start((_, attempt) => answers[attempt - 1]);
    await deliver();
    expect(encodings()).toEqual(['gzip', 'none', 'gzip', 'none']);
    expect(stats).toMatchObject({ exportedSpans: 1, retries: 1 });
  });
});

describe('a destination that says what it reads', () => {
  it('without gzip among it: nothing is compressed until it says otherwise', async () => {
    const { deliver, encodings, errors } = start((_, attempt) => ({
      ...accepted,
      reads: attempt === 3 ? ['gzip'] : [],
    }));
    for (let i = 0; i < 5; i++) await deliver();
    expect(encodings()).toEqual(['gzip', 'none', 'none', 'gzip', 'none']);
    expect(new Set(errors)).toEqual(
      new Set(['requests go uncompressed: (grpc-)accept-encoding of the server has no gzip']),
    );
  });

  it.each(['refused', 'rejected'] as const)('in a final answer (%s): it is sent without at once', async (kind) => {
    const { deliver, encodings, stats } = start(({ encoding }) =>
      encoding === 'none' ? accepted : { kind, message: 'UNIMPLEMENTED: no', reads: [] },
    );
    await deliver();
    expect(encodings()).toEqual(['gzip', 'none']);
    expect(stats.exportedSpans).toBe(1);
  });

  it('with an answer that asks to come again: the next try is without already', async () => {
    const { deliver, encodings } = start((_, attempt) => (attempt === 1 ? { ...unavailable(), reads: [] } : accepted));
    await deliver();
    expect(encodings()).toEqual(['gzip', 'none']);
  });

  it('is not sent gzip because it could read it', async () => {
    const { deliver, encodings } = start(() => ({ ...accepted, reads: ['gzip', 'zstd'] }), 'none');
    await deliver();
    await deliver();
    expect(encodings()).toEqual(['none', 'none']);
  });
});
