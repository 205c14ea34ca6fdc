// biome-ignore-all lint/suspicious/noTemplateCurlyInString: that is the syntax of the boot file.
import { describe, expect, it } from 'vitest';
import { type BootSurroundings, loadBoot } from '../../src/config/load.ts';
import type { BootConfig } from '../../src/config/schema.ts';

const from: BootSurroundings = { file: '/etc/tailgate/gateway.yaml', env: {}, cwd: '/srv' };
const withStore = 'export: [{ name: store, store: {} }]\n';

function config(text: string, env: BootSurroundings['env'] = {}): BootConfig {
  const result = loadBoot(text, { ...from, env });
  if ('errors' in result) throw new Error(result.errors.join('\n'));
  return result.config;
}

function errors(text: string, env: BootSurroundings['env'] = {}): readonly string[] {
  const result = loadBoot(text, { ...from, env });
  return 'errors' in result ? result.errors : [];
}

describe('a boot file that says little', () => {
  it('gets the defaults of the contract', () => {
    expect(config(withStore)).toMatchObject({
      environment: 'home',
      traceDebug: false,
      shards: 'auto',
      shutdownTimeoutMs: 30_000,
      dataDirectory: '/srv/data',
      receive: {
        grpc: { endpoint: { host: '127.0.0.1', port: 4317 }, server: 'http2' },
        http: { endpoint: { host: '127.0.0.1', port: 4318 }, cors: { allowedOrigins: [] } },
        maxRequestBytes: 64 * 2 ** 20,
        maxConnections: 10_000,
        maxInflightBytes: 256 * 2 ** 20,
        maxConnectionBytes: 64 * 2 ** 20,
      },
      buffer: {
        decisionWaitMs: 15_000,
        decisionWaitAfterRootMs: 0,
        maxBytes: 512 * 2 ** 20,
        maxTraceBytes: 5_000_000,
        onFull: 'decide_oldest',
        rememberedDecisions: 262_144,
      },
      rules: { file: '/etc/tailgate/rules.yaml' },
      enrich: { resource: {}, set: {} },
      batch: { maxBytes: 3 * 2 ** 20, maxSpans: 8192, maxAgeMs: 1_000 },
      export: [{ name: 'store', store: { directory: '/srv/data/store', retentionMs: 86_400_000, maxBytes: 2 ** 31 } }],
      admin: { endpoint: { host: '127.0.0.1', port: 8888 } },
      log: { level: 'info' },
    });
  });

  it('hides secrets unless told otherwise', () => {
    expect(config(withStore).redact.length).toBeGreaterThan(0);
    expect(config(`${withStore}redact: []`).redact).toEqual([]);
  });

  it('gives an OTLP exporter a queue and retries', () => {
    expect(config('export: [{ name: tempo, otlp: { endpoint: "http://tempo:4317" } }]').export).toEqual([
      {
        name: 'tempo',
        otlp: { endpoint: 'http://tempo:4317', protocol: 'grpc', compression: 'gzip', headers: {}, timeoutMs: 10_000 },
        queue: { maxBytes: 256 * 2 ** 20 },
        retry: { initialMs: 1_000, maxMs: 30_000, giveUpAfterMs: 300_000 },
      },
    ]);
  });

  it('turns a protocol off that has no block where another has one', () => {
    const { receive } = config(`${withStore}receive: { http: {} }`);
    expect(receive.grpc).toBeUndefined();
    expect(receive.http?.endpoint.port).toBe(4318);
  });

  it('accepts what says that the features to come are off', () => {
    const off = 'mode: gateway\nobserve: {}\nshards: 1\nbuffer: { durable: { directory: "" } }\n';
    expect(config(withStore + off).shards).toBe(1);
  });
});

