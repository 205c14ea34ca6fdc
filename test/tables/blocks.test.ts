import { expect, it } from 'vitest';
import { Blocks } from '../../src/tables/blocks.ts';

const mebibyte = 2 ** 20;

it('what one has left is the next one’s, and nothing is allocated for that', () => {
  const blocks = new Blocks(64 * mebibyte);
  const taken = Array.from({ length: 16 }, () => blocks.take());
  expect([blocks.inUseBytes, blocks.freeBytes]).toEqual([64 * mebibyte, 0]);
  for (const block of taken) blocks.giveBack(block);
  expect([blocks.inUseBytes, blocks.bytes]).toEqual([0, 64 * mebibyte]);
  expect(new Set(Array.from({ length: 16 }, () => blocks.take()))).toEqual(new Set(taken));
});

it('what is kept for later is given back before there is more than may be', () => {
  const blocks = new Blocks(64 * mebibyte);
  const kept = Array.from({ length: 10 }, () => blocks.take());
  blocks.keep(40 * mebibyte);
  blocks.onShortage(() => {
    blocks.keep(-40 * mebibyte);
    for (const block of kept.splice(0)) blocks.giveBack(block);
  });
  const others = Array.from({ length: 16 }, () => blocks.take());
  expect(new Set(others).size).toBe(16);
  expect([blocks.inUseBytes, blocks.bytes]).toEqual([64 * mebibyte, 64 * mebibyte]);
});

it('something large takes the place of what is idle, and asks for a collection where that is not back yet', () => {
  let collections = 0;
  const blocks = new Blocks(64 * mebibyte, { collect: () => collections++ });
  const taken = Array.from({ length: 16 }, () => blocks.take());
  for (const block of taken.splice(4)) blocks.giveBack(block);
  const large = blocks.takeLarge(40 * mebibyte);
  expect([blocks.bytes <= 64 * mebibyte, blocks.returnedBytes, collections]).toEqual([true, 40 * mebibyte, 1]);
  blocks.drop(large);
  expect([blocks.inUseBytes, blocks.returnedBytes]).toEqual([16 * mebibyte, 80 * mebibyte]);
  blocks.takeLarge(5 * mebibyte);
  expect(collections).toBe(2);
});

it('lets go one after the other of what nobody needed between two looks', () => {
  const blocks = new Blocks(64 * mebibyte);
  const taken = Array.from({ length: 16 }, () => blocks.take());
  for (const block of taken.splice(8)) blocks.giveBack(block);
  blocks.trim();
  blocks.take();
  blocks.trim();
  blocks.shrink();
  expect(blocks.returnedBytes).toBe(4 * mebibyte);
  for (const block of taken) blocks.giveBack(block);
  for (let i = 0; i < 20; i++) blocks.shrink();
  // Of the eight that were idle one was needed in between.
  expect(blocks.returnedBytes).toBe(28 * mebibyte);
});
