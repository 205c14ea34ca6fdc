import { createServer, type Server } from 'node:http';
import { Duplex } from 'node:stream';
import { gunzipSync, gzipSync } from 'node:zlib';
import { type Access, openAccess } from '../../../src/receive/access.ts';
import { Admission } from '../../../src/receive/admission.ts';
import { chunks } from '../../../src/receive/chunks.ts';
import { headerOf } from '../../../src/receive/http/header-of.ts';
import { PlainConnection } from '../../../src/receive/http/plain-connection.ts';
import { ReceiveStats } from '../../../src/receive/stats.ts';
import { Watch } from '../../../src/receive/watch.ts';
import { ParsingIntake } from '../../receive/support/intake.ts';
import { requestOf } from '../../receive/support/requests.ts';
import { changeBytes } from '../bytes.ts';
import { below, type Chance, pick, type Target } from '../target.ts';

const maxRequestBytes = 64 * 1024;
const tenantHeader = 'x-scope-orgid';
const headText = (authorization?: string, tenant?: string): string => `${authorization} / ${tenant}`;

/** What became of a connection's bytes: the messages that were taken as plain requests, and what was handed over. */
interface Read {
  readonly taken: readonly Buffer[];
  readonly answers: number;
  readonly handedOver: Buffer | undefined;
  /** What each request said of whose it is. */
  readonly heads: readonly string[];
}

async function read(input: Buffer, patience = 1): Promise<Read> {
  const intake = new ParsingIntake();
  const errors: unknown[] = [];
  const limits = { maxRequestBytes, maxInflightBytes: 2 * maxRequestBytes, maxConnectionBytes: maxRequestBytes };
  const admission = new Admission(limits);
  const heads: string[] = [];
  const access: Access = {
    ...openAccess(intake),
    tenantHeader,
    admit: ({ authorization, tenant }) => {
      heads.push(headText(authorization, tenant));
      return intake;
    },
  };
  const ports = { access, admission, stats: new ReceiveStats(), onError: (error: unknown) => errors.push(error) };
  let [answers, handedOver]: [number, Buffer | undefined] = [0, undefined];
  const connection = new PlainConnection(
    ports,
    new Watch(undefined, 0),
    { address: '' },
    {
      send: () => void answers++,
      finished: () => {},
      handOver: (bytes) => (handedOver = bytes),
    },
  );
  connection.read(input, input.length);
  // What is compressed is unpacked in turns.
  for (
    let turns = 0;
    turns < 50 * patience && !connection.isIdle && !connection.isOver && input.includes('gzip');
    turns++
  )
    await new Promise(setImmediate);
  connection.close();
  if (errors.length > 0) throw errors[0];
  if (chunks.heldBytes !== 0 || admission.inflightBytes !== 0) throw new Error('something is held after all is over');
  return { taken: intake.accepted.map(({ message }) => message), answers, handedOver, heads };
}

async function run(input: Buffer): Promise<string> {
  const { taken, answers, handedOver } = await read(input);
  return `${Math.min(3, taken.length)} taken, ${Math.min(3, answers)} answered, ${handedOver ? 'handed over' : 'kept'}`;
}

interface Asked {
  readonly line: string;
  readonly head: string;
  readonly body: Buffer[];
  isWhole: boolean;
}

/** One connection to node:http without a socket: the requests that it reads. */
function byNode(input: Buffer, patience: number): Promise<Asked[]> {
  const requests: Asked[] = [];
  const server: Server = createServer((request, response) => {
    const { method, url, headers } = request;
    const asked: Asked = {
      line: `${method} ${url} ${headers['content-type']} ${headers['content-encoding'] ?? ''}`,
      head: headText(headerOf(request, 'authorization'), headerOf(request, tenantHeader)),
      body: [],
      isWhole: false,
    };
    requests.push(asked);
    request.on('data', (chunk: Buffer) => asked.body.push(chunk));
    request.on('end', () => {
      asked.isWhole = true;
      response.end();
    });
    request.on('error', () => {});
  });
  return new Promise((resolve) => {
    const wire = new Duplex({ read: () => {}, write: (_chunk, _encoding, done) => done() });
    wire.on('error', () => {});
    const end = (): void => {
      resolve(requests);
      wire.destroy();
    };
    // What came before it is still on its way through the streams.
    server.on('clientError', () => {});
    server.emit('connection', wire);
    wire.push(input);
    // Its parser and its streams need a few turns for each request.
    let turns = patience * (20 + 12 * countOf(input, 'HTTP/1'));
    const wait = (): void => void (turns-- > 0 ? setImmediate(wait) : end());
    wait();
  });
}

const countOf = (input: Buffer, word: string): number => input.toString('latin1').split(word).length;

/** The first requests of node:http must be those that were taken here, to the byte; it may find nothing before the rest. */
async function check(input: Buffer): Promise<void> {
  try {
    await compare(input, 1);
  } catch {
    // On a busy machine node:http, or who unpacks, may need more turns than it is given.
    await compare(input, 100);
  }
}

