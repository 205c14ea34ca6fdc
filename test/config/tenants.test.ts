import { describe, expect, it } from 'vitest';
import { loadBoot } from '../../src/config/load.ts';
import { shareOf } from '../../src/model/tenant.ts';
import { amongShards, amongTenants } from '../../src/threads/divide.ts';
import { shardsFor } from '../../src/threads/shards-for.ts';

const load = (text: string) => loadBoot(text, { file: 'gateway.yaml', env: {}, cwd: '/srv' });
const errors = (text: string) => {
  const result = load(text);
  return 'errors' in result ? result.errors : [];
};
const config = (text: string) => {
  const result = load(text);
  if ('errors' in result) throw new Error(result.errors.join('\n'));
  return result.config;
};
const store = 'export: [{ name: store, store: {} }]\n';
const receive = (tenants: string): string => `${store}receive: { grpc: {}, tenants: ${tenants} }\n`;

describe('receive.tenants', () => {
  it('left out is one tenant without a name', () => {
    expect(config(store).tenants).toBe(undefined);
  });

  it('names who may send, with limits for some', () => {
    const text = `${receive('{ allow: [a, "b.*\'()!-_", c], default: c }')}tenants: { a: { share: 2, max_bytes_per_second: 10MiB } }`;
    expect(config(text).tenants).toEqual({
      header: 'x-scope-orgid',
      defaultName: 'c',
      each: [
        { name: 'a', share: 2, maxBytesPerSecond: 10 * 2 ** 20 },
        { name: "b.*'()!-_", share: 1, maxBytesPerSecond: 0 },
        { name: 'c', share: 1, maxBytesPerSecond: 0 },
      ],
    });
  });

  it.each(['a|b', '.', '..', '', 'a b', 'ü', 'x'.repeat(151), 'a/b', 'a,b'])('refuses the name %j', (name) => {
    expect(errors(receive(`{ allow: [${JSON.stringify(name)}] }`))[0]).toMatch(
      /^gateway.yaml:2: receive.tenants.allow\[0\]: .*at most 150 of/,
    );
  });

  it.each([
    ['{ allow: [] }', 'allow: []: expected at least one'],
    ['{ allow: [a, a] }', 'allow: .*: a name twice|a name twice'],
    ['{ allow: [a], default: b }', 'default: not one of receive.tenants.allow: expected one of a'],
    ['{ allow: [a], header: Authorization }', 'header: .*expected a header that means nothing else'],
    ['{ allow: [a], header: grpc-timeout }', 'header: .*expected a header that means nothing else'],
    ['{ allow: [a], header: org-bin }', 'header: .*expected a header that means nothing else'],
    ['{ allow: [a], header: "x y" }', 'header: .*expected the name of a header'],
    [`{ allow: [${Array.from({ length: 65 }, (_, i) => `t${i}`)}] }`, 'allow: 65 names: expected at most 64'],
  ])('%s is an error', (tenants, message) => {
    expect(errors(receive(tenants)).join('\n')).toMatch(new RegExp(message.replaceAll('[', '\\[')));
  });

  it('are the only ones that limits are for', () => {
    const text = `${receive('{ allow: [a] }')}tenants: { b: { share: 2 } }`;
    expect(errors(text)).toEqual([
      'gateway.yaml:3: tenants.b: not one of receive.tenants.allow: add the name there, or leave it out here',
    ]);
    expect(errors(`${store}tenants: { b: {} }`)[0]).toMatch(/tenants.b: not one of receive.tenants.allow/);
  });

  it('and an exporter that names one of them always are an error', () => {
    const exporter = '{ name: x, otlp: { endpoint: "http://x:4317", headers: { X-SCOPE-orgid: a } } }';
    expect(errors(`receive: { grpc: {}, tenants: { allow: [a] } }\nexport: [${exporter}]`)).toEqual([
      'gateway.yaml:2: export[0].otlp.headers.X-SCOPE-orgid: each request goes out with its own tenant in this header (receive.tenants): leave it out here',
    ]);
    expect(errors(`export: [${exporter}]`)).toEqual([]);
  });
});

describe('the buffer of a tenant', () => {
  const limits = (share: number) => `tenants: { a: { share: ${share} } }\n`;
  const sized = (maxBytes: string, shards: string, share = 1) =>
    `${receive('{ allow: [a, b] }').replace('grpc: {},', 'grpc: {}, max_request_bytes: 1MiB,')}${limits(share)}buffer: { max_bytes: ${maxBytes} }\nshards: ${shards}\n`;

  it('must hold the largest request, and the error says what to set', () => {
    expect(errors(sized('3MiB', '2'))).toEqual([
      expect.stringMatching(
        /^gateway.yaml:4: buffer.max_bytes: 3145728: tenant a has 786432 bytes of it in each of 2 shards.*at least 4194304, receive.max_request_bytes of at most 786432, or a larger tenants.a.share$/,
      ),
    ]);
    expect(errors(sized('4MiB', '2'))).toEqual([]);
    expect(errors(sized('4MiB', '1', 7))[0]).toMatch(/tenant b has 524288 bytes/);
  });

  it('is its share of what each shard has, and so is what is remembered', () => {
    const whole = config(sized('16MiB', '2', 3));
    expect([shareOf(whole.tenants, 0), shareOf(whole.tenants, 1)]).toEqual([0.75, 0.25]);
    const shard = amongShards(whole, 2);
    const parts = [0, 1].map((index) => amongTenants(shard, index).buffer);
    expect(parts.map(({ maxBytes }) => maxBytes)).toEqual([6 * 2 ** 20, 2 * 2 ** 20]);
    expect(parts.reduce((sum, { rememberedDecisions }) => sum + rememberedDecisions, 0)).toBeGreaterThanOrEqual(
      shard.buffer.rememberedDecisions,
    );
  });

  it('is why there may be fewer shards than cores', () => {
    expect(shardsFor(config(sized('16MiB', 'auto', 3)), 64)).toBe(4);
    expect(shardsFor(config(sized('16MiB', 'auto', 1)), 64)).toBe(8);
  });
});