describe('paths', () => {
  it('takes the rules from beside the boot file, and data from where the gateway was started', () => {
    const {
      rules,
      dataDirectory,
      export: exporters,
    } = config(`${withStore}data_directory: d\nrules: { file: ../r.yaml }`);
    expect(rules.file).toBe('/etc/r.yaml');
    expect(dataDirectory).toBe('/srv/d');
    expect(exporters).toMatchObject([{ store: { directory: '/srv/d/store' } }]);
  });

  it('leaves absolute ones as they are', () => {
    const text =
      'export: [{ name: s, store: { directory: /var/s } }]\ndata_directory: /var/d\nrules: { file: /r.yaml }';
    expect(config(text)).toMatchObject({
      rules: { file: '/r.yaml' },
      dataDirectory: '/var/d',
      export: [{ store: { directory: '/var/s' } }],
    });
  });
});

describe('TLS of ports', () => {
  const files = { cert_file: '/etc/tailgate/a.crt', key_file: '/srv/a.key' };

  it('is for both receivers, unless one has its own, and its files are beside the boot file', () => {
    const shared = 'tls: { cert_file: a.crt, key_file: /srv/a.key }';
    const own = 'tls: { cert_file: b.crt, key_file: b.key, client_ca_file: ../ca.crt, reload_interval: 5s }';
    const { receive, admin } = config(`${withStore}receive: { grpc: { ${own} }, http: {}, ${shared} }`);
    expect(receive.http?.tls).toEqual({ block: 'receive.tls', files, reloadIntervalMs: 60_000 });
    expect(receive.grpc?.tls).toEqual({
      block: 'receive.grpc.tls',
      files: { cert_file: '/etc/tailgate/b.crt', key_file: '/etc/tailgate/b.key', client_ca_file: '/etc/ca.crt' },
      reloadIntervalMs: 5_000,
    });
    expect(admin.tls).toBeUndefined();
    expect(config(`${withStore}admin: { ${shared} }`).admin.tls).toMatchObject({ block: 'admin.tls', files });
  });

  it.each([
    ['receive: { grpc: { tls: {} } }', 'receive.grpc.tls.cert_file: missing: expected a file name'],
    ['admin: { tls: { cert_file: a } }', 'admin.tls.key_file: missing: expected a file name'],
    ['receive: { grpc: {}, tls: null }', 'receive.tls: empty: expected a block of keys'],
  ])('needs its files: %s', (text, message) => {
    expect(errors(withStore + text).join()).toContain(message);
  });
});

describe('what a variable can switch', () => {
  it('leaves an exporter out whose endpoint is empty', () => {
    const text = `export:\n - { name: store, store: {} }\n - { name: tempo, otlp: { endpoint: "\${env:TEMPO:-}" } }`;
    expect(config(text).export.map(({ name }) => name)).toEqual(['store']);
    expect(config(text, { TEMPO: 'http://t:4317' }).export.map(({ name }) => name)).toEqual(['store', 'tempo']);
  });

  it('reads rules from Consul where it has an address', () => {
    const text = `${withStore}rules: { consul: { address: "\${env:CONSUL_HTTP_ADDR:-}" } }`;
    expect(config(text).rules.consul).toBeUndefined();
    expect(config(text, { CONSUL_HTTP_ADDR: 'c:8500' }).rules.consul).toMatchObject({
      prefix: 'tailgate/sampling',
      client: { url: 'http://c:8500' },
    });
  });

  it('finds Consul where its own variables say when the block names no address', () => {
    const text = `${withStore}rules: { consul: {} }`;
    expect(config(text).rules.consul?.client.url).toBe('http://127.0.0.1:8500');
    expect(config(text, { CONSUL_HTTP_ADDR: 'https://c' }).rules.consul?.client.url).toBe('https://c:443');
    const named = `${withStore}rules: { consul: { datacenter: eu, namespace: n, partition: p } }`;
    const env = { CONSUL_NAMESPACE: 'variable', CONSUL_PARTITION: 'variable' };
    expect(config(named, env).rules.consul?.client).toMatchObject({ datacenter: 'eu', namespace: 'n', partition: 'p' });
    expect(config(text, env).rules.consul?.client).toMatchObject({ namespace: 'variable', partition: 'variable' });
  });

  it('switches debugging on by 1 or true', () => {
    const text = `${withStore}trace_debug: \${env:TRACE_DEBUG:-0}`;
    expect(config(text).traceDebug).toBe(false);
    expect(config(text, { TRACE_DEBUG: '1' }).traceDebug).toBe(true);
    expect(config(text, { TRACE_DEBUG: 'true' }).traceDebug).toBe(true);
    expect(errors(text, { TRACE_DEBUG: 'perhaps' })[0]).toContain('expected true or false');
  });
});

