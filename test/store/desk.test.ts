import { expect, it } from 'vitest';
import { Desk } from '../../src/store/desk.ts';

it('hands over a copy in memory that other threads see, the same for request after request', () => {
  const desk = new Desk();
  const body = Uint8Array.from({ length: 300_000 }, (_, i) => i);
  const copy = desk.put(body);
  expect(copy.buffer).toBeInstanceOf(SharedArrayBuffer);
  body.fill(0);
  expect(copy.length).toBe(300_000);
  expect(copy[299_999]).toBe(299_999 % 256);
  expect(desk.put(Uint8Array.of(1, 2, 3)).buffer).toBe(copy.buffer);
  expect(desk.put(new Uint8Array(600_000)).buffer).not.toBe(copy.buffer);
});

it('keeps its memory while there are requests, and lets it go after a time without any', () => {
  const desk = new Desk();
  const first = desk.put(new Uint8Array(1000)).buffer;
  desk.trim();
  expect(desk.put(new Uint8Array(1000)).buffer).toBe(first);
  desk.trim();
  desk.trim();
  expect(desk.put(new Uint8Array(1000)).buffer).not.toBe(first);
});
