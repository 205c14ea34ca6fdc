import { readdirSync, readFileSync } from 'node:fs';
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import tls, { type TLSSocket } from 'node:tls';
import { expect, it, onTestFinished } from 'vitest';
import { exportPath, frame } from '../receive/support/grpc-wire.ts';
import { post } from '../receive/support/http-wire.ts';
import {
  blockOf,
  data,
  END_STREAM,
  headers,
  preface,
  readBlock,
  readFrames,
  request,
  settings,
  Type,
} from '../receive/support/http2-wire.ts';
import { makeHome, sinkExporter } from '../support/boot-file.ts';
import { type Authority, certificateSet, loopback } from '../support/certificates.ts';
import { eventually, startGatewayProcess } from '../support/gateway.ts';
import { spanIdentities } from '../support/identity.ts';
import { startSink } from '../support/otlp-sink.ts';
import { requestBytes } from '../support/spans.ts';

/**
 * Connections with TLS that open, send, stall and break at random places, while certificates are exchanged: nothing
 * falls over, nothing stays open, no memory grows. TLS_SOAK_SECONDS=90 bin/node node_modules/.bin/vitest run
 * test/process/tls-soak.test.ts
 */
const seconds = Number(process.env.TLS_SOAK_SECONDS ?? 2);
const clients = 24;

const residentBytes = (pid: number): number =>
  1024 * Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
const openFiles = (pid: number): number => readdirSync(`/proc/${pid}/fd`).length;
const upTo = (n: number): number => Math.floor(Math.random() * n);

it.each(['1', '2'])(`%s shards, ${seconds} s`, { timeout: (seconds + 90) * 1000 }, async (shards) => {
  await using sink = await startSink();
  // biome-ignore-start lint/suspicious/noTemplateCurlyInString: the boot file's own syntax
  const receive = {
    grpc: { endpoint: '${env:TAILGATE_GRPC}' },
    http: { endpoint: '${env:TAILGATE_HTTP}' },
    tls: { cert_file: 'server.crt', key_file: 'server.key' },
  };
  // biome-ignore-end lint/suspicious/noTemplateCurlyInString: the boot file's own syntax
  const buffer = { decision_wait: '100ms' };
  const home = makeHome({ receive, buffer, export: [sinkExporter(sink.url)] }, 'debug: true\n');
  const { ca } = await certificateSet(home.directory);
  const gateway = await startGatewayProcess({ args: home.args, env: { TAILGATE_SHARDS: shards } });
  onTestFinished(async () => {
    await gateway.kill();
    home[Symbol.dispose]();
  });
  const ports = { grpc: Number(gateway.grpc.split(':')[1]), http: Number(gateway.http.split(':')[1]) };
  const acknowledged = new Set<string>();
  let connections = 0;
  let n = 0;
  const story = async (): Promise<void> => {
    const spans = Array.from({ length: [1, 20, 800][upTo(3)] }, (_, i) => ({
      trace: `${++n}`,
      id: `${n}-${i}`,
      padding: 400,
    }));
    const body = Buffer.from(requestBytes(...spans));
    const protocol = Math.random() < 0.5 ? 'grpc' : 'http';
    connections++;
    const answered = await send(
      ports[protocol],
      ca.ca,
      protocol === 'http' ? post(body) : callOf(body),
      protocol === 'http' ? isOkay : isStatusZero,
    );
    if (answered) for (const identity of spanIdentities(body)) acknowledged.add(identity);
  };
  const soak = async (ms: number): Promise<void> => {
    const until = performance.now() + ms;
    const one = async (): Promise<void> => {
      while (performance.now() < until) await story();
    };
    await Promise.all([...Array.from({ length: clients }, one), exchange(ca, () => gateway.signal('SIGHUP'), until)]);
  };
  const files = openFiles(gateway.pid);
  await soak((seconds * 1000) / 3);
  const half = residentBytes(gateway.pid);
  await soak((seconds * 2000) / 3);
  await eventually(async () => {
    const text = await gateway.get('/metrics');
    expect(text).toMatch(/^tailgate_open_connections\{protocol="grpc"\} 0$/m);
    expect(text).toMatch(/^tailgate_open_connections\{protocol="http"\} 0$/m);
    expect(text).toMatch(/^tailgate_waiting_spans 0$/m);
    expect(text).toMatch(/^tailgate_inflight_bytes 0$/m);
  });
  await eventually(async () => expect(openFiles(gateway.pid)).toBeLessThanOrEqual(files + 4));
  const grown = residentBytes(gateway.pid) - half;
  expect(await gateway.stop()).toBe(0);
  console.log(
    `soak: ${shards} shards, ${connections} connections, ${acknowledged.size} spans acknowledged, ` +
      `${Math.round(grown / 2 ** 20)} MiB more in the last two thirds`,
  );
  const came = new Set(sink.bodies.flatMap((sent) => spanIdentities(sent)));
  expect([...acknowledged].filter((identity) => !came.has(identity)).slice(0, 5)).toEqual([]);
  expect(acknowledged.size).toBeGreaterThan(0);
  expect(grown).toBeLessThan(160 * 2 ** 20);
  expect(gateway.output()).not.toMatch(/receive_error|Error:|at .*\.ts:/);
});

