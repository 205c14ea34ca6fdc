import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ConsulAnswer } from '../../src/config/consul.ts';
import { placeOf } from '../../src/config/last-good.ts';
import { createLiveRules, type LiveRules } from '../../src/config/live.ts';
import type { FileText } from '../../src/config/read-text.ts';
import { noRulesFile } from '../../src/config/rules.ts';
import type { Written } from '../../src/config/rules-history.ts';
import type { Compile } from '../../src/config/rules-reading.ts';
import type { Source, SourceListener } from '../../src/config/source.ts';
import { UsageError } from '../../src/errors.ts';
import type { RulesDocument } from '../../src/model/rules.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'tailgate-live-'));
});
const made: LiveRules<Compiled>[] = [];
afterEach(async () => {
  for (const rules of made.splice(0)) await rules.saved();
  rmSync(directory, { recursive: true });
});

/** A source that says what the test lets it say. */
class HandSource<C> implements Source<C> {
  readonly name: string;
  readonly #first: C | Error | undefined;
  #listener: SourceListener<C> | undefined;
  refreshed = 0;
  stopped = false;

  constructor(name: string, first?: C | Error) {
    this.name = name;
    this.#first = first;
  }

  start(listener: SourceListener<C>): void {
    this.#listener = listener;
    if (this.#first instanceof Error) this.fail(this.#first.message);
    else if (this.#first !== undefined) this.say(this.#first);
  }

  say(content: C, index?: number): void {
    this.#listener?.answered(index);
    this.#listener?.changed(content);
  }

  fail(message: string): void {
    this.#listener?.failed(new Error(message));
  }

  refresh(): void {
    this.refreshed++;
  }

  stop(): void {
    this.stopped = true;
  }
}

/** What the fake compiler makes of a document: the document, and its revision. */
interface Compiled {
  readonly document: RulesDocument;
  readonly revision: string;
}

/** Refuses a route /bad, as a compiler may refuse what a parser lets pass. */
const compile: Compile<Compiled> = (document, revision) => {
  if (document.routes?.includes('/throw')) throw new Error('a defect');
  const bad = document.routes?.indexOf('/bad') ?? -1;
  if (bad >= 0) return { problems: [{ path: ['routes', bad], message: 'is bad' }] };
  const doubt = document.routes?.indexOf('/doubt') ?? -1;
  const warnings = doubt >= 0 ? [{ path: ['routes', doubt], message: 'is this meant' }] : [];
  return { policies: { document, revision }, warnings };
};

const folder = 'consul:tailgate/sampling/home';

function keys(index: number, values: Record<string, string>, filtered = false): ConsulAnswer {
  return { index: BigInt(index), entries: Object.entries(values).map(([key, value]) => ({ key, value })), filtered };
}

interface Setting {
  file?: FileText | Error | null;
  consul?: ConsulAnswer | Error | 'silent';
  environment?: string;
  place?: Parameters<typeof placeOf>[0];
  writtenBy?: (index: number) => Promise<Written | undefined>;
}

/** `file: null`: there is none. `consul` left out: not configured. */
function setting({ file = '{}', consul, environment = 'home', place = {}, writtenBy }: Setting = {}) {
  const world = { now: 1_000 };
  const logged: string[] = [];
  const swaps: string[] = [];
  const fileSource = new HandSource<FileText>('file:/etc/rules.yaml');
  const consulSource = new HandSource<ConsulAnswer>(folder, consul === 'silent' ? undefined : consul);
  // undefined is a word of the file source, so it is said here
  const start = fileSource.start.bind(fileSource);
  fileSource.start = (listener) => {
    start(listener);
    if (file instanceof Error) fileSource.fail(file.message);
    else fileSource.say(file ?? undefined);
  };
  const rules: LiveRules<Compiled> = createLiveRules({
    file: fileSource,
    consul: consul && consulSource,
    writtenBy,
    environment,
    debug: false,
    compile,
    policyNames: ({ document }) => (document.routes ?? []).map((route) => `routes ${route}`),
    lastGoodFile: join(directory, 'data', 'rules.last-good.json'),
    place: placeOf(place),
    clock: { monotonicMs: () => world.now, unixMs: () => world.now },
    log: (level, message, fields) => logged.push(`${level}: ${message} ${JSON.stringify(fields)}`),
    startWaitMs: 10,
  });
  made.push(rules);
  rules.onSwap(({ revision }) => swaps.push(revision));
  return {
    rules,
    world,
    logged,
    swaps,
    file: fileSource,
    consul: consulSource,
    routes: () => rules.current.document.routes,
  };
}

async function started(what?: Setting) {
  const it = setting(what);
  await it.rules.start();
  return it;
}

async function failure(what: Setting): Promise<unknown> {
  return await setting(what)
    .rules.start()
    .catch((error) => error);
}

it("a Collector's configuration is told with what becomes of the rest of it, once when it comes in force", async () => {
  const file = 'tail_sampling: { num_traces: 5, policies: [{ name: all, type: always_sample }] }';
  const { logged } = await started({ file });
  expect(logged).toHaveLength(1);
  expect(logged[0]).toContain('"notes":["tail_sampling.num_traces: not needed here: what waits is bounded in bytes');
});

describe('rules from a file', () => {
  it('are in force after the start, and the status says which', async () => {
    const { rules, swaps } = await started({ file: 'routes: [/a]\ndebug: true' });
    expect(rules.current.document.routes).toEqual(['/a']);
    expect(rules.status()).toEqual({
      revision: expect.stringMatching(/^file-[0-9a-f]{8}$/),
      hash: expect.stringMatching(/^[0-9a-f]{12}$/),
      source: 'file:/etc/rules.yaml',
      modifyIndex: 0,
      loadedAt: 1_000,
      policies: ['routes /a'],
      debug: true,
      lastRefusal: null,
      lastLoadSucceeded: true,
      loads: { accepted: 1, refused: 0 },
      sourceFailures: 0,
      follows: 'file:/etc/rules.yaml',
      sourceIndex: 0,
      sourceRefusal: '',
      sourceError: '',
      sourceAgeSeconds: 0,
    });
    expect(swaps).toEqual([rules.status().revision]);
    expect(rules.current.revision).toBe(rules.status().revision);
  });

  it('are swapped when the file changes', async () => {
    const { rules, world, file, swaps, routes } = await started();
    const before = rules.status();
    world.now = 5_000;
    file.say('routes: [/b]');
    expect(routes()).toEqual(['/b']);
    expect(rules.status()).toMatchObject({ loadedAt: 5_000, loads: { accepted: 2, refused: 0 } });
    expect(rules.status().hash).not.toBe(before.hash);
    expect(swaps).toHaveLength(2);
  });

  it('are not swapped when the file says the same in other words', async () => {
    const { file, swaps } = await started({ file: 'routes: [/a]' });
    file.say('# the same\nroutes:\n  - /a\n');
    expect(swaps).toHaveLength(1);
  });

  it.each([
    ['not YAML', 'routes: [', '/etc/rules.yaml:1: not valid YAML'],
    ['of a wrong type', 'debug: 3', '/etc/rules.yaml:1: debug: 3: expected true or false'],
    ['refused by the compiler', 'debug: true\nroutes: [/a, /bad]', '/etc/rules.yaml:2: routes[1]: is bad'],
    ['more than the compiler can bear', 'routes: [/throw]', 'file:/etc/rules.yaml: not taken: a defect'],
    ['no text', { why: 'not valid UTF-8', line: 3 }, '/etc/rules.yaml:3: not valid UTF-8'],
    [
      'larger than 256 KiB',
      `debug: true #${'x'.repeat(262_144)}`,
      '/etc/rules.yaml: 262157 bytes: expected at most 262144',
    ],
    ['empty', '', '/etc/rules.yaml:1: empty'],
    ['deleted', undefined, '/etc/rules.yaml: there is no such rules file'],
  ])('cases 8 and 41: that are %s leave the last good revision in force and say so', async (_, text, error) => {
    const { rules, world, file, logged, routes } = await started({ file: 'routes: [/a]' });
    const { revision } = rules.status();
    world.now = 7_000;
    file.say(text);
    expect(routes()).toEqual(['/a']);
    expect(rules.status()).toMatchObject({
      revision,
      loadedAt: 1_000,
      lastLoadSucceeded: false,
      lastRefusal: { at: 7_000, error: expect.stringContaining(error) },
      loads: { accepted: 1, refused: 1 },
    });
    expect(logged.at(-1)).toContain('error: rules refused, the last good revision stays in force');
    expect(logged.at(-1)).toContain(revision);
  });

  it('that are put right again count as loaded', async () => {
    const { rules, file, logged, swaps } = await started({ file: 'routes: [/a]' });
    const [inForce] = logged.filter((line) => line.includes('rules in force'));
    file.say('nonsense');
    file.say('routes: [/a]');
    expect(logged.at(-1)).toBe(inForce);
    expect(rules.status()).toMatchObject({ lastLoadSucceeded: true, loads: { accepted: 2, refused: 1 } });
    expect(rules.status().lastRefusal).not.toBeNull();
    expect(swaps).toHaveLength(1);
  });

  it('outlive a file that cannot be read, which is told once', async () => {
    const { rules, world, file, logged, routes } = await started({ file: 'routes: [/a]' });
    const before = logged.length;
    world.now = 9_000;
    for (let i = 0; i < 3; i++) file.fail('EIO');
    expect(routes()).toEqual(['/a']);
    expect(rules.status()).toMatchObject({
      sourceFailures: 3,
      sourceError: 'EIO',
      sourceAgeSeconds: 8,
      lastLoadSucceeded: true,
    });
    expect(logged).toHaveLength(before + 1);
    file.say('routes: [/a]');
    expect(logged.at(-1)).toContain('answers again');
    expect(rules.status()).toMatchObject({ sourceAgeSeconds: 0, sourceError: '' });
  });

  it('are asked for by a reload, and by nobody after a stop', async () => {
    const { rules, file, consul } = await started({ consul: keys(1, {}) });
    rules.reload();
    expect([file.refreshed, consul.refreshed]).toEqual([1, 1]);
    rules.stop();
    expect([file.stopped, consul.stopped]).toEqual([true, true]);
  });
});

describe('a start', () => {
  it.each([
    '{',
    '7',
    'null',
    '{"keys":[null]}',
    '{"keys":[{"key":7,"value":"x"}],"document":{}}',
    '{"keys":[{"key":"debug","value":"true"}],"document":{"baseline_percent":{"toString":1},"policies":7}}',
  ])('beside a damaged file of last good rules, %s, goes by what the sources say', async (text) => {
    const where = { source: folder, place: '//', environment: 'home', revision: '1-a', index: 1 };
    const saved = text.startsWith('{"') ? JSON.stringify({ ...where, ...JSON.parse(text) }) : text;
    mkdirSync(join(directory, 'data'));
    writeFileSync(join(directory, 'data', 'rules.last-good.json'), saved);
    const { routes } = await started({ file: 'routes: [/file]', consul: 'silent' });
    expect(routes()).toEqual(['/file']);
  });
});

describe('a start without rules', () => {
  it.each([
    ['no file', null, '/etc/rules.yaml: there is no such rules file'],
    ['a file that cannot be read', new Error('EACCES: permission denied'), '/etc/rules.yaml: EACCES'],
    [
      'a file with mistakes',
      'routes: 3\ndebug: 4',
      '/etc/rules.yaml:1: routes: 3: expected a list\n/etc/rules.yaml:2: debug: 4',
    ],
    ['a file that ends in a defect', 'routes: [/throw]', 'file:/etc/rules.yaml: not taken: a defect'],
    ['a file that does not compile', 'routes: [/bad]', '/etc/rules.yaml:1: routes[0]: is bad'],
  ])('for %s ends with what is wrong', async (_, file, message) => {
    const error = await failure({ file });
    expect(error).toBeInstanceOf(UsageError);
    expect((error as Error).message).toContain(message);
  });

  it('says so, rather than give undefined, to whoever reads them too early', () => {
    expect(() => setting().rules.current).toThrow('before start()');
  });
});

describe('rules from Consul', () => {
  it('that cannot be taken, whatever they are, are refused, and Consul did answer', async () => {
    const { rules, consul, logged, routes } = await started({ consul: keys(1, { routes: '/a' }) });
    const unusable = (why: string) => ({ index: 2n, entries: [], filtered: false, unusable: why });
    consul.say(unusable('/routes:2: not valid UTF-8'));
    expect(rules.status().lastRefusal?.error).toBe('consul:tailgate/sampling/home/routes:2: not valid UTF-8');
    consul.say(unusable(': far more than the 262144 bytes that rules may have'));
    expect(rules.status().lastRefusal?.error).toContain('tailgate/sampling/home: far more than');
    consul.say(keys(3, { routes: '/throw' }));
    expect(rules.status().lastRefusal?.error).toContain('tailgate/sampling/home: not taken: a defect');
    expect(routes()).toEqual(['/a']);
    expect(rules.status()).toMatchObject({ lastLoadSucceeded: false, sourceFailures: 0 });
    expect(logged.join()).not.toContain('does not answer');
    consul.say(keys(4, { routes: '/b' }));
    expect(routes()).toEqual(['/b']);
  });

  it('override the file from the start, in one revision', async () => {
    const { rules, swaps, routes } = await started({
      file: 'routes: [/file]\nlatency_threshold_ms: 7',
      consul: keys(42, { routes: '/consul' }),
    });
    expect(routes()).toEqual(['/consul']);
    expect(rules.current.document.latency_threshold_ms).toBe(7);
    expect(rules.status()).toMatchObject({
      revision: expect.stringMatching(/^42-[0-9a-f]{8}$/),
      source: folder,
      modifyIndex: 42,
      loads: { accepted: 1 },
    });
    expect(swaps).toHaveLength(1);
  });

  it('are the file alone where Consul never had a key', async () => {
    const { rules, routes, logged } = await started({ file: 'routes: [/file]', consul: keys(1, {}) });
    expect(routes()).toEqual(['/file']);
    expect(rules.status()).toMatchObject({
      source: 'file:/etc/rules.yaml',
      lastLoadSucceeded: true,
      lastRefusal: null,
    });
    expect(logged.filter((line) => line.startsWith('warn: no key there'))).toHaveLength(1);
  });

  it('are the file alone, and it says so, where the token may not see them', async () => {
    const { rules, routes } = await started({ file: 'routes: [/file]', consul: keys(1, {}, true) });
    expect(routes()).toEqual(['/file']);
    expect(rules.status().lastLoadSucceeded).toBe(false);
    expect(rules.status().lastRefusal?.error).toContain('the token may not read all of its keys');
  });

  it('need no file', async () => {
    const { rules, routes } = await started({ file: null, consul: keys(3, { routes: '/consul' }) });
    expect(routes()).toEqual(['/consul']);
    expect(rules.current.document.latency_threshold_ms).toBe(500);
    expect(rules.status().lastLoadSucceeded).toBe(true);
  });

  it('change as keys are put, changed and deleted', async () => {
    const { consul, routes, rules } = await started({ file: 'routes: [/file]', consul: keys(1, {}) });
    consul.say(keys(5, { routes: '/a' }));
    expect(routes()).toEqual(['/a']);
    consul.say(keys(6, { routes: '/b', debug: 'false' }));
    expect(routes()).toEqual(['/b']);
    consul.say(keys(7, { debug: 'false' }));
    expect(routes()).toEqual(['/file']);
    expect(rules.status()).toMatchObject({ modifyIndex: 7, source: folder });
  });

  it('keep following the file where no key says otherwise', async () => {
    const { file, rules, routes } = await started({ file: '{}', consul: keys(4, { routes: '/consul' }) });
    file.say('routes: [/file]\nlatency_threshold_ms: 9');
    expect(routes()).toEqual(['/consul']);
    expect(rules.current.document.latency_threshold_ms).toBe(9);
    expect(rules.status().revision).toMatch(/^4-/);
  });

  it.each([
    ['a wrong value', { routes: '/new', debug: 'maybe' }, `${folder}/debug: "maybe": expected true or false`],
    ['an unknown key', { routes: '/new', rotues: '/x' }, `${folder}/rotues: unknown key, did you mean routes?`],
    ['what does not compile', { routes: '/new, /bad' }, `${folder}/routes: [1]: is bad`],
  ])('with %s count as a whole or not at all', async (_, values, error) => {
    const { rules, consul, routes } = await started({ consul: keys(4, { routes: '/good' }) });
    consul.say(keys(5, values));
    expect(routes()).toEqual(['/good']);
    expect(rules.status()).toMatchObject({ modifyIndex: 4, lastLoadSucceeded: false, lastRefusal: { error } });
  });

  it('case 41: that are all gone, or partly hidden from the token, are not the wish for none', async () => {
    const { rules, consul, routes } = await started({ consul: keys(4, { routes: '/good' }) });
    consul.say(keys(5, {}));
    expect(routes()).toEqual(['/good']);
    expect(rules.status().lastRefusal?.error).toContain(`${folder}: no key is left where there were some`);
    consul.say(keys(5, { 'old/': '' }));
    expect(routes()).toEqual(['/good']);
    consul.say(keys(6, { debug: 'true' }, true));
    expect(routes()).toEqual(['/good']);
    expect(rules.status().lastRefusal?.error).toContain(`${folder}: the token may not read all of its keys`);
    consul.say(keys(7, { routes: '/good' }));
    expect(rules.status()).toMatchObject({ lastLoadSucceeded: true, loads: { refused: 3 } });
  });

  it('are not held up by a file with mistakes, nor the file by wrong keys', async () => {
    const { rules, file, consul, routes } = await started({ file: '{}', consul: keys(4, { routes: '/a' }) });
    file.say('nonsense');
    consul.say(keys(5, { routes: '/b' }));
    expect(routes()).toEqual(['/b']);
    expect(rules.status().lastLoadSucceeded).toBe(false); // the file is still wrong
    consul.say(keys(6, { routes: 'nonsense' }));
    file.say('latency_threshold_ms: 8');
    expect(routes()).toEqual(['/b']);
    expect(rules.current.document.latency_threshold_ms).toBe(8);
  });

  it('case 41: stay in force while Consul is silent, and the silence shows', async () => {
    const { rules, world, consul, routes } = await started({ consul: keys(4, { routes: '/a' }) });
    world.now = 60_000;
    consul.fail('ECONNREFUSED');
    expect(routes()).toEqual(['/a']);
    expect(rules.status()).toMatchObject({ sourceAgeSeconds: 59, sourceFailures: 1, lastLoadSucceeded: true });
    consul.say(keys(9, { routes: '/b' }));
    expect(routes()).toEqual(['/b']);
    expect(rules.status().sourceAgeSeconds).toBe(0);
  });
});

describe('the last good rules on disk', () => {
  const firstLife = async (file: string, values: Record<string, string>, environment = 'home') => {
    const { rules } = await started({ file, consul: keys(42, values), environment });
    rules.stop();
    await rules.saved();
    return rules.status();
  };

  it.each([
    ['refuses connections', new Error('ECONNREFUSED')],
    ['hangs', 'silent' as const],
  ])('count at a start while Consul %s, until it answers', async (_, consulSays) => {
    const before = await firstLife('routes: [/file]', { latency_threshold_ms: '77' });
    const { rules, consul } = await started({ file: 'routes: [/file]', consul: consulSays });
    expect(rules.current.document).toMatchObject({ routes: ['/file'], latency_threshold_ms: 77 });
    expect(rules.status()).toMatchObject({
      revision: before.revision,
      hash: before.hash,
      source: `last-good:${folder}`,
    });
    consul.say(keys(50, { latency_threshold_ms: '78' }));
    expect(rules.status()).toMatchObject({ source: folder, modifyIndex: 50 });
    expect(rules.current.document.latency_threshold_ms).toBe(78);
  });

  it('case 41: lie over the file of today', async () => {
    await firstLife('routes: [/old]', { latency_threshold_ms: '77' });
    const { rules } = await started({ file: 'routes: [/new]', consul: 'silent' });
    expect(rules.current.document).toMatchObject({ routes: ['/new'], latency_threshold_ms: 77 });
  });

  it('serve a second start as well, though the file changed in between', async () => {
    await firstLife('routes: [/old]', { latency_threshold_ms: '77' });
    const second = await started({ file: 'routes: [/new]', consul: 'silent' });
    second.file.say('routes: [/newer]');
    await second.rules.saved();
    expect(second.rules.current.document).toMatchObject({ routes: ['/newer'], latency_threshold_ms: 77 });
    const third = await started({ file: 'routes: [/newest]', consul: 'silent' });
    expect(third.rules.current.document).toMatchObject({ routes: ['/newest'], latency_threshold_ms: 77 });
  });

  it('stand for a file that is gone too', async () => {
    await firstLife('routes: [/old]', { latency_threshold_ms: '77' });
    const { rules } = await started({ file: null, consul: 'silent' });
    expect(rules.current.document).toMatchObject({ routes: ['/old'], latency_threshold_ms: 77 });
  });

  it('are kept at a start where the keys are gone, and it says so', async () => {
    await firstLife('{}', { routes: '/good' });
    const { rules, routes } = await started({ consul: keys(60, {}) });
    expect(routes()).toEqual(['/good']);
    expect(rules.status()).toMatchObject({ source: `last-good:${folder}`, lastLoadSucceeded: false });
  });

  it('are kept at a start where the keys are wrong', async () => {
    await firstLife('{}', { routes: '/good' });
    for (const bad of ['/bad', 'nonsense']) {
      const { rules, routes, logged } = await started({ consul: keys(60, { routes: bad }) });
      expect(routes()).toEqual(['/good']);
      expect(rules.status().lastLoadSucceeded).toBe(false);
      expect(logged.join()).toContain('rules refused');
      rules.stop();
    }
  });

  it('are not those of another environment', async () => {
    await firstLife('{}', { routes: '/home' });
    const { routes } = await started({ file: 'routes: [/file]', consul: 'silent', environment: 'production' });
    expect(routes()).toEqual(['/file']);
  });

  it.each([{ datacenter: 'dc2' }, { partition: 'p' }, { namespace: 'n' }])(
    'of %o are not those of another',
    async (place) => {
      await firstLife('{}', { routes: '/here' });
      const there = await started({ file: 'routes: [/file]', consul: 'silent', place });
      expect(there.routes()).toEqual(['/file']);
      there.rules.stop();
      const first = await started({ file: '{}', consul: keys(3, { routes: '/there' }), place });
      await first.rules.saved();
      first.rules.stop();
      const again = await started({ file: 'routes: [/file]', consul: 'silent', place });
      expect(again.routes()).toEqual(['/there']);
      again.rules.stop();
      const here = await started({ file: 'routes: [/file]', consul: 'silent' });
      expect(here.routes()).toEqual(['/file']);
    },
  );

  it('may be half written or nonsense: the file counts alone', async () => {
    await firstLife('{}', { routes: '/good' });
    const saved = join(directory, 'data', 'rules.last-good.json');
    for (const text of ['', '{"source":', '7', 'null', `{"source":"${folder}","environment":"home"}`]) {
      writeFileSync(saved, text);
      const { routes, rules } = await started({ file: 'routes: [/file]', consul: 'silent' });
      expect(routes()).toEqual(['/file']);
      rules.stop();
    }
  });

  it('are written whole, and follow each revision', async () => {
    const { rules, consul } = await started({ consul: keys(4, { routes: '/a' }) });
    consul.say(keys(5, { routes: '/b' }));
    consul.say(keys(6, { routes: '/bad' }));
    await rules.saved();
    const saved = JSON.parse(readFileSync(join(directory, 'data', 'rules.last-good.json'), 'utf8'));
    expect(saved).toMatchObject({ source: folder, index: 5, keys: [{ key: 'routes', value: '/b' }] });
    expect(existsSync(join(directory, 'data', 'rules.last-good.json.new'))).toBe(false);
  });

  it('are the newest after a hundred revisions in a row', async () => {
    const { rules, consul } = await started({ consul: keys(1, { routes: '/r1' }) });
    for (let i = 2; i <= 100; i++) consul.say(keys(i, { routes: `/r${i}` }));
    await rules.saved();
    const saved = JSON.parse(readFileSync(join(directory, 'data', 'rules.last-good.json'), 'utf8'));
    expect(saved).toMatchObject({ index: 100, revision: rules.status().revision });
  });

  it('that cannot be written cost a warning', async () => {
    writeFileSync(join(directory, 'data'), 'a file where the folder should be');
    const { rules, routes, logged } = await started({ consul: keys(4, { routes: '/a' }) });
    expect(routes()).toEqual(['/a']);
    await rules.saved();
    expect(logged.at(-1)).toContain('warn: the last good rules could not be written');
  });

  it('are not needed where there is neither file nor Consul: the start says what is missing', async () => {
    const error = await failure({ file: null, consul: new Error('ECONNREFUSED') });
    expect(error).toBeInstanceOf(UsageError);
    expect((error as Error).message).toBe(`/etc/rules.yaml: ${noRulesFile}; and ${folder} gave no rules`);
  });
});

describe('who wrote what is in force', () => {
  const anna = { by: 'anna', at: '2026-11-25T17:00:00.000Z', why: 'quieter' };
  const asking = (answer: (index: number) => Promise<typeof anna | undefined>) => {
    const asked: number[] = [];
    const writtenBy = (index: number) => {
      asked.push(index);
      return answer(index);
    };
    return { asked, writtenBy };
  };

  it('is asked when rules come in force, told once in the log, and forgotten with them', async () => {
    const { asked, writtenBy } = asking(async (index) => (index === 7 ? anna : undefined));
    const { rules, consul, logged } = await started({ consul: keys(7, { routes: '/a' }), writtenBy });
    expect(rules.status()).toMatchObject({ written: anna, follows: folder, sourceIndex: 0 });
    expect(logged.filter((line) => line.includes('who wrote'))).toHaveLength(1);
    consul.say(keys(8, { routes: '/b' }));
    expect(rules.status().written).toBeUndefined();
    await rules.saved();
    expect(rules.status().written).toBeUndefined();
    expect(asked).toEqual([7, 8]);
  });

  it('is not of what came in force in the meantime', async () => {
    const late = Promise.withResolvers<typeof anna>();
    const { writtenBy } = asking((index) => (index === 7 ? late.promise : Promise.resolve(undefined)));
    const { rules, consul } = await started({ consul: keys(7, { routes: '/a' }), writtenBy });
    consul.say(keys(8, { routes: '/b' }));
    late.resolve(anna);
    await late.promise;
    await rules.saved();
    expect(rules.status().written).toBeUndefined();
  });

  it('stays unknown where nobody says it, and the rules count all the same', async () => {
    const { writtenBy } = asking(() => Promise.reject(new Error('403')));
    const { rules, routes } = await started({ consul: keys(7, { routes: '/a' }), writtenBy });
    expect(routes()).toEqual(['/a']);
    expect(rules.status().written).toBeUndefined();
  });
});

describe('what was read and refused', () => {
  it('is told apart from what is in force', async () => {
    const { rules, consul } = await started({ consul: keys(7, { routes: '/a' }) });
    consul.say(keys(9, { routes: '/a' }), 9);
    expect(rules.status()).toMatchObject({ modifyIndex: 7, sourceIndex: 9, sourceRefusal: '' });
    consul.say(keys(10, { routes: '/bad' }), 10);
    expect(rules.status()).toMatchObject({ modifyIndex: 7, sourceIndex: 10 });
    expect(rules.status().sourceRefusal).toContain('is bad');
    consul.say(keys(11, { routes: '/a' }), 11);
    expect(rules.status()).toMatchObject({ modifyIndex: 7, sourceIndex: 11, sourceRefusal: '' });
  });
});

it('what is probably not meant is told once a revision, at its line, and counts all the same', async () => {
  const { routes, logged, file } = await started({ file: 'debug: false\nroutes: [/a, /doubt]' });
  expect(routes()).toEqual(['/a', '/doubt']);
  const warnings = () => logged.filter((line) => line.startsWith('warn:'));
  expect(warnings()).toHaveLength(1);
  expect(warnings()[0]).toContain('/etc/rules.yaml:2: routes[1]: is this meant');
  file.say('debug: false\nroutes: [/a, /doubt] # said once more');
  expect(warnings()).toHaveLength(1);
  file.say('routes: [/a]');
  expect(warnings()).toHaveLength(1);
});
