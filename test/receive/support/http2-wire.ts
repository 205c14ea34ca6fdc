/**
 * Frames of HTTP/2 for tests, written and read apart from the code that they test. Source: RFC 9113, sections 4 and 6.
 */
export const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

export const Type = {
  DATA: 0,
  HEADERS: 1,
  PRIORITY: 2,
  RST_STREAM: 3,
  SETTINGS: 4,
  PUSH_PROMISE: 5,
  PING: 6,
  GOAWAY: 7,
  WINDOW_UPDATE: 8,
  CONTINUATION: 9,
} as const;
export const [END_STREAM, ACK, END_HEADERS, PADDED, PRIORITY] = [0x1, 0x1, 0x4, 0x8, 0x20];

/** Any frame; its head says `length` even where that is a lie. */
export function frameOf(
  type: number,
  stream: number,
  payload: Uint8Array,
  flags = 0,
  length = payload.length,
): Uint8Array {
  const head = Buffer.alloc(9);
  head.writeUIntBE(length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

export const uint32 = (...values: readonly number[]): Buffer =>
  Buffer.concat(values.map((value) => Buffer.from([value >>> 24, value >>> 16, value >>> 8, value])));

/**
 * A header block that keeps to plain literals, which no table remembers (RFC 7541, 6.2.2); strings of up to 126
 * characters.
 */
export function blockOf(fields: Readonly<Record<string, string>> | readonly (readonly [string, string])[]): Buffer {
  const entries = Array.isArray(fields) ? fields : Object.entries(fields);
  const text = (value: string): Buffer => Buffer.concat([Buffer.from([value.length]), Buffer.from(value, 'latin1')]);
  return Buffer.concat(entries.flatMap(([name, value]) => [Buffer.from([0]), text(name), text(value)]));
}

export const request = { ':method': 'POST', ':scheme': 'http', ':path': '/', ':authority': 'gateway' };

export const headers = (stream: number, block: Uint8Array = blockOf(request), flags = END_HEADERS): Uint8Array =>
  frameOf(Type.HEADERS, stream, block, flags);
export const data = (stream: number, bytes: Uint8Array | string = '', flags = 0): Uint8Array =>
  frameOf(Type.DATA, stream, Buffer.from(bytes), flags);
/** A frame's payload behind the length of its padding, with that padding. */
export const padded = (bytes: Uint8Array | string, padding: number): Buffer =>
  Buffer.concat([Buffer.from([padding]), Buffer.from(bytes), Buffer.alloc(padding)]);
export const settings = (...values: readonly (readonly [setting: number, value: number])[]): Uint8Array =>
  frameOf(
    Type.SETTINGS,
    0,
    Buffer.concat(values.flatMap(([name, value]) => [uint32(name).subarray(2), uint32(value)])),
  );
export const windowUpdate = (stream: number, increment: number): Uint8Array =>
  frameOf(Type.WINDOW_UPDATE, stream, uint32(increment));
export const reset = (stream: number, code = 8): Uint8Array => frameOf(Type.RST_STREAM, stream, uint32(code));
export const ping = (text = '12345678', flags = 0): Uint8Array => frameOf(Type.PING, 0, Buffer.from(text), flags);
export const goAway = (): Uint8Array => frameOf(Type.GOAWAY, 0, uint32(0, 0));

export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Buffer;
}

/** What a server sent, frame by frame; it has to end with a whole one. */
export function readFrames(bytes: Buffer): Frame[] {
  const frames: Frame[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = at + 9 + bytes.readUIntBE(at, 3);
    if (end > bytes.length) throw new Error('the last frame is cut off');
    const [type, flags, stream] = [bytes[at + 3], bytes[at + 4], bytes.readUInt32BE(at + 5)];
    frames.push({ type, flags, stream, payload: bytes.subarray(at + 9, end) });
    at = end;
  }
  return frames;
}

/** A block as our side writes them: perhaps a table of no bytes, then plain literals. */
export function readBlock(block: Buffer): Record<string, string> {
  const fields: Record<string, string> = {};
  let at = block[0] === 0x20 ? 1 : 0;
  const text = (): string => {
    let length = block[at++];
    for (let shift = 0, more = length === 127; more; shift += 7) {
      more = block[at] >= 128;
      length += (block[at++] & 127) << shift;
    }
    return block.toString('latin1', at, (at += length));
  };
  while (at < block.length) {
    if (block[at++] !== 0) throw new Error('not a literal of a new name');
    fields[text()] = text();
  }
  return fields;
}

const names = Object.keys(Type);
const codes: Readonly<Record<number, string>> = {
  0: 'NO_ERROR',
  1: 'PROTOCOL_ERROR',
  3: 'FLOW_CONTROL_ERROR',
  5: 'STREAM_CLOSED',
  6: 'FRAME_SIZE_ERROR',
  7: 'REFUSED_STREAM',
  8: 'CANCEL',
  9: 'COMPRESSION_ERROR',
  11: 'ENHANCE_YOUR_CALM',
};

/** A frame in words: `HEADERS 1 :status=200`, `DATA 1 hello`, `GOAWAY last=3 PROTOCOL_ERROR`. */
export function inWords({ type, flags, stream, payload }: Frame): string {
  const end = (flags & END_STREAM) !== 0 ? ' end' : '';
  switch (type) {
    case Type.DATA:
      return `DATA ${stream} ${payload.length > 40 ? `${payload.length} bytes` : payload.toString('latin1')}${end}`;
    case Type.HEADERS: {
      const fields = Object.entries(readBlock(payload)).map(([name, value]) => ` ${name}=${value}`);
      return `HEADERS ${stream}${fields.join('')}${end}`;
    }
    case Type.SETTINGS:
      return (flags & ACK) !== 0 ? 'SETTINGS ack' : 'SETTINGS';
    case Type.PING:
      return `PING ack ${payload.toString('latin1')}`;
    case Type.RST_STREAM:
      return `RST_STREAM ${stream} ${codes[payload.readUInt32BE(0)]}`;
    case Type.WINDOW_UPDATE:
      return `WINDOW_UPDATE ${stream} ${payload.readUInt32BE(0)}`;
    case Type.GOAWAY:
      return `GOAWAY last=${payload.readUInt32BE(0)} ${codes[payload.readUInt32BE(4)]}`;
    default:
      return `${names[type]} ${stream}`;
  }
}
