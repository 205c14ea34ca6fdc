import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Story } from '../support/story.ts';

const routes = ['/a', '/a/*', '/b/{id}', '/b/1', '/c', '/{x}/c', '/d/e/*'];
const paths = ['/a', '/a/b', '/b/1', '/b/2', '/c', '/q/c', '/d/e', '/d', '/', '/b/1?q=/a'];

it('of many lists of routes each says what it says alone', () => {
  const lists = fc.array(fc.uniqueArray(fc.constantFrom(...routes), { minLength: 1 }), { minLength: 1, maxLength: 40 });
  const keys = fc.constantFrom('http.route', 'url.path', 'http.target', 'url.full');
  fc.assert(
    fc.property(lists, fc.constantFrom(...paths), keys, (all, path, key) => {
      const policies = all.map((some, i) => ({ name: `p${i}`, type: 'route', route: { routes: some } }));
      const attributes = { [key]: key === 'url.full' ? `https://host${path}` : path };
      const votes = (of: typeof policies): string[] => {
        const story = new Story({ shards: 1, rules: { policies: of } });
        story.send({ trace: 'a', attributes });
        story.after(10_000);
        return story.explain('a')!.votes.map(({ vote }) => vote);
      };
      expect(votes(policies)).toEqual(policies.flatMap((one) => votes([one])));
    }),
    { numRuns: 60 },
  );
});
