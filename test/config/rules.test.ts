import { describe, expect, it } from 'vitest';
import { defaultRules, hashOf, mergeLayers, parseRules, type RulesLayer } from '../../src/config/rules.ts';
import { parseKeys } from '../../src/config/rules-keys.ts';

function layer(text: string): RulesLayer {
  const parsed = parseRules(text, 'rules.yaml');
  if ('errors' in parsed) throw new Error(parsed.errors.join('\n'));
  return parsed.layer;
}

function keys(entries: Record<string, string>): RulesLayer {
  const parsed = parseKeys(
    Object.entries(entries).map(([key, value]) => ({ key, value })),
    'p/home',
  );
  if ('errors' in parsed) throw new Error(parsed.errors.join('\n'));
  return parsed.layer;
}

const errors = (text: string) => {
  const parsed = parseRules(text, 'rules.yaml');
  return 'errors' in parsed ? parsed.errors : [];
};

describe('a rules file', () => {
  it('that says nothing has the defaults of the contract', () => {
    expect(mergeLayers([layer('{}')]).document).toEqual({
      baseline_percent: { home: 10, staging: 5, production: 1 },
      latency_threshold_ms: 500,
      error_status_codes: ['ERROR'],
      routes: ['/login', '/upload'],
      debug: false,
      late: { rescue: false },
      policies: [],
      shadow: [],
    });
  });

  it('switches a knob off with null, and leaves the others', () => {
    const { document } = mergeLayers([layer('routes: null\nlatency_threshold_ms: ~')]);
    expect(document).toEqual({ ...defaultRules, routes: null, latency_threshold_ms: null });
  });

  it('takes policies as the collector spells them, blocks untouched', () => {
    const text = 'policies:\n- name: vip\n  type: string_attribute\n  string_attribute: { key: tier, values: [gold] }';
    expect(mergeLayers([layer(text)]).document.policies).toEqual([
      { name: 'vip', type: 'string_attribute', string_attribute: { key: 'tier', values: ['gold'] } },
    ]);
  });

  it('may be JSON', () => {
    expect(mergeLayers([layer('{"routes": ["/a", "/b/*"], "baseline_percent": 2.5}')]).document).toMatchObject({
      routes: ['/a', '/b/*'],
      baseline_percent: 2.5,
    });
  });

  it('that is empty is half a write, not the wish for defaults', () => {
    for (const text of ['', '\n', '# nothing', 'null']) {
      expect(errors(text)).toEqual(['rules.yaml:1: empty: expected rules; write {} for the defaults']);
    }
  });

  it('is told all its mistakes, with lines', () => {
    const text = [
      'baseline_percent: { home: 101 }',
      'latency_treshold_ms: 5',
      'policies:',
      '  - { name: errors, type: always_sample }',
      '  - { type: 3 }',
    ].join('\n');
    expect(errors(text)).toEqual([
      'rules.yaml:1: baseline_percent.home: 101: expected a number from 0 to 100',
      'rules.yaml:2: latency_treshold_ms: unknown key, did you mean latency_threshold_ms?',
      'rules.yaml:4: policies[0].name: "errors": expected a name of at most 128 characters, but not debug, errors, slow, routes, baseline, none, overload, rescue, keep:id, keep:query or keep:archive',
      'rules.yaml:5: policies[1].name: missing: expected a name of at most 128 characters, but not debug, errors, slow, routes, baseline, none, overload, rescue, keep:id, keep:query or keep:archive',
      'rules.yaml:5: policies[1].type: 3: expected a policy type, such as latency or string_attribute',
    ]);
  });

  it.each([
    ['baseline_percent: -1', 'baseline_percent: -1: expected a number from 0 to 100'],
    ['baseline_percent: 100.1', 'baseline_percent: 100.1: expected a number from 0 to 100'],
    ['baseline_percent: ten', 'baseline_percent: "ten": expected a percentage from 0 to 100'],
    ['latency_threshold_ms: 500ms', 'latency_threshold_ms: "500ms": expected milliseconds as a number'],
    ['latency_threshold_ms: -1', 'latency_threshold_ms: -1: expected 0 or more milliseconds'],
    ['error_status_codes: [error]', 'error_status_codes[0]: "error": expected one of ERROR, OK, UNSET'],
    ['error_status_codes: ERROR', 'error_status_codes: "ERROR": expected a list'],
    ['routes: [login]', 'routes[0]: "login": expected a path such as /login, or /prefix/*'],
    ['routes: [/a/*/b]', 'routes[0]: "/a/*/b": expected a path'],
    ['routes: [/a?b=1]', 'routes[0]: "/a?b=1": expected a path'],
    ['debug: 1', 'debug: 1: expected true or false'],
    ['late: { rescue: yes please }', 'late.rescue: "yes please": expected true or false'],
    [
      'policies: [{ name: a, type: always_sample }, { name: a, type: always_sample }]',
      'policies[1].name: "a" is taken by a policy above',
    ],
    ['debug: true\ndebug: false', 'debug: stands here twice'],
    ['policies: [{ name: none, type: always_sample }]', 'policies[0].name: "none": expected a name'],
    ['routes: *nowhere', ':1: routes: *nowhere: there is no &nowhere above'],
    ['routes: !path [/a]', ':1: not valid YAML: Unresolved tag: !path'],
    ['latency_threshold_ms: .nan', ':1: latency_threshold_ms: .nan: not a finite number'],
    ['baseline_percent: { home: .inf }', ':1: baseline_percent.home: .inf: not a finite number'],
    ['{ "latency_threshold_ms": 1e999 }', ':1: latency_threshold_ms: 1e999: not a finite number'],
    ['routes:\n- /a\n- "/b\0"', 'rules.yaml:3: holds the character U+0000'],
    ['routes:\n- /a\n- "/b\\0"', 'rules.yaml:3: routes[1]: holds a NUL character'],
    ['routes: ["/\\ud800"]', 'rules.yaml:1: routes[0]: holds half a surrogate pair'],
    ['routes: &r [*r]', 'rules.yaml:1: routes[0]: *r: leads into itself, without end'],
    ['routes: &r { a: { b: *r } }', 'rules.yaml:1: routes.a.b: *r: leads into itself, without end'],
    ['<<: 3', 'rules.yaml:1: <<: expected a block of keys to merge'],
    ['"__proto__": {}', 'rules.yaml:1: __proto__: not possible as a name'],
    ['? [a]\n: b', 'rules.yaml:1: expected a plain word as a key'],
    ['%YAML 1.1\n---\ndebug: yes', 'rules.yaml:3: debug: "yes": expected true or false'],
    ['constructor: 1', 'constructor: unknown key'],
  ])('refuses %s', (text, message) => {
    const found = errors(text);
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(message);
  });

  it.each([
    'routes: [/]',
    'routes: ["/*"]',
    'routes: ["/users/{id}"]',
    'routes: []',
    'baseline_percent: 0',
    'baseline_percent: 100',
  ])('takes %s', (text) => expect(errors(text)).toEqual([]));
});

