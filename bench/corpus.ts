import { Writer } from '../src/wire/writer.ts';

/** A shape of traffic. Sizes as measured on public captures: a span of about 450 bytes with a dozen attributes. */
export interface Case {
  readonly name: string;
  readonly spansPerRequest: number;
  readonly spansPerTrace: number;
  /** Over how many requests a trace's spans are spread. */
  readonly splitOver: number;
  readonly protocol: 'grpc' | 'http';
  /** Spans of 3 to 17 attributes, the values from short to long, instead of equal ones. */
  readonly varied?: boolean;
  /** Requests are compressed, as the Collector and many SDKs do unless they are told not to. */
  readonly gzip?: boolean;
  /** Of the load; 4 where it is left out. */
  readonly connections?: number;
  /** Of the gateway, on as many cores; as the plan says where it is left out. */
  readonly shards?: number;
}

export const cases: readonly Case[] = [
  { name: 'whole', spansPerRequest: 512, spansPerTrace: 8, splitOver: 1, protocol: 'grpc' },
  { name: 'split', spansPerRequest: 512, spansPerTrace: 8, splitOver: 4, protocol: 'grpc' },
  { name: 'small', spansPerRequest: 64, spansPerTrace: 8, splitOver: 1, protocol: 'grpc' },
  { name: 'tiny', spansPerRequest: 8, spansPerTrace: 8, splitOver: 1, protocol: 'grpc' },
  { name: 'long', spansPerRequest: 512, spansPerTrace: 256, splitOver: 1, protocol: 'grpc' },
  { name: 'varied', spansPerRequest: 512, spansPerTrace: 8, splitOver: 1, protocol: 'grpc', varied: true },
  { name: 'http', spansPerRequest: 512, spansPerTrace: 8, splitOver: 1, protocol: 'http' },
  { name: 'gzip', spansPerRequest: 512, spansPerTrace: 8, splitOver: 1, protocol: 'grpc', gzip: true },
  { name: 'http-gzip', spansPerRequest: 512, spansPerTrace: 8, splitOver: 1, protocol: 'http', gzip: true },
  { name: 'crowd', spansPerRequest: 20, spansPerTrace: 4, splitOver: 1, protocol: 'grpc', connections: 500 },
  { name: 'alone', spansPerRequest: 512, spansPerTrace: 8, splitOver: 1, protocol: 'grpc', connections: 1, shards: 2 },
];

/** What the compressed cases are held against. */
export const plainOf: Readonly<Record<string, string>> = { gzip: 'whole', 'http-gzip': 'http' };

export function caseOf(name: string): Case {
  const found = cases.find((shape) => shape.name === name);
  if (found === undefined) throw new Error(`unknown case '${name}'; there are ${cases.map((c) => c.name).join(', ')}`);
  return found;
}

/** A request whose trace ids can be changed where they stand. */
export interface Prepared {
  readonly bytes: Buffer;
  /** For each trace of the request: where its ids stand. */
  readonly idsAt: readonly (readonly number[])[];
}

/** Of this many traces one carries an ERROR span, which every rule set here must keep: the sink counts them. */
export const errorEvery = 64;

/** How many traces a request has part in. */
export const tracesIn = ({ spansPerRequest, spansPerTrace, splitOver }: Case): number =>
  (spansPerRequest / spansPerTrace) * splitOver;

/** Request `part` of `splitOver`; `marked`: with an ERROR span in every 64th of its traces, the first one included. */
export function prepare(shape: Case, part: number, startMs: number, marked = true): Prepared {
  const w = new Writer(1 << 19);
  const idsAt: number[][] = [];
  const spansHere = shape.spansPerTrace / shape.splitOver;
  const traces = tracesIn(shape);
  const rs = w.open(1);
  const resource = w.open(1);
  attribute(w, 1, 'service.name', 'checkout');
  attribute(w, 1, 'service.instance.id', '5f0c7a1e-6f1d-4c55-9a3e-2f6b8e0f9d11');
  attribute(w, 1, 'telemetry.sdk.language', 'nodejs');
  w.close(resource);
  const ss = w.open(2);
  const scope = w.open(1);
  w.string(1, '@opentelemetry/instrumentation-http');
  w.close(scope);
  const at: [trace: number, mark: string][] = [];
  for (let t = 0; t < traces; t++) {
    idsAt.push([]);
    for (let s = 0; s < spansHere; s++) {
      span(w, shape, t, part * spansHere + s, startMs, marked && t % errorEvery === 0);
      at.push([t, marker(t, part * spansHere + s)]);
    }
  }
  w.close(ss);
  w.close(rs);
  const bytes = Buffer.from(w.finish());
  // Lengths in front were filled in while writing, so places are looked up when all is written.
  let from = 0;
  for (const [trace, mark] of at) {
    from = bytes.indexOf(mark, from, 'latin1');
    idsAt[trace].push(from);
  }
  return { bytes, idsAt };
}

