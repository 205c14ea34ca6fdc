import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Io } from '../../../../src/cli/io.ts';
import { obsctl } from '../../../../src/cli/obsctl/obsctl.ts';
import { fakeProcess } from '../../fake-process.ts';
import { KvServer } from './kv-server.ts';

const folder = 'tailgate/sampling/home';
const history = 'tailgate/sampling-history/home';
const now = Date.parse('2026-11-25T17:00:00Z');

let consul: KvServer;
let address: string;
let directory: string;
beforeEach(async () => {
  consul = new KvServer();
  address = await consul.listen();
  directory = mkdtempSync(join(tmpdir(), 'tailgate-obsctl-'));
});
afterEach(async () => {
  await consul[Symbol.asyncDispose]();
  rmSync(directory, { recursive: true });
});

const run = async (argv: string[], io: Partial<Io> = {}) => {
  const process = fakeProcess({ now: () => now, ...io, env: { CONSUL_HTTP_ADDR: address, ...io.env } });
  const code = await obsctl(['sampling', ...argv], process);
  return { code, out: process.out, err: process.err };
};
const file = (text: string, name = 'rules.yaml') => {
  writeFileSync(join(directory, name), text);
  return join(directory, name);
};
interface Listed {
  readonly revision: string;
  readonly hash: string;
  readonly at: string;
  readonly by: string;
  readonly why: string;
}
const listed = async () => JSON.parse((await run(['history', '-o', 'json'])).out) as Listed[];

describe('set', () => {
  it('writes a key, with who, when and why', async () => {
    const { code, out, err } = await run(['set', 'baseline_percent', '5', '-m', 'quieter', '--by', 'anna']);
    expect({ code, err }).toEqual({ code: 0, err: '+ baseline_percent: 5\n' });
    expect(consul.folder(folder)).toEqual({ baseline_percent: '5' });
    const [entry, ...others] = await listed();
    expect(others).toEqual([]);
    expect(entry).toMatchObject({ at: '2026-11-25T17:00:00.000Z', by: 'anna', why: 'quieter' });
    expect(out).toBe(`${folder}: revision ${entry!.revision} by anna\n`);
    expect(entry!.revision).toBe(`${consul.index}-${entry!.hash.slice(0, 8)}`);
  });

  it('writes what stands in a file, and deletes a key', async () => {
    expect((await run(['set', 'routes', `@${file('- /a\n- /b\n')}`])).code).toBe(0);
    expect((await run(['set', 'debug', 'true'])).code).toBe(0);
    expect(consul.folder(folder)).toEqual({ routes: '- /a\n- /b', debug: 'true' });
    expect((await run(['set', 'routes', '--delete'])).code).toBe(0);
    expect(consul.folder(folder)).toEqual({ debug: 'true' });
  });

  it('leaves it alone where it is so already', async () => {
    await run(['set', 'debug', 'true']);
    const before = consul.index;
    const { code, err } = await run(['set', 'debug', 'true']);
    expect({ code, err }).toEqual({ code: 0, err: `obsctl: ${folder}: it is so already, nothing was written\n` });
    expect(consul.index).toBe(before);
  });

  it.each([
    [['set', 'baselin_percent', '5'], 'did you mean baseline_percent'],
    [['set', 'baseline_percent', '500'], `consul:${folder}/baseline_percent: 500: expected a number from 0 to 100`],
    [['set', 'baseline_percent', '{ home: 1 }'], 'expected a number from 0 to 100'],
    [['set', 'policies', '[{ name: a, type: probabilistik }]'], 'did you mean probabilistic'],
    [['set', 'routes'], 'expected a value, @FILE to take it from there, or --delete'],
    [['set', 'routes', '/a', '--delete'], 'expected a value'],
    [['set', 'routes', '@/no/such/file'], 'no such file'],
    [['set', 'debug', 'true', '-e', 'a/b'], '--environment a/b'],
    [['set', 'debug', 'true', '--wait', 'soon'], '--wait soon'],
    [['set', 'debug', 'true', '--max-kept', 'few'], '--max-kept few'],
    [['set', 'debug', 'true', '-m', 'x'.repeat(1001)], '--message: 1001 characters'],
  ])('refuses %j and writes nothing', async (argv, told) => {
    const { code, err } = await run(argv);
    expect(code).toBe(2);
    expect(err).toContain(told);
    expect(consul.keys.size).toBe(0);
  });

  it('does not delete the last key: gateways would take it for lost rights', async () => {
    await run(['set', 'debug', 'true']);
    const { code, err } = await run(['set', 'debug', '--delete']);
    expect(code).toBe(2);
    expect(err).toContain('no key would be left');
    expect(consul.folder(folder)).toEqual({ debug: 'true' });
  });

  it('asks who sits at a terminal, and takes no for an answer', async () => {
    const asked: string[] = [];
    const ask = (answer: string) => async (question: string) => {
      asked.push(question);
      return answer;
    };
    expect(await run(['set', 'debug', 'true'], { ask: ask('') })).toMatchObject({ code: 1, out: '' });
    expect(consul.keys.size).toBe(0);
    expect((await run(['set', 'debug', 'true'], { ask: ask('y') })).code).toBe(0);
    expect(asked).toEqual([`Write this to consul:${folder}? [y/N] `, `Write this to consul:${folder}? [y/N] `]);
    expect((await run(['set', 'debug', 'false', '--yes'], { ask: ask('') })).code).toBe(0);
    expect((await run(['set', 'debug', 'null', '--from-ci'], { ask: ask('') })).code).toBe(0);
    expect(asked).toHaveLength(2);
  });
});

