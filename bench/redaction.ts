import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { RequestScan } from '../src/decode/scan.ts';
import type { Enricher } from '../src/enrich/enrich.ts';
import { Slice, sliceWords } from '../src/model/slice.ts';
import { emptyStamp } from '../src/model/stamp.ts';
import { Span } from '../src/wire/otlp.ts';
import { Reader } from '../src/wire/reader.ts';
import { Writer } from '../src/wire/writer.ts';
import { captureNames, capturesMissing, readMessages } from '../test/support/captures.ts';
import { compiled } from './policies.ts';
import { median, requests, timed } from './turns.ts';

/**
 * `bin/node bench/redaction.ts DIR…`: nanoseconds by kept span to enrich and redact with the default rules, this checkout beside
 * others (their folders), turn by turn; the bench's spans and the recorded ones. Those of the bench also with the
 * tracestates of samplers before it.
 */
interface Rows {
  /** Where the spans of the rows lie. */
  readonly bytes: Uint8Array;
  readonly rows: Int32Array;
}

const stamp = {
  ...emptyStamp(),
  thresholdHigh: 0xfd70a3,
  thresholdLow: 0,
  policy: 'b',
  revision: '1',
  incomplete: false,
  late: false,
  rescued: false,
};
const rounds = 60;
const turnMs = 15;
const here = new URL('..', import.meta.url);
const folders = process.argv.slice(2).map((folder) => pathToFileURL(`${resolve(folder)}/`));
const contenders = await Promise.all([here, ...folders].map(load));
const set = compiled();
const out = new Writer(1 << 20);

const recorded =
  capturesMissing === '' ? captureNames.map((name) => ({ name, messages: readMessages(name).map(padded) })) : [];
const unsampled = requests.map(rowsOf);
const cases: readonly (readonly [string, readonly Rows[]])[] = [
  ['bench', unsampled],
  ...recorded.map(({ name, messages }) => [name, messages.map(rowsOf)] as const),
  ['bench, sampled before', unsampled.map((rows) => sampledBefore(rows, false))],
  ['the same by a vendor', unsampled.map((rows) => sampledBefore(rows, true))],
];
for (const [name, rows] of cases) compare(name, rows);

async function load(root: URL): Promise<Enricher> {
  const { Enricher: Kind } = await import(new URL('src/enrich/enrich.ts', root).href);
  const { defaultRules } = await import(new URL('src/enrich/default-rules.ts', root).href);
  return new Kind({ resource: {}, set: {}, redact: defaultRules });
}

function rowsOf({ bytes, length }: ReturnType<typeof padded>): Rows {
  const scan = new RequestScan();
  scan.run(bytes, 0, length, set.conditions);
  return { bytes, rows: scan.slices.slice(0, scan.count * sliceWords) };
}

/**
 * The same spans as a gateway that keeps half of them sends them on; or an SDK that also has a member of its own, another
 * in each span: the last of two tracestates counts.
 */
function sampledBefore({ bytes, rows }: Rows, isByVendor: boolean): Rows {
  const before = { ...stamp, thresholdHigh: 0x800000 };
  const sent = new Writer(bytes.length);
  const moved = rows.slice();
  for (let row = 0; row < rows.length; row += sliceWords) {
    const start = rows[row + Slice.start];
    const at = sent.pos;
    contenders[0].span(sent, bytes, start, start + rows[row + Slice.length], before, false);
    const field = new Reader(sent.buf, at, sent.pos);
    field.next();
    const span = field.message();
    moved[row + Slice.start] = span.pos;
    if (isByVendor) sent.string(Span.traceState, `dd=s:1;p:${row.toString(16).padStart(16, '0')},ot=th:8`);
    moved[row + Slice.length] = sent.pos - span.pos;
  }
  return { bytes: padded(sent.finish()).bytes, rows: moved };
}

function compare(name: string, rows: readonly Rows[]): void {
  const times: number[][] = contenders.map(() => []);
  for (let round = -5; round < rounds; round++) {
    contenders.forEach((enricher, i) => {
      const ns = turn(enricher, rows);
      if (round >= 0) times[i].push(ns);
    });
  }
  const [ours, ...others] = times;
  const ratios = others.map((other) => `× ${median(ours.map((ns, i) => ns / other[i])).toFixed(2)}`);
  const best = times.map((ns) => `${Math.min(...ns).toFixed(0)} ns`);
  console.log(`${name.padEnd(22)} ${best.join(', ')} a span; this by the others: ${ratios.join(', ')}`);
}

/** All spans, as often as fits into a turn. */
function turn(enricher: Enricher, all: readonly Rows[]): number {
  return timed(() => {
    let handled = 0;
    for (const until = performance.now() + turnMs; performance.now() < until; ) {
      for (const { bytes, rows } of all) {
        out.reset();
        for (let row = 0; row < rows.length; row += sliceWords) {
          const start = rows[row + Slice.start];
          stamp.idLow = rows[row + Slice.traceIdD] >>> 0; // as for a trace of its own
          enricher.span(out, bytes, start, start + rows[row + Slice.length], stamp, false);
        }
        handled += rows.length / sliceWords;
      }
    }
    return handled;
  });
}

function padded(message: Uint8Array): { bytes: Uint8Array; length: number } {
  const bytes = new Uint8Array(message.length + 64);
  bytes.set(message);
  return { bytes, length: message.length };
}
