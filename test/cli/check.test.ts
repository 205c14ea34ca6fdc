import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { check } from '../../src/cli/check.ts';
import { certificateSet, type Issued } from '../support/certificates.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'tailgate-check-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

function file(name: string, text: string): string {
  const path = join(directory, name);
  writeFileSync(path, text);
  return path;
}

async function run(files: string[], env: Record<string, string> = {}) {
  const [out, err]: string[][] = [[], []];
  const collect = (lines: string[]) => ({ write: (text: string) => lines.push(text) });
  const code = await check(files, { stdout: collect(out!), stderr: collect(err!), env });
  return { code, out: out!.join(''), err: err!.join('') };
}

describe('tailgate check', () => {
  it('finds the shipped files fine', async () => {
    const shipped = fileURLToPath(new URL('../../config/gateway.yaml', import.meta.url));
    const { code, out, err } = await run([shipped]);
    expect(err).toBe('');
    expect(out).toMatch(/gateway\.yaml: ok \(home, exporting to store\)\n.*rules\.yaml: ok \(4 policies\)\n$/);
    expect(code).toBe(0);
  });

  it('asks for no rules where nothing is decided, and says what is done instead', async () => {
    const agent = file('agent.yaml', 'mode: agent\ncluster: { members: { static: ["a=10.0.0.1:4319"] } }\n');
    const front = fileURLToPath(new URL('../../deploy/kafka/front.yaml', import.meta.url));
    const out = `${agent}: ok (home, bringing spans to the gateways that own their traces)
${front}: ok (home, writing to the topic otlp_spans)
`;
    expect(await run([agent, front])).toEqual({ code: 0, out, err: '' });
  });

  it('takes the example in the shipped rules once its marks are removed', async () => {
    const shipped = readFileSync(new URL('../../config/rules.yaml', import.meta.url), 'utf8');
    const [head, example] = shipped.split('policies: []\n');
    expect(example).toMatch(/^# {2}- name: /);
    const rules = file('rules.yaml', `${head}policies:\n${example!.replaceAll(/^#/gm, '')}`);
    const told = `${rules}:4: warning: baseline_percent: keeps nothing that 'fifth' does not keep as well\n`;
    const out = `${rules}: ok (5 policies)\n`;
    expect(await run([rules])).toEqual({ code: 0, out, err: told });
    expect(await run(['--strict', rules])).toEqual({ code: 2, out, err: told });
  });

  it('says that a directory is none of its files', async () => {
    const { code, err } = await run([directory]);
    expect(err).toBe(`${directory}: this is a directory: expected a file\n`);
    expect(code).toBe(2);
  });

  it('tells boot files and rules apart by what is in them', async () => {
    const rules = file('a.yaml', 'routes: [/a]');
    const boot = file('b.yaml', 'export: [{ name: s, store: {} }]\nrules: { file: a.yaml }');
    const { code, out } = await run([boot, rules]);
    expect(out).toBe(`${boot}: ok (home, exporting to s)\n${rules}: ok (4 policies)\n${rules}: ok (4 policies)\n`);
    expect(code).toBe(0);
  });

  it("takes a Collector's configuration for rules, and tells what becomes of the rest of it", async () => {
    const tail = '{ decision_wait: 30s, policies: [{ name: all, type: always_sample }] }';
    const rules = file('otel.yaml', `receivers: {}\nprocessors: { tail_sampling: ${tail} }\nexporters: {}\n`);
    const { code, out } = await run([rules]);
    expect(out.split('\n')).toEqual([
      `${rules}: ok (1 policies)`,
      `${rules}: note: receivers, exporters: not rules: the boot file says what is received, changed and exported`,
      `${rules}: note: processors.tail_sampling.decision_wait: set elsewhere: buffer.decision_wait in the boot file (here "30s")`,
      '',
    ]);
    expect(code).toBe(0);
  });

  it('knows the tenants of a boot file, and whether its rules have others', async () => {
    const rules = file('a.yaml', 'tenants:\n  shop: { debug: true }\n  search: {}');
    expect((await run([rules])).code).toBe(0);
    const tenants = 'receive: { grpc: {}, tenants: { allow: [shop] } }\ntenants: { shop: { share: 2 } }';
    const boot = file('b.yaml', `export: [{ name: s, store: {} }]\nrules: { file: a.yaml }\n${tenants}`);
    const { code, out, err } = await run([boot]);
    expect([code, out]).toEqual([2, `${boot}: ok (home, exporting to s)\n`]);
    expect(err).toMatch(/a.yaml:3: tenants.search: no such tenant/);
  });

  it('reads the certificates and keys of a boot file where they are all there', async () => {
    const { ca, server, client, foreignClient } = await certificateSet(join(directory, 'tls'));
    const own = ({ certFile, keyFile }: Pick<Issued, 'certFile' | 'keyFile'>, more = '') =>
      `{ cert_file: ${certFile}, key_file: ${keyFile}${more} }`;
    const boot = (receive: string, tls: string) =>
      file(
        'tls.yaml',
        `receive: { grpc: {}, tls: ${receive} }\nadmin: { tls: ${own(server)} }\nrules: { consul: {} }\n` +
          `export: [{ name: t, otlp: { endpoint: "https://t", tls: ${tls} } }]`,
      );
    expect(await run([boot(own(server, `, client_ca_file: ${ca.caFile}`), own(client))])).toMatchObject({ code: 0 });
    const mixed = { certFile: client.certFile, keyFile: foreignClient.keyFile };
    const broken = await run([boot(own(server, `, client_ca_file: ${server.keyFile}`), own(mixed))]);
    expect(broken.code).toBe(2);
    expect(broken.err.trimEnd().split('\n')).toEqual([
      `receive.tls.client_ca_file: ${server.keyFile}: holds no certificate: expected PEM`,
      'export t: otlp.tls: the key does not belong to the certificate',
    ]);
    expect((await run([boot(own({ certFile: 'a', keyFile: 'b' }), '{ ca_file: c }')])).code).toBe(0);
  });

  it('reads the tokens and passwords of a boot file where they are there, and tells no token', async () => {
    const boot = file(
      'gateway.yaml',
      `export: [{ name: store, store: {} }]
receive:
  auth: { bearer_token_file: senders }
  grpc: {}
  http: { auth: { basic_htpasswd_file: users } }
admin: { auth: { bearer_token_file: admins } }`,
    );
    file('rules.yaml', '{}');
    expect((await run([boot])).code).toBe(0);
    const senders = file('senders', 'a: 0123456789abcdef\nb: sesame\n');
    const users = file('users', 'ana:$6$sesame\n');
    const admins = file('admins', 'a: 0123456789abcdef read\n');
    const { code, err } = await run([boot]);
    expect(code).toBe(2);
    expect(err.trim().split('\n')).toEqual([
      expect.stringContaining(`receive.auth.bearer_token_file: ${senders}: line 2: a token of 6 characters`),
      expect.stringContaining(`receive.http.auth.basic_htpasswd_file: ${users}: line 1: a hash of another kind`),
    ]);
    expect(err).not.toMatch(/sesame|0123/);
    expect(err).not.toContain(admins);
  });

  it('names each mistake in each file, with its line, and gives 2', async () => {
    const rules = file('a.yaml', 'debug: false\nroutes: [a]\nlatency_threshold_ms: x');
    const boot = file('b.yaml', 'export: []\nbuffer: { max_bites: 1 }');
    const fine = file('c.yaml', '{}');
    const { code, out, err } = await run([rules, boot, fine]);
    expect(code).toBe(2);
    expect(err.split('\n').map((line) => line.split(': ').slice(0, 2).join(': '))).toEqual([
      `${rules}:2: routes[0]`,
      `${rules}:3: latency_threshold_ms`,
      `${boot}:1: export`,
      `${boot}:2: buffer.max_bites`,
      '',
    ]);
    expect(out).toBe(`${fine}: ok (4 policies)\n`);
  });

  it('compiles: a policy of an unknown type is an error with a line', async () => {
    const rules = file('a.yaml', 'policies:\n- name: x\n  type: magic\n');
    const { code, err } = await run([rules]);
    expect(err).toContain(`${rules}:3: policies[0].type: unknown policy type 'magic'`);
    expect(err.trim().split('\n')).toHaveLength(1);
    expect(code).toBe(2);
  });

  it('tells policies of unknown types with the other mistakes', async () => {
    const policies = 'policies:\n- { name: x, type: magic }\n- { name: y, type: probablistic }';
    const rules = file('a.yaml', `routes: [login]\n${policies}\nlatency_threshold_ms: fast\n`);
    const { code, err } = await run([rules]);
    expect(code).toBe(2);
    expect(
      err
        .trimEnd()
        .split('\n')
        .map((line) => line.split(': ').slice(0, 3).join(': ')),
    ).toEqual([
      `${rules}:1: routes[0]: "login"`,
      expect.stringContaining(
        `${rules}:3: policies[0].type: unknown policy type 'magic'; this version knows always_sample, `,
      ),
      `${rules}:4: policies[1].type: unknown policy type 'probablistic'; did you mean probabilistic?`,
      `${rules}:5: latency_threshold_ms: "fast"`,
    ]);
  });

  it('compiles for the environment that will run them', async () => {
    const rules = file('rules.yaml', 'baseline_percent: { staging: 5 }');
    expect((await run([rules])).code).toBe(0);
    expect((await run([rules], { DEPLOYMENT_ENVIRONMENT: 'home' })).err).toContain(`${rules}:1: baseline_percent: `);
    const boot = file('b.yaml', 'environment: production\nexport: [{ name: s, store: {} }]');
    expect((await run([boot])).err).toContain(`${rules}:1: baseline_percent: `);
  });

  it('misses the rules file of a boot file, unless Consul may give the rules', async () => {
    const boot = 'export: [{ name: s, store: {} }]\n';
    const { code, err } = await run([file('b.yaml', boot)]);
    expect(err).toBe(
      `${join(directory, 'rules.yaml')}: there is no such rules file: rules.file in the boot file names it, TAILGATE_RULES with the one that is shipped\n`,
    );
    expect(code).toBe(2);
    expect((await run([file('c.yaml', `${boot}rules: { consul: {} }`)])).code).toBe(0);
  });

  it('knows its kind even where the YAML is broken', async () => {
    const boot = file('b.yaml', 'receive:\n  grpc: {\nexport: x');
    const { err } = await run([boot]);
    expect(err).toContain('not valid YAML');
    expect(err).not.toContain('neither');
  });

  it('says of traces that rules are tried on which command does it', async () => {
    const path = fileURLToPath(new URL('../../config/rules-test.yaml', import.meta.url));
    const said = `traces that rules are tried on: obsctl sampling test ${path} does it`;
    expect(await run([path])).toMatchObject({ code: 0, out: `${path}: ok (${said})\n`, err: '' });
    const wrong = await run([file('test.yaml', 'rules: rules.yaml\ntraces:\n  - { name: a, expect: kep }\n')]);
    expect([wrong.code, wrong.out]).toEqual([2, '']);
    expect(wrong.err).toMatch(/test\.yaml:3: .*\n.*: traces that rules are tried on: obsctl sampling test /s);
  });

  it.each([
    ['another file', 'name: x\nversion: 1', 'neither a boot file (receive, export, …) nor rules (routes, policies, …)'],
    ['an empty file', '', ':1: empty: expected rules'],
    ['a list', '- a\n- b', 'neither a boot file'],
    ['a word', 'hello', 'neither a boot file'],
  ])('refuses %s', async (_, text, message) => {
    const { code, err } = await run([file('x.yaml', text)]);
    expect(err).toContain(message);
    expect(code).toBe(2);
  });

  it('refuses what is not there, and nothing at all', async () => {
    expect((await run([join(directory, 'none.yaml')])).err).toContain('there is no such file');
    expect((await run([directory])).code).toBe(2);
    expect((await run([])).code).toBe(2);
  });

  it('tells what the gateway would: bytes that are no text, limits, cycles, a key of no type', async () => {
    const bytes = join(directory, 'bytes.yaml');
    writeFileSync(bytes, Buffer.from('routes:\n- /a\n- /\xff\n', 'latin1'));
    const cycle = file('cycle.yaml', 'debug: false\nroutes: &r [*r]');
    const key = file(
      'key.yaml',
      'policies:\n- name: p\n  type: probabilistic\n  probabilistic: { sampling_precentage: 5 }',
    );
    const type = file('type.yaml', 'policies:\n- { name: p, type: toString }');
    const large = file('large.yaml', `debug: true #${'x'.repeat(2_000)}`);
    const boot = file('boot.yaml', 'export: [{ name: s, store: {} }]\nrules: { file: large.yaml, max_bytes: 1KiB }');
    const { code, err } = await run([bytes, cycle, key, type, boot, large]);
    expect(code).toBe(2);
    expect(err.trimEnd().split('\n')).toEqual([
      `${bytes}:3: not valid UTF-8`,
      `${cycle}:2: routes[0]: *r: leads into itself, without end`,
      `${key}:4: policies[0].probabilistic.sampling_percentage: missing: expected a number from 0 to 100`,
      `${key}:4: policies[0].probabilistic.sampling_precentage: unknown key, did you mean sampling_percentage?`,
      expect.stringContaining(
        `${type}:2: policies[0].type: unknown policy type 'toString'; this version knows always_sample, `,
      ),
      `${large}: 2013 bytes: expected at most 1024 (rules.max_bytes)`,
    ]);
  });
});
