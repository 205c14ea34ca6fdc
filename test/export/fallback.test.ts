import { describe, expect, it } from 'vitest';
import type { Answer, Encoding, Payload, Result } from '../../src/export/answer.ts';
import { Compression } from '../../src/export/compression.ts';
import { createOtlpExporter } from '../../src/export/export.ts';
import { timingOut } from '../../src/export/timeout.ts';
import {
  accepted,
  configOf,
  ExportHandClock,
  FakeClient,
  namesIn,
  refused,
  requestOf,
  settle,
  spansOf,
  unavailable,
  unreadable,
} from './fakes.ts';
import { unpacked } from './servers.ts';

const hour = 3_600_000;

interface Asked {
  readonly payload: Payload;
  /** Of the request's only span. */
  readonly name: string;
  readonly answer: (answer: Answer) => void;
}

/** An exporter whose far end answers by a rule, or, without one, when the story says so: `asked` are those that wait. */
function start(
  rule?: (payload: Payload, attempt: number) => Answer,
  { compression = 'zstd' as Encoding, most = 1 } = {},
) {
  const clock = new ExportHandClock();
  const asked: Asked[] = [];
  const client = new FakeClient(clock, (payload, attempt) => {
    if (rule) return rule(payload, attempt);
    const [name] = namesIn(payload.body);
    return new Promise<Answer>((answer) => asked.push({ payload, name, answer }));
  });
  const errors: string[] = [];
  const onError = (message: string) => errors.push(message);
  const exporter = createOtlpExporter(configOf({ compression }), client, { clock, onError, consumers: most });
  const deliver = async (spans = 1) => {
    exporter.offer(spansOf(spans));
    while (exporter.stats.queuedSpans > 0) {
      await settle();
      if (clock.pendingTimers > 0) await clock.turn(1000);
    }
  };
  /** Lets zlib work until so many wait for an answer. */
  const until = async (waiting: number) => {
    while (asked.length < waiting) await settle();
  };
  const encodings = () => client.sent.map(({ payload }) => payload.encoding);
  return { clock, client, exporter, stats: exporter.stats, asked, errors, deliver, until, encodings };
}

const readsOnly =
  (...read: Encoding[]) =>
  ({ encoding }: Payload): Answer =>
    read.includes(encoding) ? accepted : unreadable;

describe('a destination that does not read zstd', () => {
  it('gets gzip at once, and for an hour; then zstd is tried again', async () => {
    const { clock, stats, deliver, encodings, errors } = start(readsOnly('gzip', 'none'));
    await deliver(3);
    await deliver(3);
    clock.pass(hour);
    await deliver(3);
    expect(encodings()).toEqual(['zstd', 'gzip', 'gzip', 'zstd', 'gzip']);
    expect(stats).toMatchObject({ exportedSpans: 9, retries: 0 });
    const told = 'requests go in gzip for an hour: taken so, but in zstd refused with INTERNAL: Compressed flag set';
    expect(errors).toEqual([told, told]);
  });

  it('nor gzip gets neither: three tries once, and one line in the log', async () => {
    const { stats, deliver, encodings, errors } = start(readsOnly('none'));
    await deliver(3);
    await deliver(3);
    expect(encodings()).toEqual(['zstd', 'gzip', 'none', 'none']);
    expect(stats).toMatchObject({ exportedSpans: 6, retries: 0 });
    expect(errors).toEqual([
      'requests go uncompressed for an hour: taken so, but in zstd refused with INTERNAL: Compressed flag set',
    ]);
  });

  it('gets the same spans in each of them', async () => {
    const { client, deliver } = start(readsOnly('none'));
    await deliver(70);
    for (const { payload } of client.sent) {
      expect(unpacked(Buffer.from(payload.bytes), payload.encoding)).toEqual(Buffer.from(spansOf(70).body));
    }
  });

  it('says so in words that nobody foresaw: believed though gzip was taken, since zstd never was', async () => {
    const { clock, stats, deliver, encodings } = start(({ encoding }) => (encoding === 'gzip' ? accepted : refused));
    await deliver();
    clock.pass(hour);
    await deliver();
    expect(encodings()).toEqual(['zstd', 'gzip', 'zstd', 'gzip']);
    expect(stats.exportedSpans).toBe(2);
  });

  it('is away at the second try: the third begins with gzip, and zstd is not given up for that', async () => {
    const answers = [unreadable, unavailable(), accepted, accepted];
    const { stats, deliver, encodings, errors } = start((_, attempt) => answers[attempt - 1]);
    await deliver();
    await deliver();
    expect(encodings()).toEqual(['zstd', 'gzip', 'gzip', 'zstd']);
    expect(stats).toMatchObject({ exportedSpans: 2, retries: 1 });
    expect(errors).toEqual(['UNAVAILABLE: try later']);
  });
});

