import { isDeepStrictEqual } from 'node:util';
import { decodeJson, JsonReader, slackBytes, spareBytes } from '../../../src/decode/json.ts';
import { MalformedError } from '../../../src/wire/reader.ts';
import { ExportRequest } from '../../receive/support/intake.ts';
import { requestJson, spanJson } from '../../receive/support/requests.ts';
import { changeBytes } from '../bytes.ts';
import { below, type Chance, type Target, wordsOf } from '../target.ts';
import { Disagreement, readReference } from './json-reference.ts';
import { changeTree, scrawl } from './json-tree.ts';

const maxBytes = 256 * 1024;
const stepBytes = 64 * 1024;

function run(input: Buffer): string {
  const from = spareBytes(input.length);
  const memory = Buffer.alloc(from + input.length + slackBytes);
  memory.set(input, from);
  const reader = new JsonReader(memory, from);
  try {
    for (let steps = 0; !reader.read(stepBytes); steps++) if (steps > 2 * input.length) throw new Error('no end');
    return reader.message().length > 0 ? 'taken' : 'empty';
  } catch (error) {
    if (error instanceof MalformedError) return `refused: ${wordsOf(error)}`;
    throw error;
  }
}

/** In pieces that end anywhere. */
function inPieces(input: Buffer, bytes: number): Buffer | string {
  const from = spareBytes(input.length);
  const memory = Buffer.alloc(from + input.length + slackBytes, 0xa5);
  memory.set(input, from);
  const reader = new JsonReader(memory, from);
  try {
    while (!reader.read(bytes));
    return Buffer.from(reader.message());
  } catch (error) {
    return (error as Error).message;
  }
}

/** Of two faults the one that is found first is told, and which that is depends on the pieces. */
function samePieces(one: Buffer | string, other: Buffer | string): void {
  const areRefused = typeof one === 'string' && typeof other === 'string';
  const isBothFaults = areRefused && [one, other].some((fault) => fault.startsWith('not UTF-8'));
  if (!isBothFaults && !isDeepStrictEqual(one, other)) throw new Error('read in pieces it is something else');
}

const meant = (message: Uint8Array): object =>
  ExportRequest.toObject(ExportRequest.decode(message), { longs: String, bytes: String });

/** What JSON.parse makes of it, after the one byte order mark that may be there; undefined where it is no JSON. */
function parsed(input: Buffer): { value: unknown } | undefined {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(input);
    return { value: JSON.parse(text) };
  } catch {
    return undefined;
  }
}

function check(input: Buffer, outcome: string): void {
  const isTaken = !outcome.startsWith('refused');
  const whole = inPieces(input, input.length + 1);
  if (input.length < 4096) samePieces(whole, inPieces(input, 1 + (input.length % 7)));
  const json = parsed(input);
  if (isTaken && json === undefined) throw new Error('taken, though it is no JSON');
  // Numbers longer than 2 KiB, and what is nested 10,000 deep, are refused though they are JSON.
  const isExcessive = /[\d.]{2000}/.test(input.toString('latin1')) || outcome.includes('nested');
  if (outcome.startsWith('refused: not JSON') && json !== undefined && !isExcessive)
    throw new Error(`${outcome}, though it is JSON`);
  if (isTaken) meant(whole as Buffer);
  if (json === undefined || input.length > 16_384) return;
  // Members that stand twice are lost on the way through JSON.parse; what is left is compared.
  const text = JSON.stringify(json.value);
  let expected: object | undefined;
  try {
    expected = readReference(json.value);
  } catch (error) {
    if (!(error instanceof Disagreement)) throw error;
  }
  compare(text, expected);
}

/** `expected`: undefined where the reference has no opinion, or refuses. */
function compare(text: string, expected: object | undefined): void {
  let got: object;
  try {
    got = meant(decodeJson(Buffer.from(text)));
  } catch (error) {
    if (!(error instanceof MalformedError)) throw error;
    if (expected !== undefined) throw new Error(`refused (${error.message}), where it means something: ${text}`);
    return;
  }
  if (expected !== undefined && !isDeepStrictEqual(got, expected))
    throw new Error(`${JSON.stringify(got)} where ${JSON.stringify(expected)} is meant by ${text}`);
}

const words = [
  '{',
  '}',
  '[',
  ']',
  ',',
  ':',
  '"',
  '\\u',
  '\\ud800',
  'null',
  '1e5',
  '-',
  '{"a":',
  '[[',
  '"spans":[{}',
  'é',
];

function change(parent: Buffer, chance: Chance): Buffer {
  const tree = chance() < 0.75 && parent.length < 16_384 ? parsed(parent) : undefined;
  if (tree === undefined) return changeBytes(parent, chance, words);
  const changed = changeTree(tree.value, chance);
  const text = chance() < 0.5 ? JSON.stringify(changed) : scrawl(changed, chance);
  const bytes = Buffer.from(text ?? 'null');
  return below(5, chance) === 0 ? changeBytes(bytes, chance, words) : bytes;
}

const oddities = [
  '{"resourceSpans":[{},{},{}]}',
  '{"resourceSpans":[{"scopeSpans":[{"spans":[null,{},null]}]}]}',
  '[[[[1]]]]',
  '{"a":{"b":[1,-2.5e3,true,"\\u00e9\\ud83d\\ude00"]}}',
  '{"resource_spans":[{"scope_spans":[{"spans":[{"trace_id":"00","kind":"SPAN_KIND_SERVER","start_time_unix_nano":5}]}]}]}',
  '\ufeff{"resourceSpans":[{"instrumentationLibrarySpans":[{"spans":[{"name":"old"}]}]}]}',
];

/** OTLP/JSON to protobuf. */
export const jsonTarget: Target = {
  name: 'json',
  budget: { cpuUs: 1_000, cpuUsPerByte: 0.1, memoryBytes: 2 ** 21, memoryBytesPerByte: 20 },
  maxBytes,
  seeds: () =>
    [
      ...[requestJson(), requestJson([spanJson('eee19b7ec3c1b174'), { name: 'x' }])].map((json) =>
        JSON.stringify(json),
      ),
      ...oddities,
    ].map((text) => Buffer.from(text)),
  change,
  run,
  check,
};
