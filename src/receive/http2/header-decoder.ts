import { decodeHuffman } from './huffman.ts';
import { ConnectionError, ErrorCode } from './protocol.ts';
import { staticNames, staticValues } from './static-table.ts';

/** Names in lower case to values; a name that came twice has both values, divided by a comma (RFC 9110, 5.3). */
export type Headers = Readonly<Record<string, string | undefined>>;

/** What the blocks of a connection are of. */
export type Messages = 'requests' | 'responses';

/** Why a block that could be decoded is no such message all the same; the connection goes on. */
export type Fault = 'malformed' | 'too_large';

const tableBytes = 4096;
/** What an entry counts beside its characters (RFC 7541, 4.1). */
const entryOverhead = 32;
/** Names and values of one message together, with that overhead. */
export const maxListBytes = 16 * 1024;
const staticEntries = staticNames.length - 1;
/** The longest block that is worth remembering: with a token that goes without the table, as nghttp2 sends them. */
const memoBytes = 512;

const validName = /^:?[!#$%&'*+\-.^_`|~0-9a-z]+$/;
const invalidValue = /[\0\r\n]/;
const pseudoOf: Readonly<Record<Messages, readonly string[]>> = {
  requests: [':method', ':scheme', ':path', ':authority'],
  responses: [':status'],
};
const ofOneConnection = ['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade'];

/**
 * The header blocks of one connection → names and values: HPACK with its dynamic table. Senders repeat themselves: a
 * block of the very bytes of the last one, while the table stood still, is the very same headers. Source: RFC 7541;
 * what makes a message: RFC 9113, 8.2 and 8.3.
 */
export class HeaderDecoder {
  /** The dynamic table, newest last. */
  #names: string[] = [];
  #values: string[] = [];
  #tableBytes = 0;
  #maxTableBytes = tableBytes;
  #changes = 0;
  readonly #memo = new Uint8Array(memoBytes);
  #memoLength = -1;
  #memoChanges = -1;
  #memoResult: Headers | Fault = 'malformed';
  #at = 0;
  readonly #of: Messages;

  constructor(of: Messages = 'requests') {
    this.#of = of;
  }

  /**
   * Decodes a whole block. `trailers`: fields behind a body, which have no pseudo-headers. Throws
   * ConnectionError.
   */
  decode(block: Buffer, start: number, end: number, trailers = false): Headers | Fault {
    if (!trailers && this.#isRemembered(block, start, end)) return this.#memoResult;
    const changes = this.#changes;
    const headers = this.#decode(block, start, end, trailers);
    if (!trailers && changes === this.#changes) this.#remember(block, start, end, headers);
    return headers;
  }

  #isRemembered(block: Buffer, start: number, end: number): boolean {
    if (end - start !== this.#memoLength || this.#memoChanges !== this.#changes) return false;
    // All of it, whatever differs: a token is in it, perhaps of somebody else behind the same proxy.
    let differing = 0;
    for (let i = 0; i < this.#memoLength; i++) differing |= block[start + i] ^ this.#memo[i];
    return differing === 0;
  }

  #remember(block: Buffer, start: number, end: number, result: Headers | Fault): void {
    if (end - start > memoBytes) return;
    this.#memo.set(block.subarray(start, end));
    this.#memoLength = end - start;
    this.#memoChanges = this.#changes;
    this.#memoResult = result;
  }

  #decode(block: Buffer, start: number, end: number, trailers: boolean): Headers | Fault {
    const headers: Record<string, string> = Object.create(null);
    let fault: Fault | undefined;
    let [listBytes, first, pseudoOver] = [0, true, trailers];
    for (this.#at = start; this.#at < end; ) {
      if ((block[this.#at] & 0xe0) === 0x20) {
        if (!first) throw broken('a table size update behind the first field');
        this.#resize(this.#integer(block, end, 5));
        continue;
      }
      first = false;
      const [name, value] = this.#field(block, end);
      listBytes += name.length + value.length + entryOverhead;
      if (listBytes > maxListBytes) fault ??= 'too_large';
      if (fault !== undefined) continue;
      const isPseudo = name.startsWith(':');
      if (!isField(name, value) || (isPseudo && (pseudoOver || !pseudoOf[this.#of].includes(name) || name in headers)))
        fault = 'malformed';
      pseudoOver ||= !isPseudo;
      headers[name] = name in headers ? `${headers[name]}, ${value}` : value;
    }
    if (fault === undefined && !trailers && !isWhole[this.#of](headers)) return 'malformed';
    return fault ?? headers;
  }

  /** One field, in any of its forms (RFC 7541, 6). */
  #field(block: Buffer, end: number): [name: string, value: string] {
    const byte = block[this.#at];
    if ((byte & 0x80) !== 0) {
      const index = this.#integer(block, end, 7);
      return [this.#nameAt(index), this.#valueAt(index)];
    }
    const indexed = (byte & 0x40) !== 0;
    const index = this.#integer(block, end, indexed ? 6 : 4);
    const name = index === 0 ? this.#string(block, end) : this.#nameAt(index);
    const value = this.#string(block, end);
    if (indexed) this.#insert(name, value);
    return [name, value];
  }

  #nameAt(index: number): string {
    if (index === 0 || index > staticEntries + this.#names.length) throw broken(`no entry ${index} in the table`);
    return index <= staticEntries ? staticNames[index] : this.#names[this.#names.length + staticEntries - index];
  }

  #valueAt(index: number): string {
    return index <= staticEntries ? staticValues[index] : this.#values[this.#values.length + staticEntries - index];
  }

  #insert(name: string, value: string): void {
    this.#changes++;
    this.#names.push(name);
    this.#values.push(value);
    this.#tableBytes += name.length + value.length + entryOverhead;
    this.#evict();
  }

  #resize(bytes: number): void {
    if (bytes > tableBytes) throw broken(`a table of ${bytes} bytes, where ${tableBytes} are permitted`);
    this.#changes++;
    this.#maxTableBytes = bytes;
    this.#evict();
  }

  #evict(): void {
    let oldest = 0;
    for (; this.#tableBytes > this.#maxTableBytes; oldest++)
      this.#tableBytes -= this.#names[oldest].length + this.#values[oldest].length + entryOverhead;
    if (oldest === 0) return;
    this.#names.splice(0, oldest);
    this.#values.splice(0, oldest);
  }

  /** An integer whose first bits share a byte with something else (RFC 7541, 5.1). */
  #integer(block: Buffer, end: number, prefixBits: number): number {
    const most = (1 << prefixBits) - 1;
    let value = block[this.#at++] & most;
    if (value < most) return value;
    for (let shift = 0; shift <= 21; shift += 7) {
      if (this.#at >= end) throw broken('an integer cut short');
      const byte = block[this.#at++];
      value += (byte & 0x7f) << shift;
      if ((byte & 0x80) === 0) return value;
    }
    throw broken('an integer out of all proportion');
  }

  #string(block: Buffer, end: number): string {
    if (this.#at >= end) throw broken('a field cut short');
    const isHuffman = (block[this.#at] & 0x80) !== 0;
    const length = this.#integer(block, end, 7);
    const start = this.#at;
    if (length > end - start) throw broken('a string longer than its block');
    this.#at += length;
    if (!isHuffman) return block.toString('latin1', start, this.#at);
    const text = decodeHuffman(block, start, this.#at);
    if (text === undefined) throw broken('a string that is not Huffman code');
    return text;
  }
}

const broken = (why: string): ConnectionError => new ConnectionError(ErrorCode.COMPRESSION_ERROR, why);

function isField(name: string, value: string): boolean {
  if (!validName.test(name) || invalidValue.test(value) || ofOneConnection.includes(name)) return false;
  return name !== 'te' || value === 'trailers';
}

const isWhole: Readonly<Record<Messages, (headers: Headers) => boolean>> = {
  requests: ({ ':method': method, ':scheme': scheme, ':path': path }) =>
    method !== undefined && scheme !== undefined && path !== undefined && path !== '',
  responses: ({ ':status': status = '' }) => /^[1-9]\d\d$/.test(status),
};
