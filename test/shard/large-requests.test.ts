import { describe, expect, it } from 'vitest';
import { Refusal } from '../../src/errors.ts';
import type { Receipt } from '../../src/model/intake.ts';
import { messageOf } from '../../src/receive/message.ts';
import { spanIdentities } from '../support/identity.ts';
import { requestBytes } from '../support/spans.ts';
import { Story } from '../support/story.ts';

const rules = { debug: true };

/** A request that is taken step by step, by a shard that has other things to do in between. */
class Large {
  answer: Receipt | Refusal | undefined = undefined;
  steps = 0;
  isGone = false;
  readonly #story: Story;
  readonly #identities: readonly string[];
  readonly #work: Generator<undefined, Receipt | Refusal>;

  constructor(story: Story, bytes: Uint8Array, identities = spanIdentities(bytes)) {
    this.#story = story;
    this.#identities = identities;
    this.#work = story.next.acceptInSteps(messageOf([bytes]), 'grpc', () => this.isGone);
  }

  /** Up to `most` steps; true when it is over. The books balance after each. */
  go(most = Number.POSITIVE_INFINITY): boolean {
    if (this.steps === 0) for (const identity of this.#identities) this.#story.inside.add(identity);
    for (let n = 0; n < most && this.answer === undefined; n++, this.steps++) {
      const step = this.#work.next();
      if (step.done === true) this.answer = step.value;
      if (this.answer instanceof Refusal) for (const identity of this.#identities) this.#story.inside.take(identity);
      this.#story.after(0);
    }
    return this.answer !== undefined;
  }
}

/** Three thousand spans, in a thousand traces. */
const many = (name: string, padding = 100): Uint8Array =>
  requestBytes(
    ...Array.from({ length: 3000 }, (_, i) => ({ trace: `${name}-${i % 1000}`, id: `${name}-${i}`, padding })),
  );

describe.each([1, 2])('a large request, to %i shards', (shards) => {
  it('is taken in steps, while others come, are decided and leave', () => {
    const story = new Story({ rules, shards });
    const large = new Large(story, many('large'));
    expect(large.go(3)).toBe(false);
    for (let n = 0; !large.go(1); n++) {
      story.send({ trace: `small-${n}` }, { trace: `large-${n}` });
      story.after(2_000);
    }
    expect(large.answer).toMatchObject({ spans: 3000, rejectedSpans: 0 });
    expect(large.steps).toBeGreaterThan(6);
    // What was lent comes back a turn later.
    story.after(60_000).after(1);
    expect(new Set(story.left().map(({ traceId }) => traceId)).size).toBe(1000 + large.steps - 4);
    expect([story.waiting, story.bufferBytes, story.foreign]).toEqual([0, 0, []]);
  });

  it('of which something is broken is refused whole, at its end, and leaves nothing behind', () => {
    const story = new Story({ rules, shards });
    const broken = Uint8Array.from([...many('broken'), 0x0a, 0x7f]);
    const large = new Large(story, broken, []);
    expect(large.go(2)).toBe(false);
    story.send({ trace: 'innocent' });
    large.go();
    expect(large.answer).toMatchObject({ reason: 'malformed' });
    expect([story.received, story.waiting]).toEqual([1, 1]);
    story.after(60_000);
    expect([story.left().length, story.bufferBytes]).toEqual([1, 0]);
  });

  it('whose sender goes away before it is decided is not taken', () => {
    const story = new Story({ rules, shards });
    const large = new Large(story, many('gone'));
    large.go(3);
    large.isGone = true;
    expect(large.go(1)).toBe(true);
    expect(large.answer).toMatchObject({ reason: 'timeout' });
    expect([story.received, story.waiting, story.bufferBytes]).toEqual([0, 0, 0]);
  });

  it.each([3, 9])('is taken whole or not at all when the gateway ends after %i steps', (steps) => {
    const story = new Story({ rules, shards });
    const large = new Large(story, many('late'));
    large.go(steps);
    const taken = story.received;
    expect([0, 3000].includes(taken) || steps > 3).toBe(true);
    story.drain();
    large.go();
    story.drain();
    const whole = taken > 0;
    expect(large.answer).toMatchObject(whole ? { spans: 3000 } : { reason: 'draining' });
    expect([story.left().length, story.waiting, story.bufferBytes]).toEqual([whole ? 3000 : 0, 0, 0]);
  });

  it('finds its room taken by nobody, once it is on its way', () => {
    const buffer = { maxBytes: 6 << 20, onFull: 'refuse' as const, rememberedDecisions: 1000 };
    const story = new Story({ rules, shards: 1, buffer });
    const large = new Large(story, many('first', 600));
    while (!large.go(1)) story.trySend({ trace: `other-${large.steps}`, padding: 100_000 });
    expect(large.answer).toMatchObject({ spans: 3000 });
    const { blocks } = story.shards[0].shard.buffer;
    expect(blocks.inUseBytes).toBeLessThanOrEqual(blocks.maxBytes);
    story.after(60_000);
    expect([story.left().length >= 3000, story.bufferBytes, blocks.inUseBytes]).toEqual([true, 0, expect.any(Number)]);
  });
});
