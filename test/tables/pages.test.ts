import { expect, it } from 'vitest';
import { Pages } from '../../src/tables/pages.ts';
import { SeenMemory } from '../support/collect.ts';

it('come from blocks of four mebibytes, which are let go when nothing in them is in use, but for one', async () => {
  const pages = new Pages(6 * 1024);
  const memory = new SeenMemory();
  let taken = Array.from({ length: 400 }, () => pages.take());
  const blocks = new Set(taken.map((page) => page.buffer));
  expect(taken.every((page) => page.length === 6 * 1024)).toBe(true);
  expect(blocks.size).toBe(Math.ceil(400 / 171));
  expect(new Set(taken.map((page) => `${[...blocks].indexOf(page.buffer)} ${page.byteOffset}`)).size).toBe(400);
  const most = pages.bytes;
  const perBlock = most / blocks.size;
  for (const block of blocks) memory.see(block);
  for (const page of taken) pages.giveBack(page);
  blocks.clear();
  taken = [];
  expect(pages.bytes).toBe(perBlock);
  expect(await memory.held()).toBe(perBlock);
});

it('keep one block, and one for eight in use, of those that are in nobody’s', () => {
  const pages = new Pages(1 << 20);
  const taken = Array.from({ length: 27 }, () => pages.take());
  for (const page of taken.slice(0, 11)) pages.giveBack(page);
  expect(pages.bytes).toBe((16 + 1 + 2) << 22);
});

it('do not go to and fro where one is taken and given back again and again', () => {
  const pages = new Pages(1 << 20);
  const kept = pages.take();
  const once = pages.take();
  pages.giveBack(once);
  expect(pages.take()).toBe(once);
  expect(kept.buffer.byteLength).toBeGreaterThan(0);
});

it('fill what has room before they open another block, so that the others can empty', () => {
  const pages = new Pages(1 << 19);
  const taken = Array.from({ length: 6 }, () => pages.take());
  pages.giveBack(taken[0]);
  pages.giveBack(taken[4]);
  expect(pages.take().buffer).toBe(taken[0].buffer);
});