async function exchange(ca: Authority, reload: () => void, until: number): Promise<void> {
  while (performance.now() < until) {
    await ca.issue('server', { usage: 'server', commonName: 'gateway', names: loopback });
    reload();
    await sleep(Math.min(700, Math.max(0, until - performance.now())));
  }
}

function callOf(body: Buffer): Buffer {
  const block = blockOf({ ...request, ':path': exportPath, 'content-type': 'application/grpc', te: 'trailers' });
  const message = frame(body);
  const frames: Uint8Array[] = [preface, settings(), headers(1, block)];
  for (let at = 0; at < message.length; at += 16_384) {
    const isLast = at + 16_384 >= message.length;
    frames.push(data(1, message.subarray(at, at + 16_384), isLast ? END_STREAM : 0));
  }
  return Buffer.concat(frames);
}

const isOkay = (heard: Buffer): boolean => heard.toString('latin1', 0, 13) === 'HTTP/1.1 200 ';

/** Trailers of the call; its answer is nothing but a success, or the connection would be broken off. */
const isStatusZero = (heard: Buffer): boolean => {
  try {
    return readFrames(heard).some(({ type, flags, payload }) => {
      const isEnd = type === Type.HEADERS && (flags & END_STREAM) !== 0;
      return isEnd && readBlock(payload)['grpc-status'] === '0';
    });
  } catch {
    // Half a frame: more comes.
    return false;
  }
};

/** Sends the bytes in parts, stalls, breaks off or waits for an answer, by chance; whether there was one. */
async function send(port: number, ca: string, bytes: Buffer, isAnswer: (heard: Buffer) => boolean): Promise<boolean> {
  const raw = net.connect(port, '127.0.0.1').on('error', () => {});
  const socket: TLSSocket = tls.connect({ socket: raw, ca, servername: 'localhost' }).on('error', () => {});
  const closed = new Promise<void>((resolve) => raw.once('close', () => resolve()));
  let heard = Buffer.alloc(0);
  socket.on('data', (chunk: Buffer) => (heard = Buffer.concat([heard, chunk])));
  if (Math.random() < 0.1) {
    // Somewhere in the handshake.
    setTimeout(() => raw.destroy(), upTo(8));
    await closed;
    return false;
  }
  const end = Math.random() < 0.5 ? bytes.length : upTo(bytes.length);
  for (let at = 0; at < end && !socket.destroyed; ) {
    const part = 1 + upTo(60_000);
    socket.write(bytes.subarray(at, Math.min(end, at + part)));
    at += part;
    if (Math.random() < 0.2) await sleep(upTo(20));
  }
  const fate = upTo(5);
  if (end < bytes.length) {
    if (fate === 0) raw.resetAndDestroy();
    else if (fate === 1) raw.destroy();
    else if (fate === 2) socket.destroySoon();
    // Nonsense in the place of a record.
    else if (fate === 3) raw.end(Buffer.alloc(100, 23));
    else socket.end();
  } else {
    for (const until = performance.now() + 10_000; performance.now() < until && !socket.destroyed && !isAnswer(heard); )
      await sleep(2);
    if (fate === 0) raw.resetAndDestroy();
    else socket.end();
  }
  const late = setTimeout(() => raw.destroy(), 5_000);
  await closed;
  clearTimeout(late);
  return isAnswer(heard);
}
