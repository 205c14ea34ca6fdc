import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findServer, type RunningTempo, startTempo } from '../../../tools/servers/start.ts';
import { capturesMissing } from '../../support/captures.ts';
import { searchConfirmsOurs } from './confirm-values.ts';
import { dataSets } from './data-sets.ts';
import { differences, unexpected } from './differences.ts';
import { openPair, type Pair } from './pair.ts';
import { routeDifference } from './route-answers.ts';
import { routeIntended } from './route-intended.ts';
import { factsOf, filledIn, nameOf, type RouteQuestion, routeQuestions } from './route-questions.ts';

/** Every route of the read API but the query language itself, asked of both: what Grafana and others find, and how. */
const tempoServer = findServer('tempo');
const refused = 'refused' in tempoServer ? tempoServer.refused : capturesMissing;
if (refused) process.stderr.write(`\nSKIPPED: THE STORE'S ROUTES BESIDE A REAL TEMPO: ${refused}\n\n`);

describe.skipIf(refused)('the store answers as Tempo does', () => {
  let tempo: RunningTempo;
  const pairs: Pair[] = [];
  const facts = new Map<string, Record<string, string>>();

  beforeAll(async () => {
    tempo = await startTempo({ multitenancy: true });
    for (const set of dataSets()) {
      facts.set(set.name, factsOf(set));
      pairs.push(await openPair(set, tempo));
    }
  });
  afterAll(async () => {
    for (const pair of pairs) await pair.close();
    await tempo?.stop();
  });

  async function compare(question: RouteQuestion, pair: Pair): Promise<object | undefined> {
    const asked = filledIn(question, facts.get(pair.name)!);
    const { path, parameters = {}, accept } = asked;
    const [theirs, ours] = await Promise.all([
      pair.tempo(path, parameters, accept),
      pair.ours(path, parameters, accept),
    ]);
    const difference = routeDifference(asked, theirs, ours);
    return difference !== undefined && (await searchConfirmsOurs(asked, pair)) ? undefined : difference;
  }

  it.each(Object.entries(routeQuestions))('%s', async (_, questions) => {
    const found = await differences({ pairs, questions, name: nameOf, compare });
    expect(unexpected(found, questions.map(nameOf), routeIntended)).toEqual({ differs: {}, agrees: [] });
  });

  it('values of every key that there is', async () => {
    for (const pair of pairs) {
      const { scopes } = JSON.parse((await pair.tempo('/api/v2/search/tags', {})).body.toString()) as {
        scopes: { name: string; tags: string[] }[];
      };
      const questions = scopes
        .filter(({ name }) => name !== 'intrinsic')
        .flatMap(({ name, tags }) =>
          tags.map((tag) => ({ path: `/api/v2/search/tag/${encodeURIComponent(`${name}.${tag}`)}/values` })),
        );
      expect(questions.length).toBeGreaterThan(10);
      const found = await differences({ pairs: [pair], questions, name: nameOf, compare });
      expect(unexpected(found, questions.map(nameOf), routeIntended)).toMatchObject({ differs: {} });
    }
  });
});
