import { expect, it } from 'vitest';
import { pastText, verdictText, verdictWord } from '../../../src/cli/obsctl/verdict.ts';

it.each<string[]>([
  ['keep', 'errors', 'kept', 'kept by errors', 'kept by errors; it is in the window for some minutes'],
  ['keep', 'none', 'kept', 'kept', 'kept; it is in the window for some minutes'],
  [
    'drop',
    'none',
    'dropped',
    'dropped: no policy kept it',
    'dropped: no policy kept it; it is in the window for some minutes: obsctl explain says more',
  ],
  ['waiting', '', 'waiting', 'waiting: not decided yet', 'waiting: not decided yet, more of it may come'],
  [
    'forgotten',
    '',
    'forgotten',
    'forgotten: decided too long ago',
    'forgotten: decided too long ago; it is in the window for some minutes',
  ],
  ['new\u001b[2J', '', 'new\ufffd[2J', 'new\ufffd[2J', 'new\ufffd[2J; it is in the window for some minutes'],
])('a trace of which the gateway says %j by %j is called the same everywhere', (verdict, policy, word, text, past) => {
  expect([verdictWord(verdict), verdictText({ verdict, policy }), pastText({ verdict, policy })]).toEqual([
    word,
    text,
    past,
  ]);
});

it('nothing is said where nothing is known', () => {
  expect(verdictWord()).toBe('');
});
