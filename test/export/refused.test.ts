import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Answer, Payload } from '../../src/export/answer.ts';
import { createOtlpExporter } from '../../src/export/export.ts';
import type { ExportFailure, ExportRequest } from '../../src/model/export-request.ts';
import {
  accepted,
  configOf,
  ExportHandClock,
  FakeClient,
  failedIn,
  namesIn,
  refused,
  requestOf,
  requestOfServices,
  sumOf,
  tooLarge,
  unavailable,
} from './fakes.ts';

/** A far end that judges by the names of the spans; what it took, in order. */
function start(judge: (names: string[], attempt: number) => Answer, overrides: Parameters<typeof configOf>[0] = {}) {
  const clock = new ExportHandClock();
  const arrived: string[] = [];
  const failures: ExportFailure[] = [];
  const client = new FakeClient(clock, ({ body }: Payload, attempt) => {
    const names = namesIn(body);
    const answer = judge(names, attempt);
    if (answer.kind === 'accepted') arrived.push(...names);
    return answer;
  });
  const onFailure = (failure: ExportFailure) => failures.push(failure);
  const config = configOf({ maxBytes: 1 << 26, ...overrides });
  const exporter = createOtlpExporter(config, client, { clock, consumers: 1, onFailure });
  const deliver = async (request: ExportRequest, ms = 0) => {
    exporter.offer(request);
    for (let i = 0; i < 2000 && exporter.stats.queuedSpans > 0; i++) await clock.turn(ms);
    expect(exporter.stats.queuedSpans).toBe(0);
  };
  return { clock, client, exporter, stats: exporter.stats, arrived, failures, deliver };
}

const isBad = (name: string) => name.startsWith('bad');
const refusesBad = (names: string[]) => (names.some(isBad) ? refused : accepted);
const good = (count: number) => Array.from({ length: count }, (_, i) => `good ${i}`);
const one = (names: readonly string[]) => requestOf(names.map((name, i) => ({ trace: i % 250, name })));

describe('a request in which something is refused for good', () => {
  it('goes in halves down to the span at fault, whose service is named; all others arrive, each once', async () => {
    const { stats, arrived, failures, deliver } = start(refusesBad);
    const request = requestOfServices({ cart: good(40), checkout: ['ok a', 'bad', 'ok b'], mail: good(7) });
    await deliver(request);
    expect(arrived.toSorted()).toEqual(
      namesIn(request.body)
        .filter((name) => !isBad(name))
        .toSorted(),
    );
    expect(failures).toEqual([{ reason: 'rejected', spans: 1, message: refused.message, services: ['checkout'] }]);
    expect(stats).toMatchObject({ exportedSpans: 49, failedSpans: { rejected: 1 }, queuedBytes: 0 });
    expect(stats.lastError).toBe(`${refused.message} (checkout)`);
  });

  it('costs two tries a halving: one span of 4096 is found in 25', async () => {
    const { stats, client, deliver } = start(refusesBad);
    await deliver(one([...good(3000), 'bad', ...good(1095)]));
    expect(stats).toMatchObject({ exportedSpans: 4095, failedSpans: { rejected: 1 } });
    expect(client.sent.length).toBeLessThanOrEqual(1 + 2 * 13);
  });

  it('loses no more than the spans at fault, wherever they are, while tries last', async () => {
    const names = fc.array(fc.constantFrom('good', 'good', 'good', 'bad'), { minLength: 1, maxLength: 60 });
    const holds = async (kinds: string[]) => {
      const { stats, arrived, deliver } = start(refusesBad);
      // Something was taken before, so that it counts as a destination that takes something.
      await deliver(one(['first']));
      const all = kinds.map((kind, i) => `${kind} ${i}`);
      await deliver(one(all));
      expect(arrived.toSorted()).toEqual(['first', ...all.filter((name) => !isBad(name))].toSorted());
      expect(stats.failedSpans.rejected).toBe(all.filter(isBad).length);
    };
    await fc.assert(fc.asyncProperty(names, holds), { numRuns: 100 });
  });

  it('finds 20 spans at fault among 8192', async () => {
    const { stats, deliver } = start(refusesBad);
    await deliver(one(['first']));
    await deliver(one(Array.from({ length: 8192 }, (_, i) => (i % 400 === 13 && i < 8000 ? `bad ${i}` : `good ${i}`))));
    expect(stats).toMatchObject({ exportedSpans: 1 + 8172, failedSpans: { rejected: 20 } });
  }, 30_000);

  it('is given up after 513 tries, whatever is refused', async () => {
    const { stats, client, deliver } = start((names) => (names[0] === 'first' ? accepted : refused));
    await deliver(one(['first']));
    await deliver(one(good(2000)));
    expect(client.sent.length - 1).toBe(513);
    expect(stats).toMatchObject({ exportedSpans: 1, failedSpans: { rejected: 2000 } });
  });

  it('after 33 where the destination has taken nothing since one was refused whole', async () => {
    const { client, deliver, failures } = start(() => refused);
    await deliver(one(good(2000)));
    expect(client.sent.length).toBe(33);
    await deliver(one(good(2000)));
    expect(client.sent.length).toBe(66);
    expect(failures.reduce((sum, { spans }) => sum + spans, 0)).toBe(4000);
  });

  it('still loses one span only, after one that was refused whole', async () => {
    const { stats, deliver } = start(refusesBad);
    await deliver(one(Array.from({ length: 100 }, (_, i) => `bad ${i}`)));
    await deliver(one([...good(2000), 'bad', ...good(2000)]));
    expect(stats).toMatchObject({ exportedSpans: 4000, failedSpans: { rejected: 101 } });
  });

  it('may be too large besides, and the destination away in between', async () => {
    const { stats, arrived, deliver } = start((names, attempt) => {
      if (attempt % 3 === 0) return unavailable();
      return names.length > 6 ? tooLarge : refusesBad(names);
    });
    await deliver(one([...good(20), 'bad']), 60_000);
    expect(arrived.toSorted()).toEqual(good(20).toSorted());
    expect(failedIn(stats)).toBe(1);
    expect(sumOf(stats)).toBe(21);
  });

  it('has one time for all its pieces: none begins a new one when the destination goes away', async () => {
    const { stats, client, deliver } = start((_, attempt) => (attempt === 1 ? refused : unavailable()), {
      giveUpAfterMs: 60_000,
    });
    await deliver(one(good(8)), 60_000);
    expect(stats.failedSpans.expired).toBe(8);
    expect(client.sent.at(-1)!.at - client.sent[0].at).toBeLessThanOrEqual(60_000);
  });

  it('is not sent in pieces where the destination takes nothing of the kind', async () => {
    const { client, deliver } = start(() => ({ kind: 'rejected', message: 'PERMISSION_DENIED: no' }));
    await deliver(one(good(8)));
    expect(client.sent).toHaveLength(1);
  });
});

it('a part that was not taken is told with its services and the reason', async () => {
  const answer: Answer = { kind: 'accepted', rejectedSpans: 2, message: 'too old' };
  const { failures, deliver } = start(() => answer);
  await deliver(requestOfServices({ cart: good(2), mail: good(3) }));
  const message = '2 of 5 spans rejected: too old';
  expect(failures).toEqual([{ reason: 'partial', spans: 2, message, services: ['cart', 'mail'] }]);
});
