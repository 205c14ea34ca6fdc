import { isDeepStrictEqual } from 'node:util';
import protobuf from 'protobufjs';
import { RequestScan } from '../../../src/decode/scan.ts';
import { rootBit } from '../../../src/model/conditions.ts';
import { Slice, sliceWords } from '../../../src/model/slice.ts';
import { readEnvelope } from '../../../src/wire/envelope.ts';
import { MalformedError } from '../../../src/wire/reader.ts';
import { encodeReference, requestJson, requestOf, spanJson } from '../../receive/support/requests.ts';
import { mutate, repeatField } from '../../support/mutate.ts';
import { ExportRequestType, SpanType } from '../../support/otlp.ts';
import { requestBytes } from '../../support/spans.ts';
import { compiled, seedRules } from '../../support/story.ts';
import { changeBytes } from '../bytes.ts';
import { type Chance, type Target, wordsOf } from '../target.ts';

const maxBytes = 256 * 1024;
/** Bytes of others before and behind a message, as in a segment. */
const around = 64;
const segment = Buffer.alloc(maxBytes + 2 * around);
const scan = new RequestScan(64 * 1024);
const { conditions } = compiled(seedRules);

/** Scans the input between bytes of others. */
function scanned(input: Buffer, others: number): RequestScan {
  segment.fill(others, 0, around);
  segment.set(input, around);
  segment.fill(others, around + input.length, around + input.length + around);
  scan.run(segment, around, around + input.length, conditions);
  return scan;
}

function run(input: Buffer): string {
  try {
    const { count, invalid, reason } = scanned(input, 0xff);
    if (invalid > 0) return `${count > 0 ? 'in part' : 'none'}: ${wordsOf({ message: reason })}`;
    return count > 0 ? 'spans' : 'empty';
  } catch (error) {
    if (error instanceof MalformedError) return `refused: ${wordsOf(error)}`;
    throw error;
  }
}

interface Read {
  resourceSpans?: { scopeSpans?: { spans?: ReadSpan[] }[] }[];
}
interface ReadSpan {
  traceId?: Uint8Array;
  spanId?: Uint8Array;
  parentSpanId?: Uint8Array;
  startTimeUnixNano?: bigint;
  endTimeUnixNano?: bigint;
  status?: { code?: number };
}

/** By protobufjs, which minds whether text is UTF-8, while we let it pass until it leaves. */
function decoded<T>(type: protobuf.Type, bytes: Uint8Array): T {
  const reader = protobuf.Reader.create(bytes);
  reader.string = reader.stringVerify = () => Buffer.from(reader.bytes()).toString('latin1');
  return type.toObject(type.decode(reader), { longs: BigInt as unknown as typeof String, arrays: false }) as T;
}

/** What a scan says of a span's own fields, apart from attributes: by what protobufjs read. */
function bitsOf({ parentSpanId, startTimeUnixNano, endTimeUnixNano, status }: ReadSpan): number {
  const code = status?.code ?? 0;
  const [start, end] = [startTimeUnixNano, endTimeUnixNano];
  let bits = conditions.statusBits[code === 0 || code === 1 || code === 2 ? code : 3];
  if (parentSpanId === undefined || parentSpanId.every((byte) => byte === 0)) bits |= rootBit;
  if (start !== undefined && end !== undefined && Number(end - start) > conditions.slowNs) bits |= conditions.slowBits;
  return bits;
}
const ownBits = conditions.statusBits.reduce((all, bits) => all | bits, conditions.slowBits | rootBit);

/** Whatever is taken, others can read, and it is the same to them. */
function check(input: Buffer, outcome: string): void {
  if (outcome.startsWith('refused')) return;
  const first = scanned(input, 0xff);
  const [count, rows] = [first.count, first.slices.slice(0, first.count * sliceWords)];
  const again = scanned(input, 0);
  if (count !== again.count || !isDeepStrictEqual(rows, again.slices.slice(0, count * sliceWords)))
    throw new Error('bytes behind the message make a difference');
  const spans: ReadSpan[] = [];
  for (let row = 0; row < rows.length; row += sliceWords) {
    const start = rows[row + Slice.start];
    const span = decoded<ReadSpan>(SpanType, segment.subarray(start, start + rows[row + Slice.length]));
    const id = Buffer.alloc(16);
    for (let word = 0; word < 4; word++) id.writeInt32BE(rows[row + Slice.traceIdA + word], word * 4);
    if (!id.equals(span.traceId ?? Buffer.alloc(0))) throw new Error('a trace id that others read differently');
    if (span.spanId?.length !== 8) throw new Error('a span id that others read differently');
    const bits = rows[row + Slice.bits] & ownBits;
    if (bits !== bitsOf(span)) throw new Error(`bits ${bits} where others would set ${bitsOf(span)}`);
    readEnvelope(segment, rows[row + Slice.resourceSpans], rows[row + Slice.scopeSpans]);
    spans.push(span);
  }
  // What is broken round no spans is left out with nothing; spans in the field of 2021 protobufjs does not know.
  if (again.reason !== '' || input.includes(oldTag)) return;
  const whole = decoded<Read>(ExportRequestType, input);
  const others = (whole.resourceSpans ?? []).flatMap((r) => (r.scopeSpans ?? []).flatMap((s) => s.spans ?? []));
  if (!isDeepStrictEqual(others, spans)) throw new Error(`${spans.length} spans where others read ${others.length}`);
}
const oldTag = Buffer.from([0xc2, 0x3e]);

function change(parent: Buffer, chance: Chance): Buffer {
  const kind = chance();
  try {
    if (kind < 0.7) return mutate(parent, chance).bytes;
    if (kind < 0.72) return repeatField(parent, chance() < 0.9 ? 40 : 2_000, chance);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
  }
  return changeBytes(parent, chance);
}

function seeds(): Buffer[] {
  const rich = encodeReference(requestJson());
  return [
    Buffer.alloc(0),
    rich,
    encodeReference(requestJson([spanJson('eee19b7ec3c1b174'), spanJson('eee19b7ec3c1b175')])),
    requestOf(3),
    Buffer.from(requestBytes({ trace: 'a', id: 'r', status: 'ERROR' }, { trace: 'b', durationMs: 900 })),
    Buffer.from(requestBytes(...Array.from({ length: 12 }, (_, i) => ({ trace: `${i}`, service: `s${i >> 2}` })))),
    Buffer.from(requestBytes({ trace: 'a', attributes: { 'http.route': '/login', n: 5, x: 1.5, b: true } })),
  ];
}

/** The scan of a request in protobuf. */
export const scanTarget: Target = {
  name: 'scan',
  // A broken message costs a microsecond or two; there may be one for each 128 bytes, and 100 anyway.
  budget: { cpuUs: 1_000, cpuUsPerByte: 0.05, memoryBytes: 2 ** 21, memoryBytesPerByte: 200 },
  maxBytes,
  seeds,
  change,
  run,
  check,
};
