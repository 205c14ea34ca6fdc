import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Fault, HeaderDecoder, type Headers } from '../../../src/receive/http2/header-decoder.ts';
import { ConnectionError, ErrorCode } from '../../../src/receive/http2/protocol.ts';
import { blockOf, request } from '../support/http2-wire.ts';
import { blocksByNghttp2 } from '../support/nghttp2.ts';

const hex = (text: string): Buffer => Buffer.from(text.replace(/\s/g, ''), 'hex');

/** A decoder for blocks in hexadecimal or bytes. */
function decoder(): (block: string | Buffer, trailers?: boolean) => Headers | Fault {
  const inner = new HeaderDecoder();
  return (block, trailers = false) => {
    const bytes = typeof block === 'string' ? hex(block) : block;
    return inner.decode(bytes, 0, bytes.length, trailers);
  };
}

const first = { ':method': 'GET', ':scheme': 'http', ':path': '/', ':authority': 'www.example.com' };
const second = { ...first, 'cache-control': 'no-cache' };
const third = { ...first, ':scheme': 'https', ':path': '/index.html', 'custom-key': 'custom-value' };

describe('the requests of RFC 7541', () => {
  it.each([
    [
      'C.3, without Huffman code',
      [
        '8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d',
        '8286 84be 5808 6e6f 2d63 6163 6865',
        '8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65',
      ],
    ],
    [
      'C.4, with Huffman code',
      [
        '8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff',
        '8286 84be 5886 a8eb 1064 9cbf',
        '8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf',
      ],
    ],
  ])('in %s, of which each builds on the one before', (_what, blocks) => {
    const decode = decoder();
    expect(blocks.map((block) => decode(block))).toEqual([first, second, third]);
  });

  it('leave the table as it should be', () => {
    const decode = decoder();
    for (const block of ['8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d', '8286 84be 5808 6e6f 2d63 6163 6865'])
      decode(block);
    decode('8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65');
    expect(decode('bebf', true)).toEqual({ 'custom-key': 'custom-value', 'cache-control': 'no-cache' });
    // Entry 64, the oldest, is the pseudo-header, and behind it there is nothing.
    expect(decode('c0', true)).toBe('malformed');
    expect(() => decode('c1', true)).toThrow(ConnectionError);
  });
});

describe('the header table', () => {
  // C.5.1 to C.5.3 of RFC 7541 are answers under a table of 256 bytes; ":status" is not for requests, so it says
  // "status" here.
  const small = '3fe1 01';
  const date = '611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3120 474d 54';
  const location = '6e17 6874 7470 733a 2f2f 7777 772e 6578 616d 706c 652e 636f 6d';

  it('throws out the oldest when it is full', () => {
    const decode = decoder();
    // 41, 52, 65 and 63 bytes of 256; another 41 are too many.
    decode(`${small} 4006 7374 6174 7573 0333 3032 5807 7072 6976 6174 65 ${date} ${location}`, true);
    expect(decode('be bf c0 c1', true)).toEqual({
      location: 'https://www.example.com',
      date: 'Mon, 21 Oct 2013 20:13:21 GMT',
      'cache-control': 'private',
      status: '302',
    });
    decode('4006 7374 6174 7573 0333 3037', true);
    expect(decode('be c1', true)).toEqual({ status: '307', 'cache-control': 'private' });
    expect(() => decode('c2', true)).toThrow('no entry 66');
  });

  it('is emptied by an entry that is larger than all of it', () => {
    const decode = decoder();
    decode('4001 6101 62', true);
    expect(decode('be', true)).toEqual({ a: 'b' });
    const large = Buffer.concat([hex('4001 617f e11e'), Buffer.alloc(4064, 'x')]);
    expect(decode(large, true)).toEqual({ a: 'x'.repeat(4064) });
    expect(() => decode('be', true)).toThrow(ConnectionError);
  });

  it('has room for 4096 bytes, 32 of overhead an entry among them', () => {
    const decode = decoder();
    for (let i = 0; i < 120; i++) decode(Buffer.concat([hex('4001 6101'), Buffer.from([i + 33])]), true);
    // 34 bytes each: 120 of them are there, the oldest as entry 62 + 119.
    expect(decode('ff36', true)).toEqual({ a: '!' });
    decode('4001 6101 7e', true);
    expect(() => decode('ff37', true)).toThrow(ConnectionError);
    expect(decode('ff36', true)).toEqual({ a: '"' });
  });

  it('shrinks and grows as its client says, and forgets on the way', () => {
    const decode = decoder();
    decode('4001 6101 62 4001 6301 64', true);
    // 34 bytes are room for one.
    expect(decode('3f03 be', true)).toEqual({ c: 'd' });
    expect(() => decode('bf', true)).toThrow(ConnectionError);
    const again = decoder();
    again('4001 6101 62', true);
    again('20 3fe1 1f', true);
    expect(() => again('be', true)).toThrow(ConnectionError);
  });

  it('does not remember what shall not be remembered', () => {
    const decode = decoder();
    expect(decode('0001 6101 62 1001 6301 64', true)).toEqual({ a: 'b', c: 'd' });
    expect(() => decode('be', true)).toThrow(ConnectionError);
  });
});

