import { getHeapStatistics } from 'node:v8';
import { Batch } from '../src/batch/batch.ts';
import { compileRules } from '../src/decide/compile.ts';
import { decide, undecided } from '../src/decide/decide.ts';
import { RequestScan, Slice, sliceWords } from '../src/decode/scan.ts';
import { defaultRules } from '../src/enrich/default-rules.ts';
import { Enricher } from '../src/enrich/enrich.ts';
import { Refusal } from '../src/errors.ts';
import { Shard } from '../src/shard/shard.ts';
import { IdIndex } from '../src/tables/id-index.ts';
import { Records } from '../src/tables/records.ts';
import { readEnvelope } from '../src/wire/envelope.ts';
import { Writer } from '../src/wire/writer.ts';
import { caseOf, number, prepare } from './corpus.ts';

/**
 * `make bench-micro`: what each stage costs, alone, in this thread, without sockets: nanoseconds and bytes of the JavaScript heap
 * a span. The best of several turns: another process can only make a turn slower.
 */
const rules = {
  baseline_percent: 1,
  latency_threshold_ms: 500,
  error_status_codes: ['ERROR'],
  routes: ['/login', '/upload'],
  debug: false,
  late: { rescue: false },
  policies: [],
  shadow: [],
} as const;
const compiled = compileRules(rules, 'production', { debug: false });
if ('problems' in compiled) throw new Error('the rules of the bench do not compile');
const set = compiled.policies;

const shape = caseOf('whole');
const requests = Array.from({ length: 16 }, (_, i) => {
  const prepared = prepare(shape, 0, 1_790_000_000_000);
  number(prepared, i * 64);
  const bytes = new Uint8Array(prepared.bytes.length + 64);
  bytes.set(prepared.bytes);
  return { prepared, bytes, length: prepared.bytes.length };
});

/** Runs `turn`, which handles so many spans, until the time is steady; prints what a span costs. */
function report(name: string, turn: () => number): void {
  for (const until = performance.now() + 400; performance.now() < until; ) turn();
  let best = Number.POSITIVE_INFINITY;
  let spans = 0;
  const allocated = getHeapStatistics().total_allocated_bytes;
  for (const until = performance.now() + 1500; performance.now() < until; ) {
    const start = performance.now();
    const handled = turn();
    best = Math.min(best, ((performance.now() - start) * 1e6) / handled);
    spans += handled;
  }
  const bytes = (getHeapStatistics().total_allocated_bytes - allocated) / spans;
  console.log(`${name.padEnd(48)} ${best.toFixed(1).padStart(8)} ns ${bytes.toFixed(2).padStart(9)} B allocated`);
}

const scan = new RequestScan();
report('scan', () => {
  for (const { bytes, length } of requests) scan.run(bytes, 0, length, set.conditions);
  return requests.length * shape.spansPerRequest;
});

const records = new Records(18);
const index = new IdIndex(records, 1);
let id = 0;
const live: number[] = [];
report('index: find, insert, remove; a trace, of 100,000', () => {
  for (let i = 0; i < 4096; i++) {
    const n = Math.imul(++id, 0x9e3779b1);
    if (index.find(n, id, n ^ id, 7) >= 0) throw new Error('an id that is not there was found');
    const slot = records.allocate();
    const words = records.page(slot);
    const at = records.at(slot);
    words[at] = n;
    words[at + 1] = id;
    words[at + 2] = n ^ id;
    words[at + 3] = 7;
    index.insert(slot);
    const old = live[id % 100_000];
    if (old !== undefined) {
      index.remove(old);
      records.release(old);
    }
    live[id % 100_000] = slot;
  }
  return 4096;
});

const facts = { bits: 0, randomnessHigh: 0, randomnessLow: 0, spans: 8, bytes: 3600 };
const verdict = undecided();
report('decide: seed rules; a trace', () => {
  for (let i = 0; i < 8192; i++) {
    facts.randomnessHigh = (i * 2654435761) & 0xffffff;
    decide(set, facts, verdict);
  }
  return 8192;
});

const enricher = new Enricher({ resource: {}, set: {}, redact: defaultRules });
const stamp = {
  thresholdHigh: 0xfd70a3,
  thresholdLow: 0,
  policy: 'baseline',
  revision: '1',
  incomplete: false,
  late: false,
};
const out = new Writer(1 << 20);
const { bytes: first, length: firstLength } = requests[0];
scan.run(first, 0, firstLength, set.conditions);
const rows = scan.slices.slice(0, scan.count * sliceWords);
report('enrich: weight, redaction; a kept span', () => {
  out.reset();
  for (let row = 0; row < rows.length; row += sliceWords) {
    const start = rows[row + Slice.start];
    enricher.span(out, first, start, start + rows[row + Slice.length], stamp, false);
  }
  return rows.length / sliceWords;
});

const envelope = () => readEnvelope(first, rows[Slice.resourceSpans], rows[Slice.scopeSpans]);
report('envelope: looked up; a kept trace', () => {
  for (let i = 0; i < 512; i++) envelope();
  return 512;
});

const batch = new Batch({ maxBytes: 3 << 20, maxSpans: 8192, maxAgeMs: 1000 }, enricher, () => {});
report('batch: 8 spans a trace, finished requests; a span', () => {
  for (let trace = 0; trace < 64; trace++) {
    batch.begin(0);
    const around = envelope();
    let group = batch.group(around);
    for (let i = 0; i < 8; i++) {
      const row = (trace * 8 + i) * sliceWords;
      batch.into(group).bytes(2, first, rows[row], rows[row] + rows[row + 1]);
      if (!batch.added(group, around, 0)) group = batch.group(around);
    }
    batch.end();
  }
  return 512;
});

let now = 1_790_000_000_000;
const shard = new Shard(
  {
    buffer: {
      decisionWaitMs: 1000,
      decisionWaitAfterRootMs: 0,
      maxBytes: 4 * 2 ** 30,
      maxTraceBytes: 5_000_000,
      onFull: 'decide_oldest',
      rememberedDecisions: 262_144,
    },
    batch: { maxBytes: 3 << 20, maxSpans: 8192, maxAgeMs: 1000 },
    seed: 1,
  },
  { set, name: '1' },
  enricher,
  () => {},
);
let trace = 0;
report('the whole path, 100,000 spans waiting; a span', () => {
  for (const { prepared, length } of requests) {
    number(prepared, (trace += 64));
    const landing = shard.land(length, now);
    if (landing instanceof Refusal) throw landing;
    landing.bytes.set(prepared.bytes, landing.start);
    const answer = shard.accept(landing, now);
    if (answer instanceof Refusal) throw answer;
    now += 5;
    while (shard.tick(now, 200));
  }
  return requests.length * shape.spansPerRequest;
});
