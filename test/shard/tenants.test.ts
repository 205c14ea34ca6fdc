import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Enricher } from '../../src/enrich/enrich.ts';
import { Refusal } from '../../src/errors.ts';
import type { Intake } from '../../src/model/intake.ts';
import type { Tenants } from '../../src/model/tenant.ts';
import { intakeFinder } from '../../src/receive/tenants/intakes.ts';
import { InTurn } from '../../src/threads/in-turn.ts';
import { Multiset, spanIdentities } from '../support/identity.ts';
import { requestBytes, type Told } from '../support/spans.ts';
import { Story } from '../support/story.ts';

/**
 * Two tenants of one gateway: a pipeline each in every shard, chosen by the header as the receivers choose it, and one
 * enricher, as the tenants of a shard have it. They use the same trace ids and the same span ids; what a story keeps
 * inside is compared by id and content with what leaves it, so that a span which crossed is foreign there.
 */
const names = ['a', 'b'] as const;
type Name = (typeof names)[number];
const tenants: Tenants = {
  header: 'x-scope-orgid',
  each: names.map((name) => ({ name, share: 1, maxBytesPerSecond: 0 })),
};

type Step =
  | { kind: 'send'; to: Name; spans: Told[] }
  | { kind: 'both'; spans: Told[] }
  | { kind: 'wait'; ms: number }
  | { kind: 'rules'; percent: number }
  | { kind: 'flood'; to: Name }
  | { kind: 'explain'; trace: string };

const trace = fc.integer({ min: 0, max: 12 }).map((n) => `trace-${n}`);
const told: fc.Arbitrary<Told> = fc.record({
  trace,
  id: fc.constantFrom('a', 'b', 'c', 'd'),
  service: fc.constantFrom('x', 'y'),
  status: fc.constantFrom('UNSET' as const, 'ERROR' as const),
  padding: fc.integer({ min: 0, max: 9_000 }),
});
const spans = fc.array(told, { minLength: 1, maxLength: 10 });
const to = fc.constantFrom(...names);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('send' as const), to, spans }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('both' as const), spans }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.integer({ min: 0, max: 6_000 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('rules' as const), percent: fc.constantFrom(0, 50, 100) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('flood' as const), to }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('explain' as const), trace }) },
);

const rulesOf = (percent: number) => ({ baseline_percent: percent, error_status_codes: ['ERROR' as const] });

class TwoTenants {
  readonly stories: Record<Name, Story>;
  readonly sent: Record<Name, Multiset> = { a: new Multiset(), b: new Multiset() };
  readonly #enricher = new Enricher({ resource: {}, set: {}, redact: [] });
  readonly #seen: Record<Name, Set<string>> = { a: new Set(), b: new Set() };

  constructor(keepsAll: boolean, shards: number) {
    const open = () =>
      new Story({
        shards,
        enricher: this.#enricher,
        rules: keepsAll ? { debug: true } : rulesOf(50),
        buffer: { maxBytes: 2 << 20, decisionWaitAfterRootMs: 500, rememberedDecisions: 200 },
        batch: { maxSpans: 9, maxBytes: 20_000, maxAgeMs: 300 },
        workPerStep: 300,
      });
    this.stories = { a: open(), b: open() };
  }

  /** By the way that the header chooses. */
  send(name: Name, told: readonly Told[]): void {
    // Content that says whose it is, but for the service `y`: those spans are the same, byte for byte, for both.
    const own = told.map((it) => (it.service === 'y' ? it : { ...it, service: `${name}-${it.service}` }));
    const bytes = requestBytes(...own);
    const chosen: string[] = [];
    const intakes = names.map((each) => ({ refuses: () => void chosen.push(each) }) as unknown as Intake);
    const intake = intakeFinder(tenants, intakes)(name);
    if (intake instanceof Refusal) throw new Error(intake.message);
    intake.refuses(0);
    expect(chosen).toEqual([name]);
    if (this.stories[name].sendBytes(bytes) instanceof Refusal) return;
    for (const identity of spanIdentities(bytes)) this.sent[name].add(identity);
    for (const { trace } of told) this.#seen[name].add(trace);
  }

