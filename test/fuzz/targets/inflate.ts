import zlib from 'node:zlib';
import { Refusal } from '../../../src/errors.ts';
import type { Encoding } from '../../../src/receive/encodings.ts';
import { inflate } from '../../../src/receive/inflate.ts';
import { encodeReference, requestJson, requestOf } from '../../receive/support/requests.ts';
import { changeBytes } from '../bytes.ts';
import { below, type Chance, pick, type Target, wordsOf } from '../target.ts';

/** As a receiver has it: nothing longer is taken. */
const maxMessageBytes = 4 * 2 ** 20;

const encodings: readonly Encoding[] = ['gzip', 'deflate', 'zstd'];
const packers: readonly ((bytes: Buffer) => Buffer)[] = [
  zlib.gzipSync,
  zlib.deflateSync,
  zlib.zstdCompressSync,
  zlib.deflateRawSync,
  (bytes) => Buffer.concat([zlib.gzipSync(bytes.subarray(0, 9)), zlib.gzipSync(bytes.subarray(9))]),
];
/** Of an input the first byte says which encoding it comes under. */
const packed = (packer: number, bytes: Buffer): Buffer =>
  Buffer.concat([Buffer.from([[0, 1, 2, 1, 0][packer]]), packers[packer](bytes)]);

let claimedBytes = 0;

async function run(input: Buffer): Promise<string> {
  claimedBytes = 0;
  const encoding = encodings[(input[0] ?? 0) % encodings.length];
  const inflated = await inflate(encoding, [input.subarray(1)], (extra, total) => {
    if (total > maxMessageBytes) return new Refusal('too_large', 'too large');
    claimedBytes += extra;
    if (total !== claimedBytes) throw new Error(`${claimedBytes} bytes claimed one by one, ${total} in all`);
    return undefined;
  });
  if (inflated instanceof Refusal) return `${encoding} refused: ${inflated.reason}: ${wordsOf(inflated)}`;
  const length = inflated.parts.reduce((sum, part) => sum + part.length, 0);
  if (length !== inflated.length) throw new Error(`${length} bytes that are said to be ${inflated.length}`);
  if (length > claimedBytes) throw new Error(`${length} bytes, of which ${claimedBytes} were claimed`);
  return `${encoding} taken, ${length === 0 ? 'empty' : length > 2 ** 20 ? 'long' : 'short'}`;
}

/** What zlib itself makes of it. */
async function check(input: Buffer, outcome: string): Promise<void> {
  const encoding = encodings[(input[0] ?? 0) % encodings.length];
  if (encoding === 'deflate' || !outcome.includes('taken')) return;
  const whole = encoding === 'gzip' ? zlib.gunzipSync(input.subarray(1)) : zlib.zstdDecompressSync(input.subarray(1));
  const inflated = await inflate(encoding, [input.subarray(1)], () => undefined);
  if (inflated instanceof Refusal || !Buffer.concat(inflated.parts).equals(whole))
    throw new Error('other bytes than zlib’s');
}

/** What is said of the length: gzip's last four bytes, zstd's first ones. */
function lie(input: Buffer, chance: Chance): Buffer {
  const copy = Buffer.from(input);
  if (copy.length < 24) return copy;
  const value = pick([0, 1, 100, 0x10_0000, 0x10_0001, 0x7fff_ffff, 0xffff_ffff], chance);
  copy.writeUInt32LE(value, chance() < 0.5 ? copy.length - 4 : 5 + below(8, chance));
  return copy;
}

function change(parent: Buffer, chance: Chance): Buffer {
  const kind = chance();
  if (kind < 0.3) return lie(parent, chance);
  if (kind < 0.75) return changeBytes(parent, chance);
  const length = pick([0, 1, 100, 5_000, 2 ** 20 - 1, 2 ** 20, 2 ** 20 + 1, 3_000_000, 20_000_000], chance);
  const bytes = Buffer.alloc(length > 2 ** 20 && chance() < 0.8 ? 5_000 : length, pick(['x', 'span', '\0'], chance));
  return packed(below(packers.length, chance), bytes);
}

/** Decompression: gzip, deflate, zstd. */
export const inflateTarget: Target = {
  name: 'inflate',
  isAsync: true,
  // A megabyte is unpacked at once whatever the compressed bytes are; what is longer goes in pieces, to other threads.
  budget: { cpuUs: 30_000, cpuUsPerByte: 1, memoryBytes: 4 * maxMessageBytes, memoryBytesPerByte: 8 },
  maxBytes: 64 * 1024,
  isNative: true,
  seeds: () =>
    packers.flatMap((_, packer) => [packed(packer, requestOf(20)), packed(packer, encodeReference(requestJson()))]),
  change,
  run,
  check,
};
