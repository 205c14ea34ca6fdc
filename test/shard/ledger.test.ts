import { expect, it } from 'vitest';
import { wordsOf } from '../../src/model/trace-id.ts';
import { Ledger } from '../../src/shard/ledger.ts';

it('knows the trace that each policy kept last, though rows come later', () => {
  const ledger = new Ledger();
  const errors = ledger.row('errors');
  const [first, second, third] = ['01', 'a2', 'ff'].map((digits) => digits.repeat(16)) as [string, string, string];
  ledger.noteKept(errors, wordsOf(first), 0, 10);
  const slow = ledger.row('slow');
  ledger.noteKept(slow, Int32Array.from([7, ...wordsOf(second)]), 1, 20);
  ledger.noteKept(errors, wordsOf(third), 0, 30);
  for (const row of [errors, slow]) {
    ledger.add(row, 'kept', 3, 1);
    ledger.add(row, 'late_kept', 1, 0);
  }
  ledger.add(ledger.row('none'), 'dropped', 2, 1);
  expect(ledger.entries().map(({ policy, outcome, last }) => [policy, outcome, last])).toEqual([
    ['errors', 'kept', { traceId: third, at: 30 }],
    ['errors', 'late_kept', undefined],
    ['slow', 'kept', { traceId: second, at: 20 }],
    ['slow', 'late_kept', undefined],
    ['none', 'dropped', undefined],
  ]);
});
