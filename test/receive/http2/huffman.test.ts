import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeHuffman } from '../../../src/receive/http2/huffman.ts';

const decode = (bytes: Uint8Array): string | undefined => decodeHuffman(bytes, 0, bytes.length);
const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');

/** The 256 bytes in their order, encoded by golang.org/x/net/http2/hpack 0.62.0. */
const everyByte = hex(
  `
ffc7fffd8fffffe2fffffe3fffffe4fffffe5fffffe6fffffe7fffffe8ffffeafffffff3fffffa7fffffabffffffdfffffebfffffecfffffedfffffe
efffffefffffff0ffffff1ffffff2fffffffbfffffcffffffd3fffffd7fffffdbfffffdffffffe3fffffe7fffffebfffffed4fe3f9ffaffcabf1febf
afefe7fdfd2cbb00089969b71d79fb9f7fff20ffbff3ff50ddbd7f061c58f265cd9f469d5af66dddbf871e5f9cff7ff7fffc3ff9ffe45fff4719242c
b34e6e9d68a6a3d7dac426defe3cfaf7fffbfe7ffbffdffffffcfffe6ffff4bfff9ffffa3fffd3ffff53fffd5ffffb3fffeb7fffdaffffb7ffff73ff
feeffffdeffffebffffbfffffd9ffffdbfffebffffe0ffffeeffffc3ffff8bffff1ffffe4fffee7fffb1ffff97fffd9ffffcdffff9fffffbffffdaff
feeffff4ffffb7fffee7fffe8ffffd3fffdeffffd5fffeeffffbdffffe1fffdfffff7fffff5ffffecffff07fff87fffe0ffff17fffedffff87ffff77
fffeffffeaffff8bfffe3ffff93ffff87fffcbffff37ffff1fffff83ffffe1fffebfffe3ffff3fffff2ffffa3ffffd9fffff17ffffc7fffff27ffffd
efffffbffffff2fffff8fffffb7fff97fff8fffffe6fffffc1fffff87ffffe7fffffc5ffffe5fffe4ffff2fffffd1fffff4ffffffefffffe3fffffc9
fffff97fffb3ffffcffffb7fffcdffff4ffff9ffffd1ffffcffffeaffffafffffddffffeffffff4fffff5fffffabffffa7ffffd7fffff9bffffecfff
ffb7fffff3fffffe8fffffd3fffffabfffff5fffffff7ffffecfffffdbfffffbbfffff7ffffff0fffffbbf`.replaceAll('\n', ''),
);

describe('Huffman code', () => {
  it.each([
    ['f1e3 c2e5 f23a 6ba0 ab90 f4ff', 'www.example.com'],
    ['a8eb 1064 9cbf', 'no-cache'],
    ['25a8 49e9 5ba9 7d7f', 'custom-key'],
    ['25a8 49e9 5bb8 e8b4 bf', 'custom-value'],
    ['aec3 771a 4b', 'private'],
    ['d07a be94 1054 d444 a820 0595 040b 8166 e082 a62d 1bff', 'Mon, 21 Oct 2013 20:13:21 GMT'],
    ['9d29 ad17 1863 c78f 0b97 c8e9 ae82 ae43 d3', 'https://www.example.com'],
    ['', ''],
  ])('%s is %j (RFC 7541, C.4 and C.6)', (encoded, text) => {
    expect(decode(hex(encoded))).toBe(text);
  });

  it('has each of the 256 bytes', () => {
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
    expect(decode(everyByte)).toBe(bytes.toString('latin1'));
  });

  it('is read from where it begins to where it ends', () => {
    expect(decodeHuffman(hex('0000 a8eb 1064 9cbf 00'), 2, 8)).toBe('no-cache');
  });

  it('goes on for as long as it likes', () => {
    // Eight letters of five bits are five whole bytes.
    expect(decode(hex('18c6 318c 63'.repeat(1000)))).toBe('a'.repeat(8000));
  });

  it.each([
    ['zeros behind a text', '18'],
    ['a zero among the ones behind a text', '1d'],
    ['eight ones behind a text', '1fff'],
    ['eight ones alone', 'ff'],
    ['sixteen ones behind a text', 'a8eb 1064 9cbf ffff'],
    ['the end-of-string symbol', 'ffff ffff'],
    ['the end-of-string symbol in the middle of a text', '1fff ffff ff1f'],
    ['a code that is cut off', 'ffc7 ff'],
  ])('does not allow %s', (_what, encoded) => {
    expect(decode(hex(encoded))).toBeUndefined();
  });

  it.each([1, 2, 3, 4, 5, 6, 7])('is filled up by %i ones', (ones) => {
    // An a is 00011, so as many of them as leave so much of the last byte.
    const letters = [1, 2, 3, 4, 5, 6, 7].find((count) => (count * 5 + ones) % 8 === 0)!;
    const bits = '00011'.repeat(letters) + '1'.repeat(ones);
    const bytes = Buffer.from(bits.match(/.{8}/g)!.map((byte) => Number.parseInt(byte, 2)));
    expect(decode(bytes)).toBe('a'.repeat(letters));
  });

  it('of any bytes is a text of at most a letter for each five bits, or nothing', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const text = decode(bytes);
        return text === undefined || text.length <= (bytes.length * 8) / 5;
      }),
    );
  });
});