describe('push', () => {
  const rules = 'baseline_percent: { home: 7, production: 1 }\nroutes: [/a]\nlate: { rescue: false }\n';

  it("writes a document's fields as keys of its environment, and deletes those that it does not have", async () => {
    consul.put(`${folder}/debug`, 'true');
    const { code, err } = await run(['push', file(rules), '-m', 'from git']);
    expect(code).toBe(0);
    expect(err).toContain('debug: not in');
    expect(err).toContain('so deleted from');
    expect(err).toContain("late: left out, it is the rules file's alone");
    expect(consul.folder(folder)).toEqual({ baseline_percent: '7', routes: '[/a]' });
  });

  it('leaves the others where it is told so', async () => {
    consul.put(`${folder}/debug`, 'true');
    expect((await run(['push', file(rules), '--keep-others'])).code).toBe(0);
    expect(consul.folder(folder)).toEqual({ baseline_percent: '7', routes: '[/a]', debug: 'true' });
  });

  it('leaves the words and comments of a field as they are', async () => {
    const text = `routes: [/a, /b] # the old ones
error_status_codes:
    - ERROR   # what failed
    # and
    - OK
latency_threshold_ms: 5e2
`;
    expect((await run(['push', file(text)])).code).toBe(0);
    expect(consul.folder(folder)).toEqual({
      routes: '[/a, /b]',
      error_status_codes: '- ERROR   # what failed\n# and\n- OK',
      latency_threshold_ms: '5e2',
    });
  });

  it('writes what an alias names where that stands elsewhere in the file', async () => {
    const text = 'policies:\n  - &all { name: all, type: always_sample }\nshadow: [{ <<: *all, name: other }]\n';
    expect((await run(['push', file(text)])).code).toBe(0);
    expect(consul.folder(folder)).toEqual({
      policies: '- &all { name: all, type: always_sample }',
      shadow: '- name: other\n  type: always_sample',
    });
  });

  it('keeps a long set of rules in the history, packed, so that Consul takes both at once', async () => {
    const routes = Array.from({ length: 4_000 }, (_, i) => `/a/route/that/is/long/${i}`);
    expect((await run(['push', file(JSON.stringify({ routes }))])).code).toBe(0);
    const entry = consul.folder(history)['0000000001']!;
    expect(entry.length).toBeLessThan(consul.folder(folder).routes!.length / 3);
    expect((await run(['set', 'routes', '/b'])).code).toBe(0);
    const [, first] = await listed();
    expect((await run(['rollback', first!.revision])).code).toBe(0);
    expect(JSON.parse(consul.folder(folder).routes!)).toEqual(routes);
  });

  it('is of the environment that is named', async () => {
    expect((await run(['push', file(rules), '-e', 'production'])).code).toBe(0);
    expect(consul.folder('tailgate/sampling/production')).toMatchObject({ baseline_percent: '1' });
    const { code, err } = await run(['push', file(rules)], { env: { DEPLOYMENT_ENVIRONMENT: 'staging' } });
    expect(code).toBe(2);
    expect(err).toContain("rules.yaml:1: baseline_percent: no share for the environment 'staging'");
  });

  it('tells a mistake at its line, and writes nothing', async () => {
    const { code, err } = await run(['push', file('routes: [/a]\nlatency_threshold_ms: fast\n')]);
    expect(code).toBe(2);
    expect(err).toContain('rules.yaml:2: latency_threshold_ms: "fast"');
    expect(consul.keys.size).toBe(0);
  });

  it('says in CI who started it and at which commit, and asks nobody', async () => {
    const env = { GITHUB_ACTOR: 'anna', GITHUB_REPOSITORY: 'shop/rules', GITHUB_SHA: '0123456789abcdef' };
    const { code, err } = await run(['push', file(rules), '--from-ci'], { env });
    expect({ code, err }).toEqual({ code: 0, err: "obsctl: late: left out, it is the rules file's alone\n" });
    expect((await listed())[0]).toMatchObject({ by: 'anna', why: 'shop/rules@0123456789ab' });
  });
});

