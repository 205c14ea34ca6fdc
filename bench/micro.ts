import { Batch } from '../src/batch/batch.ts';
import { RequestScan } from '../src/decode/scan.ts';
import { defaultRules } from '../src/enrich/default-rules.ts';
import { Enricher } from '../src/enrich/enrich.ts';
import { Slice, sliceWords } from '../src/model/slice.ts';
import { emptyStamp } from '../src/model/stamp.ts';
import { Blocks } from '../src/tables/blocks.ts';
import { IdHash } from '../src/tables/id-hash.ts';
import { IdIndex } from '../src/tables/id-index.ts';
import { Records } from '../src/tables/records.ts';
import { readEnvelope } from '../src/wire/envelope.ts';
import { Writer } from '../src/wire/writer.ts';
import { reportExpressions } from './expressions.ts';
import { compiled, reportPolicies, scanning } from './policies.ts';
import { report, requests } from './turns.ts';
import { reportWhole } from './whole.ts';

/**
 * `make bench-micro`: what each stage costs, alone, in this thread, without sockets: nanoseconds and bytes of the
 * JavaScript heap a span. Time is what the thread had of a core, on average: other processes can make it only a little longer.
 */
const set = compiled();
report('scan', scanning(set));

const blocks = new Blocks(1 << 30);
const records = new Records(18, blocks);
const index = new IdIndex(records, new IdHash(1), blocks);
let id = 0;
const live: number[] = [];
const wanted = new Int32Array(4);
report('index: find, insert, remove; a trace, of 100,000', () => {
  for (let i = 0; i < 4096; i++) {
    const n = Math.imul(++id, 0x9e3779b1);
    wanted[0] = n;
    wanted[1] = id;
    wanted[2] = n ^ id;
    wanted[3] = 7;
    if (index.find(wanted, 0) >= 0) throw new Error('an id that is not there was found');
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

reportPolicies();
reportExpressions();

const enricher = new Enricher({ resource: {}, set: {}, redact: defaultRules });
const stamp = {
  ...emptyStamp(),
  thresholdHigh: 0xfd70a3,
  thresholdLow: 0,
  policy: 'baseline',
  revision: '1',
  incomplete: false,
  late: false,
  rescued: false,
};
const out = new Writer(1 << 20);
const { bytes: first, length: firstLength } = requests[0];
const scan = new RequestScan();
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

const batch = new Batch({ maxBytes: 3 << 20, maxSpans: 8192, maxAgeMs: 1000 }, enricher, () => {}, 1);
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

reportWhole(enricher);
