import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync, gzipSync } from 'node:zlib';
import type { Costly } from './worst.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const corpusDirectory = fileURLToPath(new URL('corpus/', import.meta.url));
const foundDirectory = fileURLToPath(new URL('found/', import.meta.url));

const nameOf = (input: Buffer): string => createHash('sha256').update(input).digest('hex').slice(0, 12);

/** The inputs that every run begins with: the costliest ones of earlier runs, and those that once did harm. */
export function readCorpus(target: string): Buffer[] {
  const directory = join(corpusDirectory, target);
  if (!existsSync(directory)) return [];
  const files = readdirSync(directory).filter((name) => name.endsWith('.gz'));
  return files.sort().map((name) => readInput(join(directory, name)));
}

/** An input as it is, or in gzip. */
export function readInput(path: string): Buffer {
  const bytes = readFileSync(path);
  return path.endsWith('.gz') ? gunzipSync(bytes) : bytes;
}

/** Puts the costliest into the corpus, in the place of those of before, with a list of what they cost. */
export function keepWorst(target: string, worst: readonly Costly[]): void {
  const directory = join(corpusDirectory, target);
  mkdirSync(directory, { recursive: true });
  for (const name of readdirSync(directory)) if (name.startsWith('worst-')) rmSync(join(directory, name));
  const lines = worst.map(({ input, cost, outcome }, i) => {
    const name = `worst-${String(i + 1).padStart(2, '0')}-${nameOf(input)}.gz`;
    writeFileSync(join(directory, name), gzipSync(input, { level: 9 }));
    const perByte = (cost.cpuUs / Math.max(1, input.length)).toFixed(3);
    return `${name} | ${input.length} | ${cost.cpuUs} | ${perByte} | ${Math.round(cost.memoryBytes / 1024)} | ${outcome}`;
  });
  const head = 'file | bytes | µs | µs a byte | KiB taken | what came of it';
  writeFileSync(join(directory, 'worst.txt'), `${[head, ...lines].join('\n')}\n`);
}

/** Saves what did harm; its path from the root of the checkout. */
export function save(target: string, input: Buffer): string {
  mkdirSync(foundDirectory, { recursive: true });
  const path = join(foundDirectory, `${target}-${nameOf(input)}`);
  writeFileSync(path, input);
  return relative(root, path);
}
