import { describe, expect, it } from 'vitest';
import { readCorpus } from './corpus.ts';
import { targets } from './targets/index.ts';
import { hunt } from './watched.ts';

/** All of them together, and a second for each thread to start. */
const seconds = 6;

describe('inputs from a fixed seed', () => {
  it.each(targets.map(({ name }) => name))('%s: none harms, or costs more than it may', async (name) => {
    const { inputs, outcomes, findings } = await hunt(name, {
      seed: 1,
      inputs: 4_000,
      seconds: seconds / targets.length,
    });
    const told = findings.map(
      ({ input, what }) => `${input.length} bytes (${input.toString('base64', 0, 300)}): ${what}`,
    );
    expect(told).toEqual([]);
    // The seeds and the corpus at least, and they do not all come to the same.
    expect(inputs).toBeGreaterThan(readCorpus(name).length);
    expect(outcomes.size).toBeGreaterThan(2);
  });
});
