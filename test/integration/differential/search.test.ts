import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findServer, type RunningTempo, startTempo } from '../../../tools/servers/start.ts';
import { capturesMissing } from '../../support/captures.ts';
import { dataSets } from './data-sets.ts';
import { differences, unexpected } from './differences.ts';
import { openPair, type Pair } from './pair.ts';
import { searchDifference } from './search-answers.ts';
import { searchIntended } from './search-intended.ts';
import { searchQueries } from './search-queries.ts';

/**
 * The store answers as Tempo does: both are given the same traces and asked the same, and their answers are compared by
 * trace ids, matched spans, and all that they say of them.
 */
const tempoServer = findServer('tempo');
const refused = 'refused' in tempoServer ? tempoServer.refused : capturesMissing;
if (refused) process.stderr.write(`\nSKIPPED: THE STORE BESIDE A REAL TEMPO: ${refused}\n\n`);

const parameters = { limit: '10000', spss: '100' };

describe.skipIf(refused)('the store answers a search as Tempo does', () => {
  let tempo: RunningTempo;
  const pairs: Pair[] = [];

  beforeAll(async () => {
    tempo = await startTempo({ multitenancy: true });
    for (const set of dataSets()) pairs.push(await openPair(set, tempo));
  });
  afterAll(async () => {
    for (const pair of pairs) await pair.close();
    await tempo?.stop();
  });

  it.each(Object.entries(searchQueries))('%s', async (_, questions) => {
    const found = await differences({
      pairs,
      questions,
      name: (q) => q,
      async compare(q, pair) {
        const asked = { q, ...parameters };
        const [theirs, ours] = await Promise.all([pair.tempo('/api/search', asked), pair.ours('/api/search', asked)]);
        return searchDifference(theirs, ours);
      },
    });
    expect(unexpected(found, questions, searchIntended)).toEqual({ differs: {}, agrees: [] });
  });

  it('asks at least 300 queries of four data sets', () => {
    const queries = Object.values(searchQueries).flat();
    expect(new Set(queries).size).toBe(queries.length);
    expect([queries.length >= 300, pairs.length]).toEqual([true, 4]);
  });
});