/** Gives trace `t` of the request the id of trace number `first + t`; unrelated numbers give unrelated ids. */
export function number(prepared: Prepared, first: number): void {
  const { bytes, idsAt } = prepared;
  for (let t = 0; t < idsAt.length; t++) {
    const n = first + t;
    const high = Math.imul(n ^ (n >>> 15), 0x2c1b3c6d) >>> 0;
    const low = Math.imul(high ^ (high >>> 12) ^ n, 0x297a2d39) >>> 0;
    for (const at of idsAt[t]) {
      word(bytes, at, n);
      word(bytes, at + 4, high);
      word(bytes, at + 8, low ^ 0x5bd1e995);
      word(bytes, at + 12, low ^ (low >>> 15));
    }
  }
}

function word(bytes: Buffer, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}

/** 16 bytes that stand for a trace id until `number` writes one, and occur nowhere else. */
const marker = (trace: number, span: number): string =>
  `\x01T${String(trace).padStart(6, '0')}S${String(span).padStart(7, '0')}`;

function span(w: Writer, shape: Case, trace: number, index: number, startMs: number, marked: boolean): void {
  const mark = w.open(2);
  w.bytes(1, Buffer.from(marker(trace, index), 'latin1'));
  w.bytes(2, Buffer.from(`sp${String(index + 1).padStart(6, '0')}`));
  if (index > 0) w.bytes(4, Buffer.from('sp000001'));
  w.string(5, index === 0 ? 'GET /api/v1/content' : 'SELECT shop.products');
  w.tag(6, 0);
  w.varint(index === 0 ? 2 : 3);
  const start = BigInt(startMs) * 1_000_000n + BigInt(index * 250_000);
  w.tag(7, 1);
  w.fixed64(start);
  w.tag(8, 1);
  w.fixed64(start + 2_100_000n);
  const count = shape.varied ? variedCounts[(trace + index) % variedCounts.length] : 11;
  for (const [key, value] of attributes.slice(0, count)) attribute(w, 9, key, value);
  if (marked && index === 1) w.bytes(15, Uint8Array.from([0x18, 2]));
  w.tag(16, 5);
  w.fixed32(257);
  w.close(mark);
}

/** The first eleven make the usual span. */
const attributes: readonly (readonly [key: string, value: string | number])[] = [
  ['http.request.method', 'GET'],
  ['http.response.status_code', 200],
  ['url.path', '/api/v1/content'],
  ['url.scheme', 'https'],
  ['server.address', 'shop.example.org'],
  ['server.port', 443],
  ['client.address', '203.0.113.77'],
  ['network.protocol.version', '1.1'],
  ['user_agent.original', 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36'],
  ['thread.id', 17],
  ['app.cart.items', 3],
  ['db.system.name', 'postgresql'],
  ['db.namespace', 'shop'],
  ['db.query.text', 'SELECT id, name, price, stock FROM products WHERE id = ANY ($1) ORDER BY name LIMIT 50'],
  ['network.peer.address', '10.42.7.19'],
  ['network.peer.port', 5432],
  ['k8s.pod.name', 'checkout-6d5c8f7b9d-x2x7q'],
];

/** Two humps, as in the captures: spans of some 330 and of some 660 bytes. */
const variedCounts = [3, 6, 7, 8, 11, 15, 17, 17];

function attribute(w: Writer, field: number, key: string, value: string | number): void {
  const mark = w.open(field);
  w.string(1, key);
  const any = w.open(2);
  if (typeof value === 'string') w.string(1, value);
  else {
    w.tag(3, 0);
    w.int64(BigInt(value));
  }
  w.close(any);
  w.close(mark);
}
