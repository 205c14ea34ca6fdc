import { expect, it } from 'vitest';
import { SpareWriters } from '../../src/batch/spare-writers.ts';
import { Writer } from '../../src/wire/writer.ts';

it('hand a buffer that is done with to the next, empty and as large as it had grown', () => {
  const spare = new SpareWriters();
  const first = spare.take();
  first.raw(new Uint8Array(100_000));
  spare.giveBack(first);
  const second = spare.take();
  expect(second).toBe(first);
  expect(second.pos).toBe(0);
  expect(second.buf.length).toBeGreaterThanOrEqual(100_000);
  expect(spare.take()).not.toBe(first);
});

it('keep no more than 8 MiB', () => {
  const spare = new SpareWriters();
  const given = Array.from({ length: 3 }, () => new Writer(3 << 20));
  for (const writer of given) spare.giveBack(writer);
  const taken = [spare.take(), spare.take(), spare.take()];
  expect(taken.filter((writer) => given.includes(writer))).toHaveLength(2);
});
