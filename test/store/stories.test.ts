import fc from 'fast-check';
import { expect, it } from 'vitest';
import { idOf, type Told, traceIdHex } from '../support/spans.ts';
import { type FoundTrace, hour, start, temporaryDirectory } from './fixture.ts';
import { opened } from './open-parts.ts';

/** What a request has of one trace: how many spans, and how they are. */
const piece = fc.record({
  trace: fc.nat(40),
  spans: fc.oneof({ weight: 12, arbitrary: fc.constantFrom(1, 1, 3) }, fc.constant(1100)),
  /**
   * Of most within a few seconds; of some so far away that no block lists them with the others. None at a second: rows
   * may have a millisecond less, and a window ends at a second.
   */
  offMs: fc
    .oneof(
      { weight: 8, arbitrary: fc.nat(5000) },
      fc.constantFrom(-40 * hour, -70_000, 70_000, 900 * hour, 4_000_000 * hour),
    )
    .map((ms) => ms - (ms % 10) + 5),
  durationMs: fc.constantFrom(1, 1, 2000, 100_000),
  size: fc.constantFrom('usual', 'usual', 'usual', 'many attributes', 'large'),
});
const request = fc.array(piece, { minLength: 1, maxLength: 12 });
const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('store' as const), request }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('again' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('fail' as const), request }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('restart' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('wait' as const), hours: fc.integer({ min: 1, max: 20 }) }) },
);
type Piece = typeof piece extends fc.Arbitrary<infer T> ? T : never;
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

const manyAttributes = Object.fromEntries(Array.from({ length: 900 }, (_, i) => [`n${i}`, i]));
/** A span whose attribute does not end where it says. */
const malformed: Told = { trace: 'malformed', unknown: Uint8Array.from([0x4a, 0x02, 0x0a, 0x05]) };

interface Expected {
  storedMs: number;
  startMs: number;
  endMs: number;
  readonly spans: Set<string>;
}

/** A store and what it should have. */
class Story {
  readonly #directory: string;
  /** As so many processes have it open, which have their turns. */
  readonly #opened: ReturnType<typeof opened>[];
  #turn = 0;
  #now = start;
  #spans = 0;
  #last: Told[] = [];
  readonly expected = new Map<string, Expected>();

  constructor(directory: string, processes: number) {
    this.#directory = directory;
    this.#opened = Array.from({ length: processes }, () => opened(directory));
  }

  get #store(): ReturnType<typeof opened> {
    return this.#opened[this.#turn++ % this.#opened.length];
  }

  #tell(pieces: readonly Piece[]): Told[] {
    return pieces.flatMap(({ trace, spans, offMs, durationMs, size }) =>
      Array.from({ length: spans }, () => ({
        trace: `t${trace}`,
        id: `${this.#spans++}`,
        name: `t${trace}`,
        startMs: this.#now + offMs,
        durationMs,
        attributes: size === 'many attributes' && spans < 10 ? manyAttributes : { of: `t${trace}` },
        ...(size === 'large' && spans === 1 && { noise: 200_000 }),
      })),
    );
  }

  tell(step: Step): void {
    if (step.do === 'store') this.store(step.request);
    else if (step.do === 'fail') this.fail(step.request);
    else if (step.do === 'wait') this.wait(step.hours);
    else this[step.do]();
  }

  store(pieces: readonly Piece[]): void {
    this.#last = this.#tell(pieces);
    this.again();
  }

  /** A sender that got no answer sends again. */
  again(): void {
    if (this.#last.length > 0) this.#store.keep(this.#now, ...this.#last);
    for (const { trace, id, startMs = 0, durationMs = 0 } of this.#last) {
      const known = this.expected.get(trace) ?? { storedMs: this.#now, startMs, endMs: 0, spans: new Set() };
      known.startMs = Math.min(known.startMs, startMs);
      known.endMs = Math.max(known.endMs, startMs + durationMs);
      known.spans.add(id!);
      this.expected.set(trace, known);
    }
  }

  fail(pieces: readonly Piece[]): void {
    expect(() => this.#store.keep(this.#now, ...this.#tell(pieces), malformed)).toThrow();
  }

  restart(): void {
    const [first] = this.#opened.splice(0, 1, opened(this.#directory));
    first.close();
  }

  wait(hours: number): void {
    this.#now += hours * hour;
    this.#store.retain(this.#now);
    for (const [trace, { storedMs }] of this.expected)
      if (storedMs < this.#now - 24 * hour) this.expected.delete(trace);
  }

  async check(): Promise<void> {
    expect(this.#store.retention.stats().traces).toBe(this.expected.size);
    for (let i = 0; i <= 40; i++) await this.#checkTrace(`t${i}`);
    for (const [fromMs, toMs] of [
      [start - 10_000 * hour, start + 10_000 * hour],
      [this.#now, this.#now + 2000],
      [this.#now + 60_000, this.#now + 80_000],
    ])
      await this.#checkSearch(fromMs, toMs);
    const [some] = this.expected.keys();
    if (some !== undefined)
      expect(await this.#store.found(`{ span.of = "${some}" || span.n899 = 899 }`)).toContain(some);
  }

  async #checkTrace(trace: string): Promise<void> {
    const { status, body } = await this.#store.ask(`/api/traces/${traceIdHex(trace)}`);
    const spans = this.expected.get(trace)?.spans;
    expect([trace, status]).toEqual([trace, spans === undefined ? 404 : 200]);
    if (spans === undefined) return;
    const ids = [...body.matchAll(/"spanId":"([^"]*)"/g)].map(([, id]) => id);
    const wanted = [...spans].map((id) => Buffer.from(idOf(id, 8)).toString('base64'));
    expect([trace, ids.sort()]).toEqual([trace, wanted.sort()]);
  }

  async #checkSearch(fromMs: number, toMs: number): Promise<void> {
    const query = new URLSearchParams({
      q: '{}',
      limit: '1000',
      start: String(fromMs / 1000),
      end: String(toMs / 1000),
    });
    const { traces } = JSON.parse((await this.#store.ask('/api/search', query.toString())).body) as {
      traces: FoundTrace[];
    };
    const inside = [...this.expected].filter(([, { startMs, endMs }]) => startMs <= toMs && endMs >= fromMs);
    expect(traces.map(({ traceID }) => traceID.padStart(32, '0')).sort()).toEqual(
      inside.map(([trace]) => traceIdHex(trace)).sort(),
    );
    // Rows have starts in milliseconds, which may be one less.
    const starts = traces.map(({ startTimeUnixNano }) => Number(startTimeUnixNano) / 1e6);
    for (const [i, startMs] of starts.slice(1).entries()) expect(startMs).toBeLessThan(starts[i] + 1.1);
  }

  close(): void {
    for (const store of this.#opened) store.close();
  }
}

const runs = Number(process.env.STORIES ?? 20);
const timeout = 120_000 * Math.max(1, runs / 20);

it.each([1, 2])(
  'whatever comes to %i processes, every trace has all of its spans and is found, until it is too old',
  { timeout },
  async (processes) => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 14 }), async (steps) => {
        using home = temporaryDirectory();
        const story = new Story(home.path, processes);
        try {
          for (const each of steps) story.tell(each);
          await story.check();
        } finally {
          story.close();
        }
      }),
      { numRuns: runs },
    );
  },
);
