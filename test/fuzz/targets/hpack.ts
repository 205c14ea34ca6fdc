import { HeaderDecoder } from '../../../src/receive/http2/header-decoder.ts';
import { ConnectionError } from '../../../src/receive/http2/protocol.ts';
import { blockOf, request } from '../../receive/support/http2-wire.ts';
import { changeBytes } from '../bytes.ts';
import { below, type Chance, pick, type Target, wordsOf } from '../target.ts';

/** What a connection announces, with the 32 bytes that each field counts beside its characters. */
const maxListBytes = 16 * 1024;

/** Each block of an input stands behind its length, in two bytes; all are of one connection. */
function* blocksIn(input: Buffer): Generator<[number, number]> {
  for (let at = 0; at + 2 <= input.length; ) {
    const start = at + 2;
    at = Math.min(input.length, start + input.readUInt16BE(at));
    yield [start, at];
  }
}
const joined = (...blocks: readonly Buffer[]): Buffer =>
  Buffer.concat(blocks.flatMap((block) => [Buffer.from([block.length >> 8, block.length & 255]), block]));

function run(input: Buffer): string {
  const decoder = new HeaderDecoder();
  const outcomes = new Set<string>();
  try {
    for (const [start, end] of blocksIn(input)) {
      const headers = decoder.decode(input, start, end);
      outcomes.add(typeof headers === 'string' ? headers : 'headers');
      if (typeof headers !== 'string') mustFit(headers);
    }
  } catch (error) {
    if (!(error instanceof ConnectionError)) throw error;
    outcomes.add(wordsOf(error));
  }
  return [...outcomes].sort().join(', ');
}

function mustFit(headers: Readonly<Record<string, string | undefined>>): void {
  const bytes = Object.entries(headers).reduce((sum, [name, value = '']) => sum + name.length + value.length, 0);
  if (bytes > maxListBytes) throw new Error(`${bytes} bytes of headers`);
}

/** One field in one of its forms (RFC 7541, 6). */
function field(chance: Chance): Buffer {
  const text = (length: number): Buffer =>
    Buffer.from([length, ...Buffer.alloc(length, pick(['a', ':', 'Z', '\0'], chance))]);
  switch (below(5, chance)) {
    case 0:
      return Buffer.from([0x80 | below(80, chance)]);
    case 1:
      return Buffer.concat([Buffer.from([0x40]), text(below(126, chance)), text(below(126, chance))]);
    case 2:
      return Buffer.concat([Buffer.from([0x40 | below(63, chance)]), text(below(126, chance))]);
    case 3:
      return Buffer.from([0x20 | below(32, chance), below(256, chance), below(256, chance)]);
    default:
      return Buffer.from([0, 0x80 | below(10, chance), ...Array.from({ length: 12 }, () => below(256, chance))]);
  }
}

function change(parent: Buffer, chance: Chance): Buffer {
  if (chance() < 0.4) return changeBytes(parent, chance);
  const blocks = [...blocksIn(parent)].map(([start, end]) => parent.subarray(start, end));
  const at = below(blocks.length, chance);
  const fields = Array.from({ length: 1 + below(5, chance) }, () => field(chance));
  // One and the same entry of the table as often as a block holds it.
  if (chance() < 0.1) fields.push(Buffer.alloc(below(8_000, chance), 0x80 | (61 + below(4, chance))));
  blocks.splice(
    at,
    chance() < 0.5 ? 1 : 0,
    Buffer.concat([blocks[at] ?? Buffer.alloc(0), ...fields]).subarray(0, 60_000),
  );
  return joined(...blocks);
}

/** Header blocks of one connection. */
export const hpackTarget: Target = {
  name: 'hpack',
  budget: { cpuUs: 500, cpuUsPerByte: 0.5, memoryBytes: 2 ** 21, memoryBytesPerByte: 300 },
  maxBytes: 128 * 1024,
  seeds: () => [
    joined(blockOf(request)),
    joined(blockOf({ ...request, 'content-type': 'application/grpc', te: 'trailers' }), blockOf(request)),
    joined(
      Buffer.from('828684418cf1e3c2e5f23a6ba0ab90f4ff', 'hex'),
      Buffer.from('828684be58086e6f2d6361636865', 'hex'),
    ),
    joined(Buffer.from('3fe11f', 'hex')),
  ],
  change,
  run,
};