describe('a variable', () => {
  it('gives text where text belongs, whatever it looks like', () => {
    const text = `${withStore}environment: \${env:E}\ndata_directory: \${env:D}\nenrich: { set: { v: \${env:V} } }`;
    const { environment, dataDirectory, enrich } = config(text, { E: '007', D: '1e3', V: '1.10' });
    expect({ environment, dataDirectory, enrich }).toEqual({
      environment: '007',
      dataDirectory: '/srv/1e3',
      enrich: { resource: {}, set: { v: '1.10' } },
    });
  });

  it('gives numbers, sizes and switches where those belong, blanks round them or not', () => {
    const text = `${withStore}shards: \${env:S}\ntrace_debug: \${env:T}\nbatch: { max_spans: "\${env:N}" }\nbuffer: { max_bytes: \${env:B} }`;
    const env = { S: '2', T: 'True', N: '100\n', B: ' 1048576' };
    expect(config(text, env)).toMatchObject({
      shards: 2,
      traceDebug: true,
      batch: { maxSpans: 100 },
      buffer: { maxBytes: 1 << 20 },
    });
    expect(errors(text, { ...env, N: '1_000' })).toEqual([
      '/etc/tailgate/gateway.yaml:4: batch.max_spans: "1_000": expected a whole number from 1 to 10000000',
    ]);
    expect(errors(text, { ...env, S: '.inf' })[0]).toContain('shards: ".inf": expected auto or a number');
  });

  it('brings a secret into a header as it is', () => {
    const secret = "a\\b\"c #d: 'e' {f}";
    const text = 'export: [{ name: a, otlp: { endpoint: "http://a", headers: { A: "${env:S}", B: ${env:S} } } }]';
    expect(config(text, { S: secret }).export[0]).toMatchObject({ otlp: { headers: { A: secret, B: secret } } });
  });

  it('with a line break is no header, and is not shown', () => {
    const text = 'export: [{ name: a, otlp: { endpoint: "http://a", headers: { A: "${env:S}" } } }]';
    expect(errors(text, { S: 'hunter2\n' })).toEqual([
      '/etc/tailgate/gateway.yaml:1: export[0].otlp.headers.A: holds a line break or another control character: is there one at the end of a variable?',
    ]);
  });
});