describe('what nghttp2 writes', () => {
  it('is read as it was meant, with all the bytes that a value may have', async () => {
    // The letters around it make the Huffman code worth its while.
    const value = (byte: number) => `${'a'.repeat(30)}${String.fromCharCode(byte)}${'e'.repeat(30)}`;
    const bytes = Array.from({ length: 256 }, (_, byte) => byte).filter(
      (byte) => byte === 9 || (byte >= 32 && byte !== 127),
    );
    const requests = [0, 50, 100, 150, 200].map((at) =>
      Object.fromEntries(bytes.slice(at, at + 50).map((byte) => [`x-${byte}`, value(byte)])),
    );
    const decode = decoder();
    const blocks = await blocksByNghttp2(requests);
    expect(blocks.map((block) => decode(block))).toMatchObject(requests);
  });

  it('may name everything in the static table', async () => {
    const names =
      `accept-charset accept-encoding accept-language accept-ranges accept access-control-allow-origin age allow
      authorization cache-control content-disposition content-encoding content-language content-length content-location
      content-range content-type cookie date etag expect expires from if-match if-modified-since if-none-match if-range
      if-unmodified-since last-modified link location max-forwards proxy-authenticate proxy-authorization range referer
      refresh retry-after server set-cookie strict-transport-security user-agent vary via www-authenticate`.split(
        /\s+/,
      );
    const sent = { ':method': 'POST', ':path': '/index.html', ':scheme': 'https', ':authority': 'gateway' };
    const headers = {
      ...sent,
      ...Object.fromEntries(names.map((name, i) => [name, String(i)])),
      'accept-encoding': 'gzip, deflate',
    };
    const [block] = await blocksByNghttp2([headers]);
    expect({ ...(decoder()(block) as Headers) }).toEqual(headers);
    // Hardly any name is spelled out.
    expect(block.length).toBeLessThan(names.join('').length / 2);
  });

  it('is read whatever the requests, one after the other', async () => {
    const name = fc.stringMatching(/^[a-z][a-z0-9-]{0,12}$/).map((text) => `x-${text}`);
    const value = fc.stringMatching(/^[!-~]([ -~]{0,60}[!-~])?$/);
    const requests = fc.sample(fc.dictionary(name, value, { maxKeys: 8 }), { numRuns: 90, seed: 7541 });
    const decode = decoder();
    const sent = requests.map((more) => ({ ':method': 'POST', ':path': '/', ...more }));
    const blocks = await blocksByNghttp2(sent);
    expect(blocks.map((block) => decode(block))).toMatchObject(sent);
  });
});

