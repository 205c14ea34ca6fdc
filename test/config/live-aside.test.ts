import { describe, expect, it } from 'vitest';
import type { ConsulAnswer } from '../../src/config/consul.ts';
import { createLiveRules } from '../../src/config/live.ts';
import type { FileText } from '../../src/config/read-text.ts';
import { type Compile, type RulesReading, type RulesTexts, readRules } from '../../src/config/rules-reading.ts';
import type { Source, SourceListener } from '../../src/config/source.ts';

/** Longer than what is read at once. */
const long = (route: string): string => `routes: [${route}]\n#${'x'.repeat(9_000)}`;
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Says what it is told to; at the start the given word. */
class HandSource<C> implements Source<C> {
  readonly name: string;
  readonly #first: C;
  #listener: SourceListener<C> | undefined;

  constructor(name: string, first: C) {
    this.name = name;
    this.#first = first;
  }

  start(listener: SourceListener<C>): void {
    this.#listener = listener;
    this.say(this.#first);
  }

  say(content: C): void {
    this.#listener?.answered();
    this.#listener?.changed(content);
  }

  refresh(): void {}
  stop(): void {}
}

const compile: Compile<readonly string[]> = ({ routes }, revision) => {
  const bad = routes?.indexOf('/bad') ?? -1;
  return bad < 0
    ? { policies: [revision, ...(routes ?? [])] }
    : { problems: [{ path: ['routes', bad], message: 'bad' }] };
};
const keys = (index: number, routes: string): ConsulAnswer => ({
  index: BigInt(index),
  entries: [{ key: 'routes', value: routes }],
  filtered: false,
});

/** Rules of which long texts are read by hand: `read()` does what was asked first. */
function setting(first: string, consul?: ConsulAnswer) {
  const asked: { texts: RulesTexts; end: (reading: RulesReading<readonly string[]>) => void; over: AbortSignal }[] = [];
  const [file, kv] = [new HandSource<FileText>('file:/rules.yaml', first), consul];
  const consulSource = kv && new HandSource<ConsulAnswer>('consul:tailgate/sampling/home', kv);
  const swaps: string[] = [];
  const rules = createLiveRules({
    file,
    consul: consulSource,
    environment: 'home',
    debug: false,
    compile,
    readAside: (texts, over) =>
      new Promise((end, reject) => {
        asked.push({ texts, end, over });
        over.addEventListener('abort', () => reject(over.reason), { once: true });
      }),
    policyNames: (names) => names,
    lastGoodFile: '/dev/null/none',
    clock: { monotonicMs: () => 0, unixMs: () => 0 },
    log: () => {},
  });
  rules.onSwap(([, ...routes]) => swaps.push(routes.join()));
  const read = async (): Promise<void> => {
    const { texts, end } = asked.shift()!;
    end(readRules(texts, compile));
    await settled();
  };
  return { rules, file, consul: consulSource, swaps, asked, read };
}

describe('long rules', () => {
  it('are read elsewhere, and what is in force stays until they are', async () => {
    const { rules, file, swaps, asked, read } = setting('routes: [/a]');
    await rules.start();
    file.say(long('/b'));
    await settled();
    expect([swaps, asked.length]).toEqual([['/a'], 1]);
    await read();
    expect(swaps).toEqual(['/a', '/b']);
    expect(rules.status()).toMatchObject({ loads: { accepted: 2, refused: 0 }, source: 'file:/rules.yaml' });
    expect(rules.fileFields).toEqual({ routes: ['/b'] });
  });

  it('never win over what was said after them, however short that is', async () => {
    const { rules, file, swaps, asked, read } = setting('routes: [/a]');
    await rules.start();
    file.say(long('/long'));
    file.say('routes: [/short]');
    await settled();
    expect(swaps).toEqual(['/a']);
    await read();
    expect(swaps).toEqual(['/a', '/long', '/short']);
    expect(asked).toEqual([]);
  });

  it('that were said while others were read are skipped but for the last ones', async () => {
    const { rules, file, swaps, read, asked } = setting('routes: [/a]');
    await rules.start();
    for (const route of ['/1', '/2', '/3', '/bad', '/4']) file.say(long(route));
    await read();
    await read();
    expect(asked).toEqual([]);
    expect(swaps).toEqual(['/a', '/1', '/4']);
    expect(rules.status().lastRefusal).toBeNull();
  });

  it('are refused with their line, and the last good ones stay', async () => {
    const { rules, file, swaps, read } = setting('routes: [/a]');
    await rules.start();
    file.say(long('/c, /bad'));
    await read();
    expect(swaps).toEqual(['/a']);
    expect(rules.status().lastRefusal?.error).toBe('/rules.yaml:1: routes[1]: bad');
    file.say(long('/d'));
    await read();
    expect(swaps).toEqual(['/a', '/d']);
  });

  it('are laid under keys that change meanwhile', async () => {
    const { rules, file, consul, swaps, read, asked } = setting('debug: true', keys(1, '/a'));
    await rules.start();
    file.say(`latency_threshold_ms: 7\n#${'x'.repeat(9_000)}`);
    consul?.say(keys(2, '/b'));
    await read();
    expect(swaps).toEqual(['/a', '/a']);
    // Short as the key is, the file has to be read with it.
    await read();
    expect(asked).toEqual([]);
    expect(swaps).toEqual(['/a', '/a', '/b']);
    expect(rules.status().modifyIndex).toBe(2);
  });

  it('are waited for by the start, which goes by them', async () => {
    const { rules, swaps, read, asked } = setting(long('/a'), keys(1, '/b'));
    const starting = rules.start();
    await settled();
    expect(asked.map(({ texts }) => texts.isFormOnly)).toEqual([true]);
    await read();
    await read();
    await starting;
    expect(swaps).toEqual(['/b']);
  });

  it('are given up by a stop', async () => {
    const { rules, file, swaps, asked } = setting('routes: [/a]');
    await rules.start();
    file.say(long('/b'));
    rules.stop();
    await settled();
    expect(asked[0].over.aborted).toBe(true);
    expect(swaps).toEqual(['/a']);
    expect(rules.status().loads.refused).toBe(0);
  });
});
