import { describe, expect, it } from 'vitest';
import { idOf, traceIdHex } from '../support/spans.ts';
import { type Setting, Story } from '../support/story.ts';

const hourMs = 3_600_000;
const setting: Setting = {
  buffer: { decisionWaitMs: 1_000, decisionWaitAfterRootMs: 200 },
  batch: { maxAgeMs: 500 },
};

/**
 * Ten seconds of steady traffic, a failed trace of two spans every 20 ms; in the middle somebody sets the wall clock.
 */
function steadyTraffic(setByMs: number): Story {
  const story = new Story(setting);
  const setAt = story.clock.monotonic + 5_000;
  for (let i = 0; i < 500; i++) {
    story.send(
      { trace: `t${i}`, id: `root ${i}`, status: 'ERROR' },
      { trace: `t${i}`, id: `c${i}`, parent: `root ${i}` },
    );
    story.after(20);
    if (story.clock.monotonic === setAt) story.clock.unix += setByMs;
    const dueBy = i - Math.ceil((200 + 16 + 500) / 20) - 1;
    if (dueBy >= 0) expect(story.explain(`t${dueBy}`)?.verdict, `trace ${dueBy}, at step ${i}`).toBe('keep');
  }
  return story;
}

describe('the wall clock, which somebody sets while traffic is steady,', () => {
  it.each([
    ['back by an hour', -hourMs],
    ['back by ten minutes', -600_000],
    ['forward by ten minutes', 600_000],
    ['forward by a day', 24 * hourMs],
  ])('%s: every trace is decided and leaves when it would have, and none before', (_, setByMs) => {
    const story = steadyTraffic(setByMs);
    const undisturbed = steadyTraffic(0);
    expect(story.requests.map(({ body }) => Buffer.from(body).toString('base64'))).toEqual(
      undisturbed.requests.map(({ body }) => Buffer.from(body).toString('base64')),
    );
    story.after(1_000).after(1_000);
    const left = new Set(story.left().map(({ traceId, spanId }) => `${traceId} ${spanId}`));
    for (let i = 0; i < 500; i++)
      for (const id of [`root ${i}`, `c${i}`])
        expect(left).toContain(`${traceIdHex(`t${i}`)} ${Buffer.from(idOf(id, 8)).toString('hex')}`);
  });

  it('shows in what people see: times of a decision are those of the wall clock as it is now', () => {
    const story = new Story(setting);
    story.send({ trace: 'a', status: 'ERROR', parent: 'x' });
    const cameAt = story.clock.unix;
    expect(story.explain('a')).toMatchObject({ verdict: 'waiting', firstSpanAt: cameAt });
    story.after(1_000);
    expect(story.explain('a')).toMatchObject({ firstSpanAt: cameAt, decidedAt: cameAt + 1_000 });
    story.clock.unix -= hourMs;
    expect(story.explain('a')).toMatchObject({ firstSpanAt: cameAt - hourMs, decidedAt: cameAt + 1_000 - hourMs });
  });
});