describe('a boot file with mistakes', () => {
  it('is told all of them, each with its line and key', () => {
    const text = [
      'environment: home',
      'shutdown_timeout: 30',
      'receive:',
      '  grpc: { endpoint: 4317 }',
      'buffer:',
      '  decision_wiat: 5s',
      '  max_bytes: 12 parsecs',
      'export:',
      '  - name: tempo',
      '    otlp:',
      '      endpoint: tempo:4317',
    ].join('\n');
    expect(errors(text)).toEqual([
      '/etc/tailgate/gateway.yaml:2: shutdown_timeout: 30: expected a duration from 0s to 1h, such as 500ms, 15s, 2m',
      '/etc/tailgate/gateway.yaml:4: receive.grpc.endpoint: 4317: expected host:port, such as 127.0.0.1:4317, [::1]:4317 or, for every interface, 0.0.0.0:4317',
      '/etc/tailgate/gateway.yaml:6: buffer.decision_wiat: unknown key, did you mean decision_wait?',
      '/etc/tailgate/gateway.yaml:7: buffer.max_bytes: "12 parsecs": expected a size from 1MiB to 4TiB, such as 64MiB, 5MB or a number of bytes',
      '/etc/tailgate/gateway.yaml:11: export[0].otlp.endpoint: "tempo:4317": expected a URL such as http://tempo:4317',
    ]);
  });

  it.each([
    ['a key twice', 'log: {}\nadmin: {}\nlog: {}', ':3: log: stands here twice: expected each key once'],
    ['broken YAML', 'receive:\n  grpc: {', ':2: not valid YAML: '],
    ['two documents', `${withStore}---\nlog: {}`, 'not valid YAML: '],
    ['a list', '- receive', ':1: ["receive"]: expected a block of keys'],
    ['an empty block', `${withStore}buffer:`, ':2: buffer: empty: expected a block of keys; write {}'],
    ['no exporter', 'log: {}', 'export: missing: expected a list'],
    ['exporters that all are empty', 'export: [{ name: a, otlp: { endpoint: "" } }]', 'kept traces would go nowhere'],
    ['an empty list of exporters', 'export: []', 'kept traces would go nowhere'],
    ['two exporters of a name', 'export: [{name: a, store: {}}, {name: a, store: {}}]', 'export[1].name: "a" is taken'],
    ['no brokers', `${withStore}kafka: { brokers: [], role: produce }`, 'kafka.brokers: []: expected at least one'],
    ['a broker without a port', `${withStore}kafka: { brokers: [k1], role: produce }`, 'kafka.brokers[0]: "k1"'],
    ['no role', `${withStore}kafka: { brokers: ["k1:9092"] }`, 'kafka.role: missing: expected one of produce'],
    [
      'a password in the clear',
      `${withStore}kafka: { brokers: ["k1:9092"], role: both, sasl: { mechanism: PLAIN, username: u, password: p } }`,
      'PLAIN sends the password as it is',
    ],
    [
      'half a certificate for brokers',
      `${withStore}kafka: { brokers: ["k1:9092"], role: both, tls: { key_file: k.pem } }`,
      'kafka.tls.key_file: ',
    ],
    [
      'Kafka and tenants',
      `${withStore}kafka: { brokers: ["k1:9092"], role: both }\nreceive: { grpc: {}, tenants: { header: X-Org, allow: [a] } }`,
      'kafka: cannot be used with receive.tenants: a record does not say whose it is; expected gateways, and a topic',
    ],
    [
      'Kafka and other gateways',
      `${withStore}kafka: { brokers: ["k1:9092"], role: consume }\ncluster: { members: { static: ["a=b:1"] } }`,
      'kafka: cannot be used with cluster: whoever reads a trace’s partition owns it',
    ],
    [
      'Kafka in an agent',
      'mode: agent\ncluster: { members: { static: ["a=b:1"] } }\nkafka: { brokers: ["k1:9092"], role: produce }',
      'kafka: cannot be used with cluster: whoever reads a trace’s partition owns it',
    ],
    [
      'a topic for what cannot be read of a gateway that reads none',
      `${withStore}kafka: { brokers: ["k1:9092"], role: produce, dead_letter_topic: dead }`,
      'kafka.dead_letter_topic: belongs to role consume or both, which read the topic',
    ],
    [
      'what cannot be read to the topic that is read',
      `${withStore}kafka: { brokers: ["k1:9092"], role: both, topic: spans, dead_letter_topic: spans }`,
      'kafka.dead_letter_topic: the topic that is read: expected another one',
    ],
    ['an exporter of nothing', 'export: [{name: a}]', 'export[0]: expected either an otlp, a kafka or a store block'],
    [
      'a store with a queue',
      'export: [{name: a, store: {}, queue: {}}]',
      'export[0].queue: belongs to an otlp or kafka exporter',
    ],
    [
      'retries that shrink',
      'export: [{name: a, otlp: {endpoint: "http://a"}, retry: {initial: 1m}}]',
      'retry.max: shorter',
    ],
    [
      'a header that is a number',
      'export: [{name: a, otlp: {endpoint: "http://a", headers: {X: 1}}}]',
      'put numbers in quotes',
    ],
    ['no receiver', `${withStore}receive: { max_request_bytes: 1MiB }`, 'receive: nothing would listen'],
    [
      'requests above the limit',
      `${withStore}receive: { http: {}, max_inflight_bytes: 1MiB }`,
      'smaller than max_request_bytes',
    ],
    [
      'traces above the buffer',
      `${withStore}buffer: { max_bytes: 1MiB, max_trace_bytes: 2MiB }`,
      'buffer.max_trace_bytes: larger than max_bytes',
    ],
    ['a word', `${withStore}buffer: { on_full: panic }`, '"panic": expected one of decide_oldest, refuse'],
    ['a port beyond the last', `${withStore}admin: { endpoint: "a:65536" }`, 'expected host:port'],
    ['an environment with a slash', `${withStore}environment: a/b`, ':2: environment: "a/b": expected a name'],
    [
      'a Consul that is no address',
      `${withStore}rules: { consul: { address: "a:b:c" } }`,
      ':2: rules.consul.address: "a:b:c"',
    ],
    ['no shards', `${withStore}shards: 0`, ':2: shards: 0: expected auto or a number from 1 to 64'],
    ['too many shards', `${withStore}shards: 65`, ':2: shards: 65: expected auto or a number from 1 to 64'],
    ['a prefix with a slash', `${withStore}rules: { consul: { prefix: /a } }`, 'rules.consul.prefix: "/a"'],
    ['an attribute that is a list', `${withStore}enrich: { resource: { a: [1] } }`, ':2: enrich.resource.a: '],
    ['a redaction rule of nothing', `${withStore}redact:\n  - name: x`, ':3: redact[0]: '],
  ])('%s', (_, text, message) => {
    const found = errors(text);
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(message);
  });

  it.each(['buffer: { durable: { directory: data/wal } }'])(
    'refuses, rather than ignores, what is still to come: %s',
    (text) => {
      const found = errors(`${withStore}\n${text}`);
      expect(found.join()).toMatch(/gateway\.yaml:3: .*not supported in this version/);
    },
  );

  it('finds the files of tokens and passwords beside the boot file', () => {
    const text = `${withStore}receive:
  auth: { bearer_token_file: senders.txt }
  grpc: {}
  http: { auth: { basic_htpasswd_file: /etc/users } }
admin: { auth: { bearer_token_file: admin.txt } }`;
    const { receive, admin } = config(text);
    expect(receive.auth).toEqual({ bearerTokenFile: '/etc/tailgate/senders.txt' });
    expect(receive.grpc?.auth).toBeUndefined();
    expect(receive.http?.auth).toEqual({ basicHtpasswdFile: '/etc/users' });
    expect(admin.auth).toEqual({ bearerTokenFile: '/etc/tailgate/admin.txt' });
  });

  it.each([
    ['{}', ':2: receive.auth: '],
    ['{ bearer_token_file: a, basic_htpasswd_file: b }', ':2: receive.auth: '],
    ['{ client_subjects: [] }', ':2: receive.auth.client_subjects: []: expected at least one'],
    ['{ client_subjects: ["a.*.b"] }', ':2: receive.auth.client_subjects[0]: '],
    ['{ client_subjects: [a] }', ':2: receive.grpc: client_subjects without tls.client_ca_file'],
    ['{ bearer_token: a }', ':2: receive.auth.bearer_token: unknown key, did you mean bearer_token_file?'],
  ])('refuses an auth block that says nothing, or two things: %s', (auth, message) => {
    const found = errors(`${withStore}receive: { auth: ${auth}, grpc: {} }`);
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(message);
  });

  it('refuses a queue on disk', () => {
    expect(errors('export: [{ name: a, otlp: { endpoint: "http://a" }, queue: { directory: q } }]')[0]).toContain(
      'export[0].queue.directory: not supported in this version',
    );
  });

  it('names the variable of an address that is none', () => {
    expect(errors(`${withStore}rules: { consul: {} }`, { CONSUL_HTTP_ADDR: 'a:b:c' })[0]).toContain(
      'CONSUL_HTTP_ADDR=a:b:c',
    );
  });

  it("does not repeat the password in Consul's address", () => {
    const found = errors(`${withStore}rules: { consul: { address: "http://u:hunter2@consul" } }`);
    expect(found.join()).toContain('CONSUL_HTTP_AUTH');
    expect(found.join()).not.toContain('hunter2');
  });

  it('does not repeat a header, which may be a secret', () => {
    const text = 'export: [{ name: a, otlp: { endpoint: "http://a", headers: { Authorization: [hunter2] } } }]';
    expect(errors(text).join()).not.toContain('hunter2');
  });
});