  take(it: Step): void {
    const all = Object.values(this.stories);
    if (it.kind === 'send') this.send(it.to, it.spans);
    else if (it.kind === 'both') for (const name of names) this.send(name, it.spans);
    else if (it.kind === 'wait') for (const story of all) story.after(it.ms);
    else if (it.kind === 'rules') for (const story of all) story.swap(rulesOf(it.percent));
    else if (it.kind === 'flood') this.#flood(it.to);
    else this.#explain(it.trace);
  }

  /** Until its buffer has been full, whatever becomes of its requests. */
  #flood(name: Name): void {
    for (let n = 0; n < 30; n++) this.send(name, [{ trace: `flood-${n}`, id: 'a', padding: 90_000 }]);
  }

  /** Who never sent the trace is told nothing of it, whatever the other has sent. */
  #explain(trace: string): void {
    for (const name of names)
      if (!this.#seen[name].has(trace)) expect(this.stories[name].explain(trace)).toBe(undefined);
  }

  left(name: Name): string[] {
    return this.stories[name].requests.flatMap(({ body }) => spanIdentities(body));
  }
}

function keepApart(seed: number, shards: number): void {
  fc.assert(
    fc.property(fc.boolean(), fc.array(step, { minLength: 8, maxLength: 40 }), (keepsAll, steps) => {
      const both = new TwoTenants(keepsAll, shards);
      for (const it of steps) if (!(keepsAll && it.kind === 'rules')) both.take(it);
      for (const name of names) {
        const story = both.stories[name].drain();
        story.after(1);
        const left = both.left(name);
        // That nothing left which had not come there is the story's own to say; here, that nothing is missing.
        expect([story.foreign, story.waiting, story.spans('lost')]).toEqual([[], 0, 0]);
        expect(left.length + story.spans('dropped') + story.spans('late_dropped')).toBe(both.sent[name].size);
        if (!keepsAll) continue;
        for (const identity of left) both.sent[name].take(identity);
        expect(both.sent[name].keys(), `of ${name}, acknowledged and never left`).toEqual([]);
      }
    }),
    { numRuns: Number(process.env.STORIES ?? 15), seed },
  );
}

describe.each([1, 2])('two tenants with the same ids, in %d shards', (shards) => {
  it('never meet, in random stories', () => keepApart(7, shards));

  it('nor from a seed never tried before', () => {
    const seed = Math.floor(Math.random() * 2 ** 31);
    console.log(`tenants: fresh seed ${seed}`);
    keepApart(seed, shards);
  });

  it('one is refused for want of room while the other has all of its own', () => {
    const full = { maxBytes: 4 << 20, onFull: 'refuse' as const };
    const [a, b] = names.map(() => new Story({ shards, rules: { debug: true }, buffer: full }));
    let refused = 0;
    for (let n = 0; n < 120; n++) {
      if (a.trySend({ trace: `${n}`, id: 'a', padding: 60_000 }) instanceof Refusal) refused++;
      if (n < 5) b.send({ trace: `${n}`, id: 'a', padding: 60_000 });
    }
    expect(refused).toBeGreaterThan(10);
    b.drain();
    expect(b.left()).toHaveLength(5);
  });
});

describe('parts in turn', () => {
  it('have a turn each, however much one of them has to do', () => {
    const served: string[] = [];
    const left = new Map([
      ['busy', 1000],
      ['quiet', 1],
      ['idle', 0],
    ]);
    const turns = new InTurn([...left.keys()]);
    const work = (part: string): boolean => {
      served.push(part);
      left.set(part, Math.max(0, left.get(part)! - 1));
      return left.get(part)! > 0;
    };
    for (let n = 0; n < 30; n++) turns.serve(work);
    expect(served.filter((part) => part === 'quiet')).toHaveLength(10);
    let calls = 0;
    while (turns.serve(work)) calls++;
    expect(left.get('busy')).toBe(0);
    expect(calls).toBeLessThan(3000);
  });

  it('of one are served as if there were none beside it', () => {
    const answers = [true, true, false, true, false];
    const turns = new InTurn(['one']);
    expect(answers.map((more) => turns.serve(() => more))).toEqual(answers);
  });

  it('are all asked before nothing is left to do', () => {
    const asked: string[] = [];
    const turns = new InTurn(['a', 'b', 'c']);
    const work = (part: string): boolean => asked.push(part) < 0;
    expect([turns.serve(work), turns.serve(work), turns.serve(work)]).toEqual([true, true, false]);
    expect(asked).toEqual(['a', 'b', 'c']);
  });
});