describe('merge keys', () => {
  const policiesOf = (text: string) => mergeLayers([layer(text)]).document.policies;

  it('take what a block lacks from another', () => {
    const text = [
      'policies:',
      '- &base { name: a, type: probabilistic, probabilistic: &ten { sampling_percentage: 10 } }',
      '- { <<: *base, name: b }',
      '- name: c',
      '  probabilistic: { <<: *ten, sampling_percentage: 20 }',
      '  <<: *base',
    ].join('\n');
    expect(policiesOf(text)).toEqual([
      { name: 'a', type: 'probabilistic', probabilistic: { sampling_percentage: 10 } },
      { name: 'b', type: 'probabilistic', probabilistic: { sampling_percentage: 10 } },
      { name: 'c', type: 'probabilistic', probabilistic: { sampling_percentage: 20 } },
    ]);
  });

  it('take from several blocks: the first that has a key gives it', () => {
    const text =
      'policies:\n- &a { name: a, type: always_sample }\n- &b { name: b, x: 1 }\n- { <<: [*b, *a], name: c }';
    expect(errors(text)).toEqual([
      'rules.yaml:3: policies[1].type: missing: expected a policy type, such as latency or string_attribute',
    ]);
    const fine = text.replace('x: 1', 'type: probabilistic, x: 1');
    expect(policiesOf(fine)[2]).toEqual({ name: 'c', type: 'probabilistic', x: 1 });
  });

  it('in quotes are keys like others', () => {
    expect(errors('"<<": { debug: true }')).toHaveLength(1);
  });

  it('tell a mistake where it is written', () => {
    const text = 'policies:\n- &a\n  name: a\n  type: 7\n- <<: *a\n  name: b\n';
    expect(errors(text).map((error) => error.split(': ').slice(0, 2).join(': '))).toEqual([
      'rules.yaml:4: policies[0].type',
      'rules.yaml:4: policies[1].type',
    ]);
  });
});

it('an environment keeps its name, also where that looks like a number', () => {
  const { document } = mergeLayers([layer('baseline_percent: { 007: 3, 1.0: 4, null: 5 }')]);
  expect(document.baseline_percent).toEqual({ '007': 3, '1.0': 4, null: 5 });
});