describe('TLS of an exporter', () => {
  const exporter = (endpoint: string, tls: string) =>
    `export: [{ name: a, otlp: { endpoint: "${endpoint}", tls: ${tls} } }]`;

  it('names files beside the boot file, and how often they are looked at', () => {
    const tls =
      '{ ca_file: tls/ca.pem, cert_file: /c.pem, key_file: ../k.pem, server_name: tempo, reload_interval: 5s }';
    const files = { ca_file: '/etc/tailgate/tls/ca.pem', cert_file: '/c.pem', key_file: '/etc/k.pem' };
    expect(config(exporter('https://a', tls)).export).toMatchObject([
      { otlp: { tls: { files, serverName: 'tempo', reloadIntervalMs: 5_000 } } },
    ]);
    expect(config(exporter('https://a', '{}')).export).toMatchObject([
      { otlp: { tls: { files: {}, reloadIntervalMs: 60_000 } } },
    ]);
  });

  it.each([
    ['http://a:4317', '{ ca_file: x }', 'export[0].otlp.tls: belongs to an endpoint that begins with https://'],
    ['https://a', '{ cert_file: x }', 'export[0].otlp.tls.key_file: expected together with cert_file'],
    ['https://a', '{ key_file: x }', 'export[0].otlp.tls.key_file: expected together with cert_file'],
    ['https://a', '{ insecure: true }', 'refused: an endpoint that begins with http:// is reached without TLS'],
    ['https://a', '{ insecure_skip_verify: true }', 'refused: whoever stands between would get every span'],
    ['https://a', '{ server_name: "a:443" }', 'expected a name or an address'],
    ['https://a', '{ ca_fle: x }', 'unknown key, did you mean ca_file?'],
  ])('%s with %s is refused', (endpoint, tls, message) => {
    expect(errors(exporter(endpoint, tls))).toEqual([expect.stringContaining(message)]);
  });

  it('may stand at an endpoint that a variable leaves out', () => {
    const text = `export: [{ name: s, store: {} }, { name: a, otlp: { endpoint: "", tls: { ca_file: x } } }]`;
    expect(config(text).export).toHaveLength(1);
  });
});

