import { expect, it } from 'vitest';
import { Enricher } from '../../src/enrich/enrich.ts';
import { Story } from '../support/story.ts';
import { windowAnswers } from '../support/window-answers.ts';

const write = new Enricher({
  resource: { cluster: 'eu-1' },
  set: { region: 'north' },
  redact: [{ name: 'p', keys: ['user.password'] }],
});

/** What a search of the window answers, of a trace whose span and resource have this secret. */
async function answers(secret: string, queries: readonly string[]): Promise<string[]> {
  const story = new Story({ shards: 1, rules: {}, window: { maxBytes: 1 << 26, maxAgeMs: 1e9 } });
  const attributes = { 'user.password': secret, color: 'red' };
  story.send({ trace: 'a', id: 'x', name: 'login', attributes, resource: { 'user.password': secret } });
  return windowAnswers(story, write, queries);
}

it('a search answers alike whatever a hidden value is', async () => {
  const asked = [
    '=~ "hunter[0-4]"',
    '!~ "hunter[0-4]"',
    '=~ "hunter[0-4]|.[*]+"',
    '= "hunter2"',
    '!= "hunter2"',
    '> "hunter5"',
  ];
  const queries = [
    ...asked.flatMap((each) => [
      `{ span.user.password ${each} }`,
      `{ resource.user.password ${each} && name = "login" }`,
      `{ span.user.password ${each} || span.color = "red" }`,
    ]),
    '{ span.color = "red" }',
  ];
  const found = await answers('hunter2', queries);
  expect(await answers('hunter7', queries)).toEqual(found);
  expect(
    found
      .slice(0, -1)
      .join()
      .replaceAll(/\{ (span|resource)[^}]*\}/g, ''),
  ).not.toContain('hunter');
  expect(found.at(-1)).toContain('"rootTraceName":"login"');
});

it('a search finds what is shown without having come: attributes that the gateway adds, and masks', async () => {
  const queries = [
    '{ resource.cluster = "eu-1" }',
    '{ .region != "south" && span.color = "red" }',
    '{ resource.region =~ "no.*" }',
    '{ span.user.password = "****" }',
  ];
  for (const answer of await answers('hunter2', queries)) expect(answer).toContain('"rootTraceName":"login"');
  expect((await answers('hunter2', ['{ resource.cluster = "eu-2" }']))[0]).toContain('"traces":[]');
});
