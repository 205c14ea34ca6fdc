import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { obsctl } from '../../../../src/cli/obsctl/obsctl.ts';
import { testForm } from '../../../../src/cli/obsctl/rules/test.ts';
import { parseRulesTest } from '../../../../src/config/rules-test-file.ts';
import { fakeProcess } from '../../fake-process.ts';

const root = fileURLToPath(new URL('../../../../', import.meta.url));
let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'tailgate-rules-test-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

const file = (name: string, text: string) => {
  writeFileSync(join(directory, name), text);
  return join(directory, name);
};
const run = async (...argv: string[]) => {
  const process = fakeProcess();
  const code = await obsctl(['sampling', 'test', ...argv], process);
  return { code, out: process.out, err: process.err };
};
/** Rules beside traces; what comes of each, by name. */
const verdicts = async (rules: string, traces: string, head = '') => {
  file('rules.yaml', rules);
  const { out, err } = await run(
    file('a-rules-test.yaml', `rules: rules.yaml\n${head}traces:\n${traces}`),
    '-o',
    'json',
  );
  expect(err).toBe('');
  const results = JSON.parse(out) as { name: string; got: { verdict: string; policy: string; weight: number } }[];
  return Object.fromEntries(
    results.map(({ name, got }) => [name, `${got.verdict} ${got.policy} ${Number(got.weight.toFixed(3))}`.trim()]),
  );
};
const off = { baseline_percent: null, latency_threshold_ms: null, error_status_codes: null, routes: null };
const only = (rules: object) => JSON.stringify({ ...off, ...rules });

