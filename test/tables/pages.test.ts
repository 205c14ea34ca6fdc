import { expect, it } from 'vitest';
import { Blocks } from '../../src/tables/blocks.ts';
import { Pages } from '../../src/tables/pages.ts';

it('are carved from blocks, which go back when nothing in them is in use', () => {
  const blocks = new Blocks(64 << 20);
  const pages = new Pages(6 * 1024, blocks);
  const taken = Array.from({ length: 400 }, () => pages.take());
  const memory = new Set(taken.map((page) => page.buffer));
  expect(taken.every((page) => page.length === 6 * 1024)).toBe(true);
  expect(memory.size).toBe(Math.ceil(400 / 170));
  expect(new Set(taken.map((page) => `${[...memory].indexOf(page.buffer)} ${page.byteOffset}`)).size).toBe(400);
  expect([pages.bytes, blocks.inUseBytes]).toEqual([3 * blocks.blockBytes, 3 * blocks.blockBytes]);
  for (const page of taken) pages.giveBack(page);
  expect([pages.bytes, blocks.inUseBytes, blocks.bytes]).toEqual([0, 0, 3 * blocks.blockBytes]);
});

it('do not go to and fro where one is taken and given back again and again', () => {
  const blocks = new Blocks(64 << 20);
  const pages = new Pages(1 << 20, blocks);
  const { buffer } = pages.take();
  const once = pages.take();
  pages.giveBack(once);
  expect(pages.take().buffer).toBe(once.buffer);
  expect(blocks.bytes).toBe(2 * buffer.byteLength);
});

it('fill what has room before they open another block, so that the others can empty', () => {
  const pages = new Pages(1 << 19, new Blocks(64 << 20));
  const taken = Array.from({ length: 6 }, () => pages.take());
  pages.giveBack(taken[0]);
  pages.giveBack(taken[4]);
  expect(pages.take().buffer).toBe(taken[0].buffer);
});

it('say beforehand what more of them would take', () => {
  const blocks = new Blocks(64 << 20);
  const pages = new Pages(1 << 18, blocks);
  for (const more of [1, 3, 4, 9, 17]) {
    const [told, before] = [pages.bytesFor(more), blocks.inUseBytes];
    for (let i = 0; i < more; i++) pages.take();
    expect(blocks.inUseBytes - before).toBe(told);
  }
});