describe('a block that came before', () => {
  const block = hex('8386 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d');
  const again = hex('8386 84be');

  it('is the very same headers, as long as the table stands still', () => {
    const decode = decoder();
    decode(block);
    const headers = decode(again);
    expect(decode(Buffer.from(again))).toBe(headers);
    expect(decode(hex('8286 84be'))).not.toBe(headers);
    expect(decode(again)).toEqual({
      ':method': 'POST',
      ':scheme': 'http',
      ':path': '/',
      ':authority': 'www.example.com',
    });
  });

  it('means something else after the table changed', () => {
    const decode = decoder();
    decode(block);
    decode(again);
    decode(hex('4103 6f74 68'), true);
    expect(decode(again)).toMatchObject({ ':authority': 'oth' });
    decode(hex('20'), true);
    expect(() => decode(again)).toThrow(ConnectionError);
  });

  it('is the same headers with a token of 64 characters, and other ones with another', () => {
    const decode = decoder();
    const [one, other] = ['a', 'b'].map((last) =>
      blockOf({ ...request, authorization: `Bearer ${'x'.repeat(63)}${last}` }),
    );
    const headers = decode(one);
    expect(decode(one)).toBe(headers);
    expect(decode(other)).toMatchObject({ authorization: `Bearer ${'x'.repeat(63)}b` });
    expect(decode(one)).toEqual(headers);
  });

  it('and changed the table is not taken from memory', () => {
    const decode = decoder();
    expect(decode(block)).not.toBe(decode(block));
    expect(decode(hex('8386 84bf'))).toMatchObject({ ':authority': 'www.example.com' });
  });

  it('as a request is not taken for the trailers of one', () => {
    const decode = decoder();
    expect(decode(again.subarray(0, 3))).toMatchObject({ ':method': 'POST' });
    expect(decode(again.subarray(0, 3), true)).toBe('malformed');
    expect(decode(again.subarray(0, 3))).toMatchObject({ ':method': 'POST' });
    expect(decode(blockOf({ a: 'b' }), true)).toEqual({ a: 'b' });
    expect(decode(blockOf({ a: 'b' }))).toBe('malformed');
    expect(decode(blockOf({ a: 'b' }), true)).toEqual({ a: 'b' });
  });
});

describe('what is no header block', () => {
  it.each([
    ['entry 0', '80'],
    ['an entry that is not there', 'be'],
    ['an entry far beyond', 'ffff ffff 0f'],
    ['the name of an entry that is not there', '7f00 0161'],
    ['an integer cut short', 'ff'],
    ['an integer cut short further on', 'ff80'],
    ['an integer without end', 'ff80 8080 8080 8080 8080 01'],
    ['an integer beyond all', 'ffff ffff ffff 7f'],
    ['a field without its value', '4001 61'],
    ['a field without its name', '40'],
    ['a name longer than the block', '4005 6162'],
    ['a value longer than the block', '4001 6105 62'],
    ['a name whose length is cut short', '407f'],
    ['Huffman code that is padded with zeros', '0081 1801 61'],
    ['Huffman code with the end-of-string symbol', '0084 ffff ffff 0161'],
    ['a table larger than permitted', '3fe2 1f'],
    ['a change of the table behind a field', '82 20'],
    ['a change of the table that is cut short', '3f'],
  ])('%s ends the connection', (_what, block) => {
    const decode = (): unknown => decoder()(block);
    expect(decode).toThrow(ConnectionError);
    expect(decode).toThrow(expect.objectContaining({ code: ErrorCode.COMPRESSION_ERROR }));
  });

  it('ends it whatever faults were found before', () => {
    expect(() => decoder()(Buffer.concat([blockOf({ 'NOT-LOWER': 'x' }), hex('80')]))).toThrow(ConnectionError);
  });

  it('of any bytes is told so, or is something', () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 100 }),
      // More of what looks like fields.
      fc
        .array(fc.constantFrom(0x82, 0x86, 0x84, 0x41, 0x40, 0x00, 0x01, 0x61, 0x3f, 0x20, 0xbe, 0xff, 0x7f), {
          maxLength: 60,
        })
        .map(Buffer.from),
    );
    fc.assert(
      fc.property(fc.array(bytes, { minLength: 1, maxLength: 5 }), (blocks) => {
        const decode = decoder();
        try {
          for (const block of blocks) {
            const headers = decode(Buffer.from(block));
            if (typeof headers === 'string') expect(['malformed', 'too_large']).toContain(headers);
            else expect(headers[':method']).toBeDefined();
          }
        } catch (error) {
          expect(error).toBeInstanceOf(ConnectionError);
          expect((error as ConnectionError).code).toBe(ErrorCode.COMPRESSION_ERROR);
        }
      }),
      { numRuns: 2000 },
    );
  });
});