describe('somebody else who writes in between', () => {
  it.each([
    ['the same key', () => consul.put(`${folder}/debug`, 'false')],
    ['a key that stays', () => consul.put(`${folder}/routes`, '/other')],
    ['a key that was not there', () => consul.put(`${folder}/baseline_percent`, '1')],
    ['with obsctl', () => consul.put(`${history}/0000000001`, '{}')],
  ])('%s: nothing is written, and what to do is said', async (_, other) => {
    consul.put(`${folder}/routes`, '/a');
    consul.put(`${folder}/debug`, 'null');
    consul.before = other;
    const { code, err } = await run(['set', 'debug', 'true']);
    expect(code).toBe(1);
    expect(err).toContain('somebody else wrote in between');
    expect(err).toContain('do it again');
    expect(consul.folder(folder).debug).not.toBe('true');
    expect(Object.keys(consul.folder(history)).length).toBeLessThan(2);
  });
});

describe('history, diff and rollback', () => {
  it('goes back to what was, as a new revision', async () => {
    await run(['set', 'routes', '/a', '-m', 'first']);
    await run(['set', 'routes', '/b', '-m', 'second']);
    const [, first] = await listed();
    const { code } = await run(['rollback', first!.revision, '-m', 'b is slow']);
    expect(code).toBe(0);
    expect(consul.folder(folder)).toEqual({ routes: '/a' });
    const after = await listed();
    expect(after.map(({ why }) => why)).toEqual([`rollback to ${first!.revision}: b is slow`, 'second', 'first']);
    expect(after[0]!.hash).toBe(first!.hash);
  });

  it('goes back by the number alone, as gateways with another rules file have another hash', async () => {
    await run(['set', 'routes', '/a']);
    await run(['set', 'routes', '/b']);
    const [, first] = await listed();
    expect((await run(['rollback', `${first!.revision.split('-')[0]}-00000000`])).code).toBe(0);
    expect(consul.folder(folder)).toEqual({ routes: '/a' });
  });

  it('keeps what somebody wrote without obsctl, so that one can go back to it', async () => {
    consul.put(`${folder}/routes`, '/by-hand');
    const byHand = consul.index;
    await run(['set', 'routes', '/b']);
    const [, found] = await listed();
    expect(found).toMatchObject({ by: 'unknown', why: 'found there: written without obsctl' });
    expect(found!.revision).toMatch(new RegExp(`^${byHand}-[0-9a-f]{8}$`));
    expect((await run(['rollback', found!.revision])).code).toBe(0);
    expect(consul.folder(folder)).toEqual({ routes: '/by-hand' });
  });

  it('repairs keys that are wrong', async () => {
    consul.put(`${folder}/baseline_percent`, 'banana');
    expect((await run(['set', 'baseline_percent', '5'])).code).toBe(0);
    expect(consul.folder(folder)).toEqual({ baseline_percent: '5' });
    expect((await listed())[1]!.revision).toMatch(/^\d+-invalid$/);
  });

  it('keeps a hundred revisions', async () => {
    for (let i = 1; i <= 103; i++) expect((await run(['set', 'latency_threshold_ms', `${i}`])).code).toBe(0);
    const revisions = await listed();
    expect(revisions).toHaveLength(100);
    expect(Object.keys(consul.folder(history))).toHaveLength(101);
    expect((await run(['rollback', revisions.at(-1)!.revision])).code).toBe(0);
    expect(consul.folder(folder)).toEqual({ latency_threshold_ms: '4' });
  });

  it('shows what the last change did, and a file or a revision beside Consul', async () => {
    await run(['set', 'routes', '/a']);
    await run(['set', 'debug', 'true']);
    const [, first] = await listed();
    expect((await run(['diff'])).out).toBe('  routes:\n    - /a\n+ debug: true\n');
    expect((await run(['diff', first!.revision])).out).toBe('  routes:\n    - /a\n+ debug: true\n');
    expect(await run(['diff', file('routes: [/b]\n')])).toMatchObject({
      code: 0,
      out: '  routes:\n-   - /a\n- debug: true\n+   - /b\n',
    });
    expect(await run(['diff', file('routes: [/a]\ndebug: true\n')])).toMatchObject({ code: 3, out: '' });
  });

  it('shows what somebody wrote or deleted without obsctl since, beside what obsctl wrote last', async () => {
    await run(['set', 'routes', '/a']);
    await run(['set', 'debug', 'true']);
    const [newest] = await listed();
    consul.put(`${folder}/routes`, '/by-hand');
    const byHand = consul.index;
    const outside = `written without obsctl: routes (index ${byHand})`;
    expect(await run(['diff'])).toMatchObject({
      code: 0,
      out: '  routes:\n-   - /a\n+   - /by-hand\n  debug: true\n',
      err: `# ${newest!.revision} → consul:${folder}, ${outside}\n`,
    });
    expect((await run(['history'])).err).toBe(`obsctl: what is in Consul now is ${outside}; \`diff\` shows it\n`);
    consul.put(`${folder}/routes`, '/a');
    expect((await run(['diff'])).out).toBe('  routes:\n    - /a\n+ debug: true\n');
    consul.put(`${folder}/baseline_percent`, 'banana');
    const wrong = await run(['diff']);
    expect([wrong.code, wrong.out]).toEqual([0, expect.stringContaining('+ baseline_percent: banana\n')]);
    expect(wrong.err).toContain('the gateways refuse this and go on with what was good before');
  });

  it('shows all that is there where nothing was ever written by obsctl', async () => {
    consul.put(`${folder}/debug`, 'true');
    const { out, err } = await run(['diff']);
    expect(out).toBe('+ debug: true\n');
    expect(err).toContain('nothing → ');
    expect(err).toContain('written without obsctl: debug');
  });

  it('knows no other revisions', async () => {
    await run(['set', 'routes', '/a']);
    expect((await run(['rollback', '999999'])).code).toBe(3);
    expect((await run(['rollback', 'yesterday'])).code).toBe(2);
  });

  it('passes over what is no entry, and says so', async () => {
    await run(['set', 'routes', '/a']);
    consul.put(`${history}/0000000000`, '{"by": 5}');
    consul.put(`${history}/note`, 'hello');
    const { code, err } = await run(['history']);
    expect(code).toBe(0);
    expect(err).toBe(`obsctl: passed over in ${history}: 0000000000, note\n`);
  });
});

