import { expect, it } from 'vitest';
import { ProcessMemory } from '../src/memory-account.ts';
import { memoryParts, type ShardMemory } from '../src/model/memory.ts';

const nothingHeld = Object.fromEntries(memoryParts.map((part) => [part, 0])) as unknown as ShardMemory;

it.each([
  { story: 'nothing came: what the start left is gone', later: 150, isUntouched: true, idle: 150 },
  { story: 'nothing came, and it is larger than it was', later: 190, isUntouched: true, idle: 190 },
  { story: 'a little came, and the start left more than that', later: 158, isUntouched: false, idle: 158 },
  { story: 'so much came that nobody can tell', later: 400, isUntouched: false, idle: 182 },
])('knows how large the process is at rest: $story', ({ later, isUntouched, idle }) => {
  let resident = 182;
  const memory = new ProcessMemory(null, () => resident);
  memory.markIdle(nothingHeld);
  resident = later;
  memory.markSettled(nothingHeld, isUntouched);
  expect(memory.read(nothingHeld, [])).toMatchObject({ residentBytes: later, idleBytes: idle });
});
