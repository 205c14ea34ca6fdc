import { readdirSync, readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { dirname, join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

/**
 * What each part of src/ may import beside itself. Imports go one way, downwards in this table:
 * foundations ← pure stages (never each other) ← rim ← config, telemetry ← shard ← pipeline ← gateway ← cli ← main.
 */
const foundations = ['errors', 'model', 'tables', 'units', 'wire'];
const pureStages = ['batch', 'buffer', 'decide', 'decode', 'enrich', 'observe', 'route'];
const rim = ['cluster', 'export', 'kafka', 'kubernetes', 'receive', 'store'];
const settings = ['config', 'telemetry'];
const composition = [
  'why',
  'shard',
  'simulate',
  'pipeline',
  'forward',
  'threads',
  'fan-out',
  'memory-account',
  'restore-traces',
  'gateway-stats',
  'open-files',
  'certificates',
  'exporters',
  'window-missing',
  'window-search',
  'window-traces',
  'keep-traces',
  'simulations',
  'drain',
  'delivered',
  'credentials',
  'open-fleet',
  'explained',
  'known-pods',
  'fleet-wide',
  'gateway',
  'cli',
  'main',
];

const mayImport: Readonly<Record<string, readonly string[]>> = {
  errors: [],
  units: [],
  tables: [],
  traceql: ['regex'],
  regex: [],
  wire: ['errors', 'model'],
  model: ['errors', 'wire'],
  'node-http': [],
  proxy: [],
  pem: [],
  'tls-client': ['pem'],
  clock: [],
  'in-time': [],
  folders: [],
  options: ['units'],
  access: ['low-priority'],
  consul: ['node-http', 'proxy', 'tls-client', 'units'],
  ...of(pureStages, [...foundations, 'regex']),
  ...of(rim, [
    'clock',
    'in-time',
    'folders',
    ...foundations,
    ...pureStages,
    'regex',
    'traceql',
    'node-http',
    'proxy',
    'pem',
    'tls-client',
    'low-priority',
    'access',
    'consul',
  ]),
  ...of(settings, [
    'clock',
    'in-time',
    'folders',
    ...foundations,
    ...pureStages,
    ...rim,
    'node-http',
    'proxy',
    'tls-client',
    'low-priority',
    'access',
    'consul',
  ]),
  ...Object.fromEntries(
    composition.map((part, i) => [
      part,
      [
        'clock',
        'in-time',
        'folders',
        'access',
        'consul',
        'node-http',
        'tls-client',
        ...foundations,
        'traceql',
        ...pureStages,
        ...rim,
        ...settings,
        ...composition.slice(0, i),
        // Whoever has others work for a thread says behind whom they stand.
        ...(part === 'threads' ? ['low-priority'] : []),
      ],
    ]),
  ),
};

/**
 * Every folder describes its own settings in options.ts, with the words of src/options.ts, and of other folders where a
 * block is of two kinds; config puts them together.
 */
const isOptions = (file: string) => file.endsWith('/options.ts');
const mayImportOptions = (file: string, target: string) =>
  target === 'options.ts'
    ? isOptions(file) || partOf(file) === 'config'
    : isOptions(target) && (partOf(file) === 'config' || isOptions(file));

/** Each third-party package is named in one folder only, so that it can be replaced there. */
const packageHomes: Readonly<Record<string, (file: string) => boolean>> = {
  '@grpc/grpc-js': within('receive'),
  '@grpc/proto-loader': within('receive'),
  '@platformatic/kafka': within('kafka'),
  '@prometheus-io/client': within('telemetry'),
  aws4fetch: within('cli'),
  bcryptjs: within('access'),
  commander: within('cli'),
  consul: within('consul'),
  fastify: within('telemetry'),
  pino: within('telemetry'),
  re2js: within('regex'),
  undici: within('export', 'cli'),
  valibot: (file) => file === 'options.ts' || isOptions(file) || within('config', 'cli')(file),
  yaml: within('config'),
};

/** Time is an argument, and I/O is at the rim: what the foundations and the pure stages may not say. */
const impure =
  /\bDate\.now\b|\bnew Date\(\)|\bperformance\.|\bset(?:Timeout|Interval|Immediate)\b|\bprocess\.(?!arch|platform)|\bconsole\.|\bfetch\(/;
const isPure = (file: string) => [...foundations, ...pureStages].includes(partOf(file)) && !isOptions(file);

/** The machine's clocks, by all their names. Everybody else gets a Clock, or a moment. */
const clockReading =
  /\bDate\.now\b|\bnew Date\(\)|\bDate\(\)|\bperformance\.(?:now|timeOrigin)\b|\bhrtime\b|\buptime\(/;
/** The page's script runs in a browser. */
const mayReadClocks = ['clock.ts', 'telemetry/page/script.ts'];

/**
 * Wall time is called unixMs, whoever has it; waits, ages and deadlines have no use for it. These show or store it, or,
 * as with a Retry-After that is a date, were told it.
 */
const wallTime = /\bunixMs(?:Of)?\b/i;
const showsTime = oneOf(
  'clock.ts',
  'cli/',
  'config/live.ts',
  'config/record.ts',
  'export/books.ts',
  'export/http.ts',
  'gateway.ts',
  'keep-traces.ts',
  'pipeline.ts',
  'receive/http/answer.ts',
  'receive/http/plain-connection.ts',
  'receive/watch.ts',
  'store/',
  'telemetry/epoch-offset.ts',
  'telemetry/status.ts',
  'threads/window-questions.ts',
  'window-missing.ts',
);

interface Import {
  readonly file: string;
  readonly line: number;
  readonly specifier: string;
  /** The imported file below src/, or undefined for a package or a module of Node. */
  readonly target: string | undefined;
}

const root = join(dirname(fileURLToPath(import.meta.url)), '../src');
const files = readdirSync(root, { recursive: true, encoding: 'utf8' })
  .map((path) => path.replaceAll('\\', '/'))
  .filter((path) => path.endsWith('.ts'))
  .sort();
const sources = new Map(files.map((file) => [file, readFileSync(join(root, file), 'utf8')]));
const imports = files.flatMap((file) => importsOf(file, sources.get(file)!));

describe('the parts of src/', () => {
  it('import downwards only', () => {
    expect([...new Set(imports.flatMap(wrongDirection))]).toEqual([]);
  });

  it('name each third-party package in its one folder', () => {
    expect(imports.flatMap(wrongPackage)).toEqual([]);
  });

  it('keep clocks, timers, sockets, logs and modules of Node out of foundations and pure stages', () => {
    expect([...imports.flatMap(nodeInside), ...files.filter(isPure).flatMap(impureLines)]).toEqual([]);
  });

  it('read the time from src/clock.ts alone', () => {
    expect(
      files.filter((file) => !mayReadClocks.includes(file)).flatMap((file) => linesWith(file, clockReading)),
    ).toEqual([]);
  });

  it('take wall time for nothing but what is shown and stored', () => {
    expect(files.filter((file) => !showsTime(file)).flatMap((file) => linesWith(file, wallTime))).toEqual([]);
  });

  it('go in no circle, of types neither', () => {
    expect(circles()).toEqual([]);
  });

  it('export what somebody imports, and nothing else', () => {
    const users = ['../test', '../bench', '../tools'].flatMap((folder) => textsBelow(join(root, folder)));
    const others = (file: string) => [
      ...[...sources].filter(([other]) => other !== file).map(([, text]) => text),
      ...users,
    ];
    const unused = files.flatMap((file) =>
      exportsOf(sources.get(file)!)
        .filter((name) => !others(file).some((text) => new RegExp(`\\b${name}\\b`).test(text)))
        .map((name) => `src/${file} exports ${name}, which nobody imports`),
    );
    expect(unused).toEqual([]);
  });
});

describe('this test', () => {
  const found = (file: string, text: string) => importsOf(file, text);

  it('sees every form of import', () => {
    const text = `import a from './a.ts';\nimport {\n  b,\n} from '../wire/b.ts';\nimport 'pino';\nexport * from './c.ts';\nimport type { D } from "node:fs";\nconst e = await import('yaml');\n// import x from './x.ts'\n * import y from './y.ts'\n`;
    expect(found('model/it.ts', text).map(({ line, specifier }) => [line, specifier])).toEqual([
      [1, './a.ts'],
      [2, '../wire/b.ts'],
      [5, 'pino'],
      [6, './c.ts'],
      [7, 'node:fs'],
      [8, 'yaml'],
    ]);
  });

  it('objects to what it is there for', () => {
    const wrong = (file: string, text: string) => {
      const [only] = found(file, text);
      return [...wrongDirection(only!), ...wrongPackage(only!), ...nodeInside(only!)].length;
    };
    expect(wrong('decide/it.ts', `import { x } from '../buffer/x.ts';`)).toBe(1);
    expect(wrong('model/it.ts', `import type { x } from '../decode/x.ts';`)).toBe(1);
    expect(wrong('telemetry/it.ts', `import { x } from '../config/x.ts';`)).toBe(1);
    expect(wrong('shard/it.ts', `import { x } from '../gateway.ts';`)).toBe(1);
    expect(wrong('receive/it.ts', `import * as v from 'valibot';`)).toBe(1);
    expect(wrong('wire/it.ts', `import { x } from 'node:fs';`)).toBe(1);
    expect(wrong('gateway.ts', `import { x } from './telemetry/x.ts';`)).toBe(0);
    expect(wrong('decide/options.ts', `import * as v from 'valibot';`)).toBe(0);
    expect(impure.test('const now = Date.now();')).toBe(true);
    expect(clockReading.test('const [s] = process.hrtime();')).toBe(true);
    expect(wallTime.test('this.#dueAt = clock.unixMs() + waitMs;')).toBe(true);
    expect(showsTime('export/retry.ts') || showsTime('buffer/deadlines.ts')).toBe(false);
  });
});

function of(parts: readonly string[], allowed: readonly string[]): Record<string, readonly string[]> {
  return Object.fromEntries(parts.map((part) => [part, allowed]));
}

/** One of these files, or in one of these folders (they end in a slash). */
function oneOf(...places: string[]): (file: string) => boolean {
  return (file) => places.some((place) => (place.endsWith('/') ? file.startsWith(place) : file === place));
}

function within(...folders: string[]): (file: string) => boolean {
  return (file) => folders.includes(partOf(file));
}

/** `decide/policies/x.ts` → decide, `pipeline.ts` → pipeline. */
function partOf(file: string): string {
  return file.split('/')[0]!.replace(/\.ts$/, '');
}

function importsOf(file: string, text: string): Import[] {
  const statement =
    /^(?:import|export)\b(?:[^'"`;]*?\bfrom)?\s*['"]([^'"]+)['"]|^(?!\s*(?:\/\/|\*)).*?\bimport\(\s*['"]([^'"]+)['"]/gm;
  return [...text.matchAll(statement)].map((match) => {
    const specifier = match[1] ?? match[2]!;
    const line = text.slice(0, match.index).split('\n').length;
    const target = specifier.startsWith('.') ? posix.normalize(posix.join(posix.dirname(file), specifier)) : undefined;
    return { file, line, specifier, target };
  });
}

const exportsOf = (text: string): string[] =>
  Array.from(
    text.matchAll(/^export (?:async )?(?:abstract )?(?:const|function\*?|class|interface|type|let|enum) (\w+)/gm),
    ([, name]) => name!,
  );

const textsBelow = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts') && !path.includes('node_modules') && !path.endsWith('layers.test.ts'))
    .map((path) => readFileSync(join(folder, path), 'utf8'));

function wrongDirection({ file, line, specifier, target }: Import): string[] {
  if (target === undefined) return [];
  const [from, to] = [partOf(file), partOf(target)];
  const allowed = mayImport[from];
  if (allowed === undefined)
    return [`src/${file}: add "${from}" to the table in test/layers.test.ts, where it belongs`];
  if (to === from || allowed.includes(to) || mayImportOptions(file, target)) return [];
  return [
    `src/${file}:${line} imports ${specifier}: ${from} may import ${allowed.join(', ') || 'nothing'} only; move what it needs down to model/, or this line up to whoever composes the two`,
  ];
}

function wrongPackage({ file, line, specifier, target }: Import): string[] {
  if (target !== undefined || isBuiltin(specifier)) return [];
  const name = specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
  const isHome = packageHomes[name];
  if (isHome === undefined)
    return [`src/${file}:${line} imports ${name}: add it to packageHomes in test/layers.test.ts, with its one folder`];
  return isHome(file)
    ? []
    : [
        `src/${file}:${line} imports ${name}, which has its home elsewhere (packageHomes in test/layers.test.ts); move the line there`,
      ];
}

/** `node:buffer` computes on bytes, and reaches nothing outside. */
function nodeInside({ file, line, specifier }: Import): string[] {
  if (!isPure(file) || !isBuiltin(specifier) || specifier === 'node:buffer') return [];
  return [
    `src/${file}:${line} imports ${specifier}: ${partOf(file)} is pure; move the line to the rim and pass a value in`,
  ];
}

/** Lines of code, comments left out, that say what `pattern` looks for. */
function linesWith(file: string, pattern: RegExp): string[] {
  return sources
    .get(file)!
    .split('\n')
    .flatMap((text, i) => {
      const said = pattern.exec(withoutComment(text));
      return said ? [`src/${file}:${i + 1} says ${said[0]}: see src/clock.ts for who may`] : [];
    });
}

const withoutComment = (text: string): string => text.replace(/^\s*(?:\/?\*|\/\/).*|\s\/\/ .*/, '');

function impureLines(file: string): string[] {
  return sources
    .get(file)!
    .split('\n')
    .flatMap((text, i) => {
      const said = impure.exec(withoutComment(text));
      return said ? [`src/${file}:${i + 1} says ${said[0]}: ${partOf(file)} is pure; take it as an argument`] : [];
    });
}

/** Each circle once, by its first file, as a → b → a. */
function circles(): string[] {
  const targets = Map.groupBy(
    imports.filter(({ target }) => target !== undefined),
    ({ file }) => file,
  );
  const done = new Set<string>();
  const found: string[] = [];
  const visit = (file: string, path: readonly string[]): void => {
    if (path.includes(file)) found.push([...path.slice(path.indexOf(file)), file].join(' → '));
    if (done.has(file) || path.includes(file)) return;
    for (const { target } of targets.get(file) ?? []) visit(target!, [...path, file]);
    done.add(file);
  };
  for (const file of files) visit(file, []);
  return found;
}