describe('show', () => {
  it('prints a document that can be pushed, and who wrote it', async () => {
    await run(['set', 'routes', '/a, /b', '--by', 'anna', '-m', 'why not']);
    const { code, out, err } = await run(['show']);
    expect({ code, out }).toEqual({ code: 0, out: 'routes:\n  - /a\n  - /b\n' });
    expect(err).toMatch(/^# consul:tailgate\/sampling\/home, revision \d+-[0-9a-f]{8}, anna, 2026-.*: why not\n$/);
    const before = consul.index;
    expect((await run(['push', file(out)])).err).not.toContain('/c');
    expect(consul.folder(folder)).toEqual({ routes: '- /a\n- /b' });
    expect(consul.index).toBeGreaterThan(before);
  });

  it('says so where there is nothing', async () => {
    expect(await run(['show'])).toMatchObject({ code: 3, out: '' });
    expect(await run(['history'])).toMatchObject({ code: 3, out: '' });
    expect((await run(['history', '-o', 'json'])).out).toBe('[]\n');
  });
});

describe('what goes wrong with Consul', () => {
  it('tells a token without rights, exit code 5', async () => {
    consul.refusal = { status: 403, body: "Permission denied: token lacks permission 'key:read'" };
    const { code, err } = await run(['show']);
    expect(code).toBe(5);
    expect(err).toContain('needs `read` on the key prefixes tailgate/sampling/home/');
  });

  it('tells that nobody is there', async () => {
    const { code, err } = await run(['show'], { env: { CONSUL_HTTP_ADDR: '127.0.0.1:1' } });
    expect(code).toBe(1);
    expect(err).toContain('Consul at http://127.0.0.1:1: connection refused');
  });

  it('tells an address that is none', async () => {
    expect((await run(['show'], { env: { CONSUL_HTTP_ADDR: 'ftp://x' } })).code).toBe(2);
  });

  it('asks the datacenter, partition and namespace that are named', async () => {
    await run(['set', 'debug', 'true', '--datacenter', 'eu', '--partition', 'p']);
    expect(consul.asked.length).toBe(3);
    for (const asked of consul.asked) expect(asked).toMatch(/[?&]dc=eu.*/);
    for (const asked of consul.asked) expect(asked).toMatch(/[?&]partition=p/);
  });
});

describe('--max-kept', () => {
  const gateway = async (status: number, body: unknown) => {
    const bodies: string[] = [];
    const server = createServer(async (request, response) => {
      let text = '';
      for await (const chunk of request) text += chunk;
      bodies.push(`${request.method} ${request.url} ${text}`);
      response.writeHead(status).end(JSON.stringify(body));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    return { url, bodies, [Symbol.dispose]: () => server.closeAllConnections() ?? server.close() };
  };
  const push = (url: string, ...more: string[]) =>
    run(['--gateway', url, 'set', 'baseline_percent', '50', '--max-kept', '20%', ...more]);

  it('refuses what would keep more, unless told otherwise', async () => {
    using it = await gateway(200, { traces: 1000, candidate: { keptTraces: 500 } });
    const { code, err } = await push(it.url);
    expect(code).toBe(1);
    expect(err).toContain('would keep 50 %, more than 20 %: nothing was written');
    expect(it.bodies[0]).toBe('POST /api/simulate {"rules":"baseline_percent: 50\\n","over":"file"}');
    expect(consul.keys.size).toBe(0);
    expect((await push(it.url, '--yes')).code).toBe(0);
  });

  it('lets pass what keeps less', async () => {
    using it = await gateway(200, { traces: 1000, candidate: { keptTraces: 199 } });
    expect((await push(it.url)).code).toBe(0);
  });

  it('says that a gateway has no window, or an empty one', async () => {
    using without = await gateway(404, { error: 'not found' });
    expect((await push(without.url)).err).toContain('has no window of past traces');
    using empty = await gateway(200, { traces: 0, candidate: { keptTraces: 0 } });
    expect((await push(empty.url)).err).toContain('its window holds no trace');
    expect(consul.keys.size).toBe(0);
  });
});