describe('what is no request', () => {
  const { ':method': method, ':scheme': scheme, ':path': path } = { ...request, ':path': '/' };
  const fields = (...more: [string, string][]) => blockOf([...Object.entries(request), ...more]);
  it.each([
    ['nothing', blockOf({})],
    ['one without a method', blockOf({ ':scheme': scheme, ':path': path })],
    ['one without a scheme', blockOf({ ':method': method, ':path': path })],
    ['one without a path', blockOf({ ':method': method, ':scheme': scheme })],
    ['one with an empty path', blockOf({ ...request, ':path': '' })],
    ['one with two methods', fields([':method', 'POST'])],
    ['one with two paths', fields([':path', '/'])],
    ['one with a pseudo-header of an answer', fields([':status', '200'])],
    ['one with a pseudo-header that nobody knows', fields([':protocol', 'x'])],
    ['one with a pseudo-header behind others', blockOf([['a', 'b'], ...Object.entries(request)])],
    ['one with a name in upper case', fields(['Accept', 'x'])],
    ['one with an empty name', fields(['', 'x'])],
    ['one with a space in a name', fields(['a b', 'x'])],
    ['one with a colon in a name', fields(['a:b', 'x'])],
    ['one with a name that is not ASCII', fields(['größe', 'x'])],
    ['one with a zero in a value', fields(['a', 'b\0c'])],
    ['one with a line break in a value', fields(['a', 'b\nc'])],
    ['one with a carriage return in a value', fields(['a', 'b\rc'])],
    ['one with a line break in its path', blockOf({ ...request, ':path': '/\r\nx: y' })],
    ['one with te: gzip', fields(['te', 'gzip'])],
    ...['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade'].map(
      (name): [string, Buffer] => [`one with ${name}`, fields([name, 'x'])],
    ),
  ])('is %s', (_what, block) => {
    expect(decoder()(block)).toBe('malformed');
  });

  it('are trailers with a pseudo-header', () => {
    expect(decoder()(blockOf({ ':path': '/' }), true)).toBe('malformed');
  });
});

describe('a request', () => {
  const fields = (...more: [string, string][]) => blockOf([...Object.entries(request), ...more]);

  it('may have te: trailers, values of any letters, and names like those of objects', () => {
    const more = { te: 'trailers', 'x-size': 'gr\xf6\xdfe\t ~', constructor: 'x', __proto__x: 'y', empty: '' };
    expect(decoder()(fields(...Object.entries(more)))).toEqual({ ...request, ...more });
    const headers = decoder()(fields(['__proto__', 'z'])) as Headers;
    expect(Object.entries(headers)).toContainEqual(['__proto__', 'z']);
    expect(headers.toString).toBeUndefined();
  });

  it('has all values of a name that came more than once', () => {
    expect(decoder()(fields(['a', '1'], ['b', 'x'], ['a', '2'], ['a', '3']))).toMatchObject({ a: '1, 2, 3', b: 'x' });
  });

  it('needs no authority', () => {
    expect(decoder()(blockOf({ ':method': 'GET', ':scheme': 'http', ':path': '/' }))).toMatchObject({ ':path': '/' });
  });

  it('may have headers of 16 KiB, counted with 32 bytes a field, and no more', () => {
    const used = Object.entries(request).reduce((sum, [name, value]) => sum + name.length + value.length + 32, 0);
    const left = 16_384 - used - 33;
    const long = (bytes: number): Buffer => {
      const rest = bytes - 127;
      const length = Buffer.from([127, (rest & 127) | 128, rest >> 7]);
      return Buffer.concat([fields(), hex('00 0161'), length, Buffer.alloc(bytes, 'x')]);
    };
    expect(decoder()(long(left))).toMatchObject({ a: 'x'.repeat(left) });
    expect(decoder()(long(left + 1))).toBe('too_large');
  });

  it('with too much in its headers leaves the table in step', () => {
    const decode = decoder();
    const entry = Buffer.concat([hex('4001 617f e10e'), Buffer.alloc(2016, 'x')]);
    // The same entry again and again, a byte each: 40 KB once it is written out.
    const bomb = Buffer.concat([fields(), entry, Buffer.alloc(20, 0xbe), hex('4001 6301 64')]);
    expect(decode(bomb)).toBe('too_large');
    expect(decode(Buffer.concat([fields(), hex('be')]))).toEqual({ ...request, c: 'd' });
    expect(decode(hex('bf'), true)).toEqual({ a: 'x'.repeat(2016) });
  });
});