it('refuses a queue that a full batch would never fit, by its place in the file', () => {
  const text = `batch:
  max_bytes: 4MiB
export:
  - name: left-out
    otlp: { endpoint: "" }
  - name: tempo
    otlp: { endpoint: "http://tempo:4317" }
    queue:
      max_bytes: 4MB
`;
  const [error, ...more] = errors(text);
  expect(error).toMatch(/:9: export\[1\]\.queue\.max_bytes: 4000000: smaller than batch\.max_bytes \(4194304\)/);
  expect(more).toEqual([]);
  expect(errors(text.replace('4MB', '4MiB'))).toEqual([]);
});

describe('each limit', () => {
  const sizes: [string, (value: unknown) => object, number, number][] = [
    [
      'receive.max_request_bytes',
      (v) => ({ receive: { http: {}, max_request_bytes: v, max_inflight_bytes: '64GiB' } }),
      1024,
      2 ** 30,
    ],
    [
      'receive.max_inflight_bytes',
      (v) => ({ receive: { http: {}, max_request_bytes: 1024, max_inflight_bytes: v } }),
      1024,
      2 ** 36,
    ],
    ['buffer.max_bytes', (v) => ({ buffer: { max_bytes: v, max_trace_bytes: 1024 } }), 2 ** 20, 2 ** 42],
    ['buffer.max_trace_bytes', (v) => ({ buffer: { max_bytes: '4TiB', max_trace_bytes: v } }), 1024, 2 ** 30],
    ['buffer.remembered_decisions', (v) => ({ buffer: { remembered_decisions: v } }), 1024, 100_000_000],
    ['batch.max_bytes', (v) => ({ batch: { max_bytes: v } }), 1024, 2 ** 27],
    ['batch.max_spans', (v) => ({ batch: { max_spans: v } }), 1, 10_000_000],
    [
      'export[0].queue.max_bytes',
      (v) => ({ batch: { max_bytes: 1024 }, export: [{ ...otlp, queue: { max_bytes: v } }] }),
      1024,
      2 ** 40,
    ],
    ['export[0].store.max_bytes', (v) => ({ export: [{ name: 's', store: { max_bytes: v } }] }), 2 ** 24, 2 ** 46],
  ];
  const durations: [string, (value: unknown) => object, number, number][] = [
    ['shutdown_timeout', (v) => ({ shutdown_timeout: v }), 0, 3_600_000],
    ['buffer.decision_wait', (v) => ({ buffer: { decision_wait: v } }), 1, 3_600_000],
    ['buffer.decision_wait_after_root', (v) => ({ buffer: { decision_wait_after_root: v } }), 0, 3_600_000],
    ['batch.max_age', (v) => ({ batch: { max_age: v } }), 0, 600_000],
    ['export[0].otlp.timeout', (v) => ({ export: [{ ...otlp, otlp: { ...otlp.otlp, timeout: v } }] }), 1, 600_000],
    ['export[0].retry.initial', (v) => ({ export: [{ ...otlp, retry: { initial: v, max: '1h' } }] }), 1, 3_600_000],
    ['export[0].retry.max', (v) => ({ export: [{ ...otlp, retry: { initial: '1ms', max: v } }] }), 1, 3_600_000],
    ['export[0].retry.give_up_after', (v) => ({ export: [{ ...otlp, retry: { give_up_after: v } }] }), 0, 604_800_000],
    [
      'export[0].store.retention',
      (v) => ({ export: [{ name: 's', store: { retention: v } }] }),
      1_000,
      315_360_000_000,
    ],
  ];
  const otlp = { name: 'a', otlp: { endpoint: 'http://a' } };
  const found = (block: object) => errors(JSON.stringify({ export: [{ name: 's', store: {} }], ...block })).join('\n');

  it.each(sizes)('%s holds at its edges and breaks one beyond them', (key, block, low, high) => {
    expect(found(block(low)) + found(block(high))).toBe('');
    expect(found(block(low - 1))).toContain(` ${key}: ${low - 1}: expected `);
    expect(found(block(high + 1))).toContain(` ${key}: ${high + 1}: expected `);
  });

  it.each(durations)('%s holds at its edges and breaks one beyond them', (key, block, low, high) => {
    expect(found(block(`${low}ms`)) + found(block(`${high}ms`))).toBe('');
    expect(found(block(`${low - 1}ms`))).toContain(` ${key}: "${low - 1}ms": expected `);
    expect(found(block(`${high + 1}ms`))).toContain(` ${key}: "${high + 1}ms": expected `);
  });

  it('max_trace_bytes is as large as a small buffer where nobody says otherwise', () => {
    expect(config(`${withStore}buffer: { max_bytes: 1MiB }`).buffer.maxTraceBytes).toBe(1 << 20);
    expect(config(`${withStore}buffer: { max_bytes: 6MB }`).buffer.maxTraceBytes).toBe(5_000_000);
  });

  it('max_trace_bytes may be all of the buffer, and not a byte more', () => {
    expect(found({ buffer: { max_bytes: 2_000_000, max_trace_bytes: 2_000_000 } })).toBe('');
    expect(found({ buffer: { max_bytes: 2_000_000, max_trace_bytes: 2_000_001 } })).toContain('larger than max_bytes');
  });
});
