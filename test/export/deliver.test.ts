import { expect, it } from 'vitest';
import type { Result } from '../../src/export/answer.ts';
import { delivering } from '../../src/export/deliver.ts';
import type { ExportRequest } from '../../src/model/export-request.ts';
import { accepted, spansOf, tooLarge } from './fakes.ts';

function deliverTo(next: (request: ExportRequest) => Promise<Result>) {
  const settled: { spans: number; kind: string; message: string }[] = [];
  const settle = ({ spans }: ExportRequest, { kind, message }: Result) => settled.push({ spans, kind, message });
  return { deliver: delivering(next, settle, () => 0), settled };
}

it('a fault in the chain leaves no span without an outcome', async () => {
  const { deliver, settled } = deliverTo(() => Promise.reject(new Error('no memory for gzip')));
  await deliver(spansOf(4));
  expect(settled).toEqual([{ spans: 4, kind: 'rejected', message: 'internal error: Error: no memory for gzip' }]);
});

it('every piece is settled once, the largest next', async () => {
  const next = async ({ spans }: ExportRequest) => (spans > 2 ? tooLarge : accepted) as Result;
  const { deliver, settled } = deliverTo(next);
  await deliver(spansOf(5));
  expect(settled.map(({ spans, kind }) => [spans, kind])).toEqual([
    [2, 'accepted'],
    [2, 'accepted'],
    [1, 'accepted'],
  ]);
});
