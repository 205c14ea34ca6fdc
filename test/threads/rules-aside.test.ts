import { expect, it } from 'vitest';
import { readRules } from '../../src/config/rules-reading.ts';
import { checking } from '../../src/threads/checking-rules.ts';
import { readRulesAside } from '../../src/threads/rules-aside.ts';

const place = { environment: 'home', debug: false, tenants: ['a'] };
const asked = (text: string) => {
  const file = { path: '/etc/rules.yaml', text, maxBytes: 262_144 };
  const keys = { folder: 'tailgate/sampling/home', entries: [{ key: 'routes', value: '/k' }], index: 7 };
  return { texts: { file, keys, environment: 'home' }, place };
};

it.each([
  [
    'good ones with doubts',
    'tenants: { a: { debug: true } }\npolicies:\n- { name: all, type: always_sample }\n- { name: l, type: latency, latency: { threshold_ms: 9 } }',
  ],
  ['some that are no YAML', 'routes: ['],
  [
    'some that do not compile',
    'tenants: { b: {} }\npolicies:\n- name: r\n  type: string_attribute\n  string_attribute: { key: k, values: ["("], enabled_regex_matching: true }',
  ],
])('rules that a thread of their own reads are read as here: %s', async (_, text) => {
  const here = readRules(asked(text).texts, checking(place));
  expect(await readRulesAside(asked(text), new AbortController().signal)).toEqual(here);
  expect('errors' in here ? here.errors.length : here.warnings.length).toBeGreaterThan(0);
});

it('rules are read no further when nobody waits for them', async () => {
  const over = new AbortController();
  const reading = readRulesAside(asked('{}'), over.signal);
  over.abort(new Error('stopped'));
  await expect(reading).rejects.toThrow('stopped');
});