describe('obsctl sampling test', () => {
  it('passes the example that ships', async () => {
    expect(await run(join(root, 'config/rules-test.yaml'))).toEqual({ code: 0, out: '7 passed, 0 failed\n', err: '' });
  });

  it('takes the form that its help shows, and judges that trace as it says', async () => {
    const [, text] = /\n( {2}rules: .*)$/s.exec(testForm)!;
    const shown = file('shown.yaml', text!);
    expect(parseRulesTest(text!, shown)).toMatchObject({
      test: { environment: 'production', traces: [{ expect: 'keep' }] },
    });
    file('rules.yaml', '{}');
    expect(await run(shown)).toEqual({ code: 0, out: '1 passed, 0 failed\n', err: '' });
  });

  it('shows for each failure where it stands, what was expected, what came, and every vote', async () => {
    file('rules.yaml', 'baseline_percent: 1\n');
    const text = `rules: rules.yaml
traces:
  - { name: fine, expect: drop, spans: [{ name: a }] }
  - name: broken
    expect: drop
    spans: [{ name: a, status: error }]
  - { name: other, expect: keep, policy: slow, weight: 2, spans: [{ name: a, status: error }] }
`;
    const path = file('b-rules-test.yaml', text);
    const { code, out } = await run(path);
    expect(code).toBe(1);
    expect(out).toBe(`✗ ${path}:4: broken
    expected drop; got keep by errors
    votes: errors keep, slow abstain, routes abstain, baseline abstain
✗ ${path}:7: other
    expected keep by slow with weight 2; got keep by errors with weight 1
    votes: errors keep, slow abstain, routes abstain, baseline abstain
1 passed, 2 failed
`);
  });

  it('has each span say what it is told to say', async () => {
    const rules = only({ routes: ['/pay'], latency_threshold_ms: 100, error_status_codes: ['OK'] });
    const traces = `
  - { name: route, expect: keep, spans: [{ name: a }, { name: b, attributes: { http.route: /pay } }] }
  - { name: slow, expect: keep, spans: [{ name: a }, { name: b, duration: 101ms }] }
  - { name: fast, expect: drop, spans: [{ name: a, duration: 100ms }, { name: b, start: 50ms, duration: 100ms }] }
  - { name: ok, expect: keep, spans: [{ name: a, status: ok }] }
  - { name: error, expect: drop, spans: [{ name: a, status: error, message: no }] }
`;
    expect(await verdicts(rules, traces)).toEqual({
      route: 'keep routes 1',
      slow: 'keep slow 1',
      fast: 'drop none 0',
      ok: 'keep errors 1',
      error: 'drop none 0',
    });
  });

  it('decides by chance as it is told: randomness from 1 − p on is kept', async () => {
    const trace = (r: number) => `  - { name: "${r}", expect: keep, randomness: ${r}, spans: [{ name: a }] }\n`;
    const all = await verdicts(only({ baseline_percent: 5 }), [0, 0.94, 0.95, 0.951, 0.999].map(trace).join(''));
    expect(all).toMatchObject({
      0: 'drop none 0',
      0.94: 'drop none 0',
      0.951: 'keep baseline 20',
      0.999: 'keep baseline 20',
    });
  });

  it('judges all traces in one gateway where it is told so, each when it comes, whatever their order in the file', async () => {
    const traces = `
  - { name: later, at: 10s, expect: keep, spans: [{ name: a, status: error }] }
  - { name: first, expect: keep, spans: [{ name: a, duration: 600ms }] }
  - { name: between, at: 500ms, expect: drop, spans: [{ name: a }] }
`;
    expect(await verdicts('baseline_percent: 1', traces, 'together: true\n')).toEqual({
      later: 'keep errors 1',
      first: 'keep slow 1',
      between: 'drop none 0',
    });
  });

  it('judges a trace whose root was never sent', async () => {
    const trace = '  - { name: orphan, expect: keep, spans: [{ name: a, parent: missing, status: error }] }\n';
    expect(await verdicts('{}', trace)).toEqual({ orphan: 'keep errors 1' });
  });

  it('is of the environment that the file names, else of the one that the flag names', async () => {
    const trace = '  - { name: half, expect: keep, randomness: 0.6, spans: [{ name: a }] }\n';
    const rules = only({ baseline_percent: { home: 0, production: 50 } });
    expect(await verdicts(rules, trace, 'environment: production\n')).toEqual({ half: 'keep baseline 2' });
    expect(await verdicts(rules, trace)).toEqual({ half: 'drop none 0' });
    const path = file('c-rules-test.yaml', `rules: rules.yaml\ntraces:\n${trace}`);
    expect((await run(path, '-e', 'production')).code).toBe(0);
  });

  it.each([
    [
      'a parent that is not there',
      'traces: [{ name: x, expect: keep, spans: [{ name: a, parent: b }] }]',
      ':2: traces[0].spans[0].parent: no span of this trace is called "b"',
    ],
    [
      'a verdict that is none',
      'traces: [{ name: x, expect: kept, spans: [{ name: a }] }]',
      'traces[0].expect: "kept": expected one of keep, drop',
    ],
    [
      'a field that is none',
      'traces: [{ name: x, expect: keep, span: [{ name: a }] }]',
      'traces[0].span: unknown key, did you mean spans?',
    ],
    ['no span', 'traces: [{ name: x, expect: keep, spans: [] }]', 'expected at least one'],
    [
      'a value that is no attribute',
      'traces: [{ name: x, expect: keep, spans: [{ name: a, attributes: { k: { a: 1 } } }] }]',
      'attributes.k',
    ],
  ])('refuses %s, at its line', async (_, text, told) => {
    file('rules.yaml', '{}');
    const { code, err } = await run(file('d-rules-test.yaml', `rules: rules.yaml\n${text}\n`));
    expect(code).toBe(2);
    expect(err).toContain(told);
  });

  it('refuses rules that would not be taken, at their line', async () => {
    const rules = file('rules.yaml', 'routes: [/a]\nlatency_threshold_ms: fast\n');
    const trace = 'traces: [{ name: x, expect: keep, spans: [{ name: a }] }]';
    const { code, err } = await run(file('e-rules-test.yaml', `rules: rules.yaml\n${trace}\n`));
    expect(code).toBe(2);
    expect(err).toContain(`${rules}:2: latency_threshold_ms`);
    expect((await run(join(directory, 'none.yaml'))).err).toContain('there is no such file');
  });
});

describe('the workflow that ships', () => {
  it('has commands that obsctl knows, with flags that they have', async () => {
    const workflow = parse(readFileSync(join(root, 'deploy/ci/github-rules.yaml'), 'utf8')) as {
      jobs: Record<string, { steps: { run?: string }[] }>;
    };
    const lines = Object.values(workflow.jobs).flatMap(({ steps }) => steps.flatMap((step) => step.run ?? []));
    expect(lines).toHaveLength(3);
    for (const line of lines) {
      const [program, ...argv] = line.split(' ');
      expect(program).toBe('obsctl');
      const named = argv.map((word) => (word.endsWith('.yaml') ? join(directory, word.replace('*', 'a')) : word));
      file('rules.yaml', 'baseline_percent: { production: 1 }\n');
      file('a-rules-test.yaml', 'rules: rules.yaml\ntraces: [{ name: x, expect: drop, spans: [{ name: a }] }]\n');
      const process = fakeProcess({ env: { CONSUL_HTTP_ADDR: '127.0.0.1:1' } });
      const code = await obsctl(named, process);
      // There is no Consul here: that it asked for it shows that the flags are right.
      if (argv[1] === 'push') expect(process.err).toContain('Consul at http://127.0.0.1:1: connection refused');
      else expect({ code, err: process.err }).toEqual({ code: 0, err: '' });
    }
  });
});
