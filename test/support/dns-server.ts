import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';

/** A record under a name: an address, or a target of a service. */
export type DnsRecord =
  | { readonly type: 'A' | 'AAAA'; readonly address: string; readonly ttl: number }
  | { readonly type: 'SRV'; readonly target: string; readonly port: number; readonly priority?: number };

/** What is under a name; or how the server fails there. No entry = NXDOMAIN, no record of the type = an empty answer. */
export type DnsEntry = readonly DnsRecord[] | 'SERVFAIL' | 'silence';

const types = { A: 1, AAAA: 28, SRV: 33 } as const;
const [noError, serverFailed, noSuchName] = [0, 2, 3];

/** A name server (RFC 1035) that says what `names` says at the moment, over UDP, and over TCP where that is too long. */
export async function startDnsServer(names: Map<string, DnsEntry>) {
  const asked: string[] = [];
  const answer = (query: Buffer, maxBytes: number): Buffer | undefined => {
    const { name, type, end } = questionOf(query);
    asked.push(`${Object.entries(types).find(([, code]) => code === type)?.[0] ?? type} ${name}`);
    const entry = names.get(name);
    if (entry === 'silence') return undefined;
    const records = Array.isArray(entry) ? (entry as DnsRecord[]).filter((it) => types[it.type] === type) : [];
    const code = entry === undefined ? noSuchName : entry === 'SERVFAIL' ? serverFailed : noError;
    const whole = response(query.subarray(0, end), code, records);
    return whole.length <= maxBytes ? whole : response(query.subarray(0, end), code, [], 0x0200);
  };
  const open = new Set<Socket>();
  const tcp = createServer((socket) => {
    open.add(socket.on('error', () => {}));
    let rest = Buffer.of();
    socket.on('data', (chunk: Buffer) => {
      rest = Buffer.concat([rest, chunk]);
      while (rest.length >= 2 && rest.length >= 2 + rest.readUInt16BE(0)) {
        const said = answer(rest.subarray(2, 2 + rest.readUInt16BE(0)), 65_535);
        rest = rest.subarray(2 + rest.readUInt16BE(0));
        if (said) socket.write(Buffer.concat([words(said.length), said]));
      }
    });
  });
  const { udp, port } = await onOnePort(tcp);
  udp.on('message', (query, from) => {
    const said = answer(query, 512);
    if (said) udp.send(said, from.port, from.address);
  });
  return {
    address: `127.0.0.1:${port}`,
    /** `TYPE name`, in the order in which they came. */
    asked,
    close: () => {
      udp.close();
      for (const socket of open) socket.destroy();
      tcp.close();
    },
  };
}

/** A port that is free for UDP may be taken for TCP, by a client's connection too: then it is another. */
async function onOnePort(tcp: Server): Promise<{ readonly udp: UdpSocket; readonly port: number }> {
  for (let tries = 1; ; tries++) {
    const udp = createSocket('udp4').bind(0, '127.0.0.1');
    await once(udp, 'listening');
    const { port } = udp.address();
    try {
      await once(tcp.listen(port, '127.0.0.1'), 'listening');
      return { udp, port };
    } catch (error) {
      udp.close();
      if (tries === 50) throw error;
    }
  }
}

function questionOf(query: Buffer) {
  const labels: string[] = [];
  let at = 12;
  for (; query[at] > 0; at += query[at] + 1) labels.push(query.toString('latin1', at + 1, at + 1 + query[at]));
  return { name: labels.join('.').toLowerCase(), type: query.readUInt16BE(at + 1), end: at + 5 };
}

function response(question: Buffer, code: number, records: readonly DnsRecord[], flags = 0): Buffer {
  const head = Buffer.from(question.subarray(0, 12));
  head.writeUInt16BE(0x8180 | flags | code, 2);
  for (const [at, count] of [1, records.length, 0, 0].entries()) head.writeUInt16BE(count, 4 + 2 * at);
  return Buffer.concat([head, question.subarray(12), ...records.map(recordOf)]);
}

/** Its name is a pointer to the question's. */
function recordOf(record: DnsRecord): Buffer {
  const data =
    record.type === 'SRV'
      ? Buffer.concat([words(record.priority ?? 0, 0, record.port), nameOf(record.target)])
      : record.type === 'A'
        ? Buffer.from(record.address.split('.').map(Number))
        : addressOf(record.address);
  const ttl = record.type === 'SRV' ? 5 : record.ttl;
  return Buffer.concat([words(0xc00c, types[record.type], 1, ttl >>> 16, ttl & 0xffff, data.length), data]);
}

const words = (...values: number[]): Buffer => Buffer.from(values.flatMap((value) => [value >>> 8, value & 255]));
const nameOf = (name: string): Buffer =>
  Buffer.concat([
    ...name.split('.').flatMap((label) => [Buffer.of(label.length), Buffer.from(label, 'latin1')]),
    Buffer.of(0),
  ]);

/** An IPv6 address with at most one `::`. */
function addressOf(text: string): Buffer {
  const [head, tail] = text.split('::').map((part) => part.split(':').filter(Boolean));
  const groups = [...head, ...new Array(8 - head.length - (tail?.length ?? 0)).fill('0'), ...(tail ?? [])];
  return words(...groups.map((group) => Number.parseInt(group, 16)));
}