async function compare(input: Buffer, patience: number): Promise<void> {
  const { taken, answers, handedOver, heads } = await read(input, patience);
  if (answers === 0 && handedOver?.equals(input)) return;
  const requests = await byNode(input.subarray(0, input.length - (handedOver?.length ?? 0)), patience);
  if (handedOver !== undefined && !input.subarray(input.length - handedOver.length).equals(handedOver))
    throw new Error('what is handed over is not the rest');
  heads.forEach((head, i) => {
    if (requests[i]?.head !== head) throw new Error(`read here: ${head}, by node:http: ${requests[i]?.head}`);
  });
  const whole = requests.filter(({ isWhole }) => isWhole);
  const plain = whole.map(({ line, body }) => {
    if (!/^POST \S*\/v1\/traces application\/x-protobuf (gzip)?$/i.test(line)) throw new Error(`taken here: ${line}`);
    const bytes = Buffer.concat(body);
    return /gzip$/i.test(line) ? unpacked(bytes) : bytes;
  });
  for (const message of taken) {
    const at = plain.findIndex((body) => body?.equals(message));
    if (at < 0) throw new Error(`a body of ${message.length} bytes that node:http did not read`);
    plain.splice(0, at + 1);
  }
}

function unpacked(body: Buffer): Buffer | undefined {
  try {
    return gunzipSync(body);
  } catch {
    return undefined;
  }
}

const post = (body: Buffer, more = '', target = '/v1/traces'): Buffer =>
  Buffer.concat([
    Buffer.from(
      `POST ${target} HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\n${more}Content-Length: ${body.length}\r\n\r\n`,
    ),
    body,
  ]);

const words = [
  ...[
    '\r\n',
    '\r',
    '\n',
    '\r\n\r\n',
    ': ',
    ' ',
    '\t',
    'Content-Length: 5\r\n',
    'Content-Length: 0\r\n',
    'content-length:+5\r\n',
  ],
  ...[
    'Transfer-Encoding: chunked\r\n',
    'Transfer-Encoding : chunked\r\n',
    'Content-Encoding: gzip\r\n',
    'Expect: 100-continue\r\n',
  ],
  ...[
    'Authorization',
    'Host: y\r\n',
    'Connection: close\r\n',
    'Connection: Upgrade\r\n',
    'HTTP/1.0',
    'HTTP/1.1',
    ' HTTP/1.1\r\n',
    '0\r\n\r\n',
  ],
  ...[
    'GET / HTTP/1.1\r\nHost: x\r\n\r\n',
    'http://h',
    '?a=b',
    '\0',
    '\x0b',
    ', ',
    '5, 5',
    '0x5',
    '00000000000000005',
    '\x80',
  ],
  ...[post(requestOf(1)), post(Buffer.alloc(0)), 'X-Odd: 1\r\n 2\r\n', 'Upgrade: h2c\r\n'],
];
/** Lines that say whose a request is; put in where a line ends. */
const identities = [
  'Authorization: Bearer a',
  'authorization:\tBearer b ',
  'AUTHORIZATION:',
  'Authorization : Bearer c',
  'X-Scope-OrgID: a',
  'x-scope-orgid:\xa0b',
  'X-Scope-OrgID:\x0bc',
  'x_scope_orgid: d',
];
function withIdentity(input: Buffer, chance: Chance): Buffer {
  const text = input.toString('latin1');
  const ends = [...text.matchAll(/\r\n(?=\S+:)/g)].map(({ index }) => index + 2);
  if (ends.length === 0) return input;
  const at = pick(ends, chance);
  return Buffer.from(`${text.slice(0, at)}${pick(identities, chance)}\r\n${text.slice(at)}`, 'latin1');
}

const change = (parent: Buffer, chance: Chance): Buffer => {
  const identified = chance() < 0.3 ? withIdentity(parent, chance) : parent;
  const changed = identified !== parent && chance() < 0.5 ? identified : changeBytes(identified, chance, words);
  if (chance() > 0.1) return changed;
  const more = pick(
    ['', 'Content-Encoding: gzip\r\n', 'Connection: keep-alive\r\n', 'Authorization: Bearer c\r\n'],
    chance,
  );
  const body = requestOf(below(3, chance));
  return Buffer.concat([changed, post(more.includes('gzip') ? gzipSync(body) : body, more)]);
};

/** The reader of plain HTTP/1 requests, beside node:http. */
export const http1Target: Target = {
  name: 'http1',
  isAsync: true,
  budget: { cpuUs: 5_000, cpuUsPerByte: 2, memoryBytes: 4 * 2 ** 20, memoryBytesPerByte: 200 },
  maxBytes: 64 * 1024,
  seeds: () => [
    post(requestOf(1)),
    Buffer.concat([post(requestOf(1)), post(Buffer.alloc(0)), post(requestOf(2), 'Connection: keep-alive\r\n')]),
    post(gzipSync(requestOf(2)), 'Content-Encoding: gzip\r\n'),
    Buffer.concat([post(requestOf(1)), Buffer.from('GET /livez HTTP/1.1\r\nHost: x\r\n\r\n')]),
    post(requestOf(1), '', 'http://gateway/v1/traces'),
    post(requestOf(1), 'Authorization: Bearer a\r\nX-Scope-OrgID: a\r\n'),
  ],
  change,
  run,
  check,
};