describe('a document that is meant to hurt', () => {
  const timed = (text: string) => {
    const from = process.cpuUsage();
    const found = errors(text);
    const { user, system } = process.cpuUsage(from);
    return { found, cpuMs: (user + system) / 1000 };
  };

  it('is an error like another: aliases that multiply, nesting without end', () => {
    const bomb = [
      'a: &a [x, x]',
      ...'bcdefghijklmnop'.split('').map((c, i) => `${c}: &${c} [${`*${'abcdefghijklmno'[i]},`.repeat(9)}]`),
    ];
    expect(errors(bomb.join('\n'))[0]).toMatch(
      /rules\.yaml:\d+: \w\[\d\]: \*\w: aliases repeat more than 1048576 characters/,
    );
    expect(errors('['.repeat(100_000))[0]).toBe('rules.yaml:1: not valid YAML: nested too deep');
    const deep = `# 'a'\nb: "["\n---\nc:\n  - ${'['.repeat(1_001)}${']'.repeat(1_001)}\n`;
    expect(errors(deep)).toEqual(['rules.yaml:5: not valid YAML: nested too deep']);
    // Those in texts and comments open nothing.
    const open = '[{'.repeat(2_000);
    for (const text of [`a: "${open}" # ${open}`, `a: x${open}`, `a: |\n  ${open}`])
      expect(errors(text)[0] ?? '').not.toMatch(/nested/);
    expect(errors(`routes: ${'['.repeat(101)}${']'.repeat(101)}`)[0]).toContain('nested in more than 100 levels');
  });

  it('has at most 256 KiB, or as much as the boot file says', () => {
    const text = `debug: true #${'x'.repeat(256 * 1024)}`;
    expect(errors(text)).toEqual(['rules.yaml: 262157 bytes: expected at most 262144 (rules.max_bytes)']);
    expect(errors(text.slice(0, 262_144))).toEqual([]);
    expect('layer' in parseRules(text, 'rules.yaml', 300_000)).toBe(true);
  });

  it('may use one alias as often as it likes', () => {
    const many = Array.from({ length: 500 }, (_, i) => `- { <<: *base, name: p${i} }`).join('\n');
    expect(errors(`policies:\n- &base { name: base, type: always_sample }\n${many}`)).toEqual([]);
  });

  it.each([
    ['60 thousand unknown keys', Array.from({ length: 30_000 }, (_, i) => `k${i}: 1`).join('\n')],
    ['keys that nearly are ours', Array.from({ length: 10_000 }, (_, i) => `latency_treshold_${i}: 1`).join('\n')],
    ['a key of 250 thousand letters', `${'a'.repeat(250_000)}: 1`],
    ['a wrong value, told very often', `a: &a [${'x,'.repeat(40_000)}]\nroutes: [${'*a,'.repeat(12)}]`],
    ['policies without a name', `policies: [${'{},'.repeat(40_000)}]`],
    ['40 thousand policies of a name', `policies: [${'{name: a,type: b},'.repeat(14_000)}]`],
    ['one key again and again', 'a: 1\n'.repeat(50_000)],
  ])('takes no second and no flood of errors: %s', (_, text) => {
    const { found, cpuMs } = timed(text);
    expect(found.length).toBeGreaterThan(0);
    expect(found.length).toBeLessThanOrEqual(21);
    expect(found.every((error) => error.length <= 500)).toBe(true);
    expect(cpuMs).toBeLessThan(3_000);
  });

  it('is told as plain lines: nothing in it reaches the terminal as it is', () => {
    const found = errors('"a\\e[2J\\nb\\u202e": 1');
    expect(found).toHaveLength(1);
    expect(found[0]).toMatch(/^rules\.yaml:1: a\\u\{1b\}\[2J\\u\{a\}b\\u\{202e\}: unknown key/);
  });

  it('tells at most twenty problems, and how many more there are', () => {
    const found = errors(Array.from({ length: 50 }, (_, i) => `zz${i}: 1`).join('\n'));
    expect(found).toHaveLength(21);
    expect(found[20]).toBe('and 30 more');
  });
});

describe('keys in Consul', () => {
  it('override the fields of the file, one by one', () => {
    const { document } = mergeLayers([
      layer('routes: [/a]\nlatency_threshold_ms: 1'),
      keys({ routes: '[/b]', debug: 'true' }),
    ]);
    expect(document).toEqual({ ...defaultRules, routes: ['/b'], latency_threshold_ms: 1, debug: true });
  });

  it.each([
    ['/a, /b/*', ['/a', '/b/*']],
    ['["/a", "/b/*"]', ['/a', '/b/*']],
    ['- /a\n- /b/*\n', ['/a', '/b/*']],
    ['/a\n', ['/a']],
    ['[]', []],
    ['null', null],
  ])('write routes as %j', (value, routes) => expect(keys({ routes: value }).fields.routes).toEqual(routes));

  it('write status codes as a list or with commas', () => {
    expect(keys({ error_status_codes: 'ERROR,UNSET' }).fields.error_status_codes).toEqual(['ERROR', 'UNSET']);
  });

  it('may lie beside the folders that the UI of Consul makes', () => {
    expect(keys({ '': '', 'old/': '', baseline_percent: '7' }).fields).toEqual({ baseline_percent: 7 });
  });

  it.each(['', ' \n', '# routes: [/a]', '# a\n# b\n', '---\n# nothing'])(
    'that say nothing are empty, not null: %j',
    (value) => {
      const parsed = parseKeys([{ key: 'routes', value }], 'p/home');
      expect('errors' in parsed && parsed.errors).toEqual([
        "consul:p/home/routes: empty: write null to switch it off, or delete the key to use the file's",
      ]);
    },
  );

  it('are refused together, each named, where one is wrong', () => {
    const parsed = parseKeys(
      [
        { key: 'baseline_percent', value: '{ home: 3 }' },
        { key: 'routes', value: '/a, b' },
        { key: 'rotues', value: '/a' },
        { key: 'late', value: '{ rescue: false }' },
        { key: 'debug', value: ' ' },
        { key: 'policies', value: '- name: x\n  type: 3\n' },
        { key: 'latency_threshold_ms', value: '5' },
        { key: 'routes/more', value: '/c' },
        { key: 'constructor', value: '1' },
      ],
      'tailgate/sampling/home',
    );
    const folder = 'consul:tailgate/sampling/home/';
    expect('errors' in parsed && parsed.errors.map((error) => error.replace(/expected one of .*/, '…'))).toEqual([
      `${folder}baseline_percent: {"home":3}: expected a number from 0 to 100`,
      `${folder}routes: [1]: "b": expected a path such as /login, or /prefix/*`,
      `${folder}rotues: unknown key, did you mean routes?`,
      `${folder}late: unknown key, …`,
      `${folder}debug: empty: write null to switch it off, or delete the key to use the file's`,
      `${folder}policies:2: [0].type: 3: expected a policy type, such as latency or string_attribute`,
      `${folder}routes/more: unknown key, …`,
      `${folder}constructor: unknown key, …`,
    ]);
  });
});

describe('a problem found when compiling', () => {
  it('is told where its field was written', () => {
    const { report } = mergeLayers([
      layer('debug: false\npolicies:\n- { name: a, type: b }'),
      keys({ routes: '[/a]' }),
    ]);
    expect(
      report([
        { path: ['policies', 0, 'type'], message: 'unknown type' },
        { path: ['routes', 0], message: 'no such route' },
        { path: ['baseline_percent'], message: 'no share' },
      ]),
    ).toEqual([
      'rules.yaml:1: baseline_percent: no share',
      'rules.yaml:3: policies[0].type: unknown type',
      'consul:p/home/routes: [0]: no such route',
    ]);
  });

  it('is told of Consul where no file is and the field is a default', () => {
    const { report } = mergeLayers([keys({ routes: '[/a]' })]);
    expect(report([{ path: ['baseline_percent'], message: 'no share' }])).toEqual([
      'consul:p/home: baseline_percent: no share',
    ]);
  });
});

describe('the hash of rules', () => {
  const document = (text: string) => mergeLayers([layer(text)]).document;

  it('is the same however the rules were written', () => {
    const yaml = document('routes: [/a]\npolicies:\n- {name: x, type: y, y: {b: 1, a: 2}}');
    const json = document('{"policies":[{"y":{"a":2,"b":1},"type":"y","name":"x"}],"routes":["/a"]}');
    expect(hashOf(yaml, 'home')).toBe(hashOf(json, 'home'));
  });

  it('differs by environment, by value and by order of policies', () => {
    const texts = [
      'policies: [{ name: a, type: t }, { name: b, type: t }]',
      'policies: [{ name: b, type: t }, { name: a, type: t }]',
      'latency_threshold_ms: 501',
      '{}',
    ];
    const hashes = texts.flatMap((text) => [hashOf(document(text), 'home'), hashOf(document(text), 'staging')]);
    expect(new Set(hashes).size).toBe(hashes.length);
  });
});