describe('a destination that reads zstd', () => {
  it('and refuses a span: it is about the span, and zstd stays', async () => {
    const { stats, deliver, encodings, errors } = start((_, attempt) => (attempt === 2 ? refused : accepted));
    for (let i = 0; i < 3; i++) await deliver();
    expect(encodings()).toEqual(['zstd', 'zstd', 'zstd']);
    expect(stats).toMatchObject({ exportedSpans: 2, failedSpans: { rejected: 1 } });
    expect(errors).toEqual([]);
  });

  it('and refuses the very first request, in whatever encoding: zstd stays', async () => {
    const { stats, deliver, encodings, errors } = start((_, attempt) => (attempt <= 3 ? refused : accepted));
    await deliver();
    await deliver();
    expect(encodings()).toEqual(['zstd', 'gzip', 'none', 'zstd']);
    expect(stats).toMatchObject({ exportedSpans: 1, failedSpans: { rejected: 1 } });
    expect(errors).toEqual([]);
  });

  it('and complains of compression whatever it gets: nothing is given up', async () => {
    const { deliver, encodings, errors } = start((_, attempt) => (attempt % 4 === 1 ? accepted : unreadable));
    await deliver();
    await deliver();
    await deliver();
    expect(encodings()).toEqual(['zstd', 'zstd', 'gzip', 'none', 'zstd']);
    expect(errors).toEqual([]);
  });

  it('is sent gzip where that is configured', async () => {
    const { deliver, encodings } = start(() => ({ ...accepted, reads: ['zstd', 'gzip'] }), { compression: 'gzip' });
    await deliver();
    await deliver();
    expect(encodings()).toEqual(['gzip', 'gzip']);
  });
});

describe('a destination that read zstd, and was replaced by one that does not and says so in no words', () => {
  const replaced = () => {
    let isReplaced = false;
    const story = start(({ encoding }) => (isReplaced && encoding === 'zstd' ? refused : accepted));
    return { ...story, replace: () => (isReplaced = true) };
  };

  it('gets all of a batch in gzip, and what comes after it', async () => {
    const { stats, deliver, encodings, errors, replace } = replaced();
    await deliver(20);
    replace();
    await deliver(20);
    await deliver(20);
    expect(stats).toMatchObject({ exportedSpans: 60, failedSpans: { rejected: 0 }, copiedBytes: 0 });
    expect(encodings().at(-1)).toBe('gzip');
    expect(errors).toEqual([expect.stringMatching(/^requests go in gzip for an hour: .*in zstd refused with INVALID/)]);
  });

  it('loses four spans at most where each comes alone', async () => {
    const { stats, deliver, replace } = replaced();
    await deliver();
    replace();
    for (let i = 0; i < 10; i++) await deliver();
    expect(stats).toMatchObject({ exportedSpans: 7, failedSpans: { rejected: 4 } });
  });
});

it('a destination that took something once, and refuses all since, is asked in other encodings ever more rarely', async () => {
  const { deliver, encodings, errors } = start((_, attempt) => (attempt === 1 ? accepted : refused));
  for (let i = 0; i < 301; i++) await deliver();
  expect(encodings().filter((encoding) => encoding === 'none')).toHaveLength(7);
  expect(encodings().at(-1)).toBe('zstd');
  expect(errors).toEqual([]);
});

describe('a destination that lists what it reads', () => {
  it.each([
    [['zstd', 'gzip'], 'zstd', undefined],
    [['zstd'], 'zstd', undefined],
    [['gzip'], 'gzip', 'requests go in gzip: (grpc-)accept-encoding of the server has no zstd'],
    [[], 'none', 'requests go uncompressed: (grpc-)accept-encoding of the server has no zstd and no gzip'],
  ] as const)('%j: then %s, told once', async (reads, then, told) => {
    const { deliver, encodings, errors } = start(() => ({ ...accepted, reads }));
    for (let i = 0; i < 3; i++) await deliver();
    expect(encodings()).toEqual(['zstd', then, then]);
    expect(errors).toEqual(told ? [told] : []);
  });

  it('with a refusal: the first that is listed is next, and the log says it once', async () => {
    const { deliver, encodings, errors } = start(({ encoding }) => ({
      ...(encoding === 'none' ? accepted : { kind: 'rejected' as const, message: 'UNIMPLEMENTED: no' }),
      reads: [],
    }));
    await deliver();
    await deliver();
    expect(encodings()).toEqual(['zstd', 'none', 'none']);
    expect(errors).toHaveLength(1);
  });
});

describe('several requests under way at once', () => {
  const named = (name: string) => requestOf([{ trace: 1, name }]);
  const names = ['a', 'b', 'c', 'd'];

  it('when the first refusal comes: each arrives once, in what is read, and the log says it once', async () => {
    const { exporter, asked, until, stats, errors } = start(undefined, { most: 4 });
    for (const name of names) exporter.offer(named(name));
    await until(4);
    const arrived: string[] = [];
    // The last one's refusal comes first, and it is through before the others hear of theirs.
    for (const name of names.toReversed()) {
      asked.find((each) => each.name === name)!.answer(unreadable);
      await until(5 + arrived.length);
      const { payload, answer } = asked.at(-1)!;
      expect(payload.encoding).toBe('gzip');
      arrived.push(...namesIn(unpacked(Buffer.from(payload.bytes), 'gzip')));
      answer(accepted);
      await settle();
    }
    expect(asked.slice(0, 4).map(({ payload }) => payload.encoding)).toEqual(['zstd', 'zstd', 'zstd', 'zstd']);
    expect(arrived).toEqual(names.toReversed());
    expect(stats).toMatchObject({ exportedSpans: 4, retries: 0, copiedBytes: 0 });
    expect(errors).toHaveLength(1);
  });

  it('one that waits to be tried again goes no more in what was refused meanwhile', async () => {
    const { exporter, asked, until, clock, client, stats } = start(undefined, { most: 2 });
    exporter.offer(named('waits'));
    exporter.offer(named('goes'));
    await until(2);
    const waits = asked.find(({ name }) => name === 'waits')!;
    const goes = asked.find(({ name }) => name === 'goes')!;
    waits.answer(unavailable());
    goes.answer(unreadable);
    await until(3);
    asked[2].answer(accepted);
    await clock.turn(2000);
    await until(4);
    const { payload } = asked[3];
    expect(payload.encoding).toBe('gzip');
    expect(namesIn(unpacked(Buffer.from(payload.bytes), 'gzip'))).toEqual(['waits']);
    asked[3].answer(accepted);
    await settle();
    expect(client.sent).toHaveLength(4);
    expect(stats).toMatchObject({ exportedSpans: 2, retries: 1, copiedBytes: 0 });
  });

  it('an acceptance that was under way proves nothing any more of what was given up', async () => {
    const { exporter, asked, until, clock, stats } = start(undefined, { most: 2 });
    exporter.offer(named('late'));
    exporter.offer(named('first'));
    await until(2);
    const late = asked.find(({ name }) => name === 'late')!;
    asked.find(({ name }) => name === 'first')!.answer(unreadable);
    await until(3);
    asked[2].answer(accepted);
    await settle();
    late.answer(accepted);
    await settle();
    clock.pass(hour);
    exporter.offer(named('later'));
    await until(4);
    asked[3].answer(refused);
    await until(5);
    expect(asked.slice(3).map(({ payload }) => payload.encoding)).toEqual(['zstd', 'gzip']);
    asked[4].answer(accepted);
    await settle();
    expect(stats.exportedSpans).toBe(3);
  });
});

it('an end that comes while a request is compressed anew is kept to', async () => {
  const stop = new AbortController();
  const sent: Encoding[] = [];
  const clock = new ExportHandClock();
  const client = async ({ encoding }: Readonly<Payload>) => {
    sent.push(encoding);
    return unreadable;
  };
  const givesWay = (bytes: number) => bytes < 0 && stop.abort();
  const compression = new Compression('zstd', clock, () => {}, givesWay);
  const attempt = compression.negotiating(timingOut(client, 10_000, clock, () => {}));
  const deliver = compression.compressing((payload) => attempt(payload, stop.signal) as Promise<Result>);
  expect(await deliver({ ...spansOf(5), sinceMs: 0 })).toMatchObject({ message: 'stopped before an answer came' });
  expect(sent).toEqual(['zstd']);
});

it('one compressed copy of a request is held at a time, and accounted for', async () => {
  const held: (number | undefined)[] = [];
  const sizes: number[] = [];
  const story = start(({ bytes, encoding }) => {
    held.push(story.stats.copiedBytes);
    sizes.push(bytes.length);
    return readsOnly('none')({ encoding } as Payload);
  });
  await story.deliver(500);
  const [zstd, gzip] = sizes;
  // What goes without is the request itself; the copy in gzip waits for a next try.
  expect(held).toEqual([zstd, gzip, gzip]);
  expect(story.stats.copiedBytes).toBe(0);
});
