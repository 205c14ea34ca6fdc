import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { refusals, start, until } from './support/receivers.ts';
import { overTls } from './support/transport.ts';

/** Of ports without TLS: behind a handshake both sides have agreed on a protocol (ALPN), or the client named none. */
describe.skipIf(overTls)('a sender at the wrong port', () => {
  it('that speaks HTTP/1 where gRPC is received is told in HTTP/1 where to send', async () => {
    await using gateway = await start('http2');
    const headers = { 'content-type': 'application/x-protobuf' };
    const target = { host: '127.0.0.1', port: gateway.port, method: 'POST', path: '/v1/traces', headers, agent: false };
    const request = http.request(target).end(Buffer.alloc(300_000));
    const [response] = await once(request, 'response');
    let body = '';
    for await (const chunk of response.setEncoding('utf8')) body += chunk;
    expect([response.statusCode, JSON.parse(body).message]).toEqual([400, expect.stringMatching(/OTLP\/HTTP.*4318/)]);
    expect(gateway.turnedAway).toEqual([expect.stringMatching(/^http_on_grpc: this port speaks gRPC/)]);
    expect(refusals(gateway.stats)).toEqual({ http_on_grpc: 1 });
    await until(() => gateway.connections.stats.open === 0);
  });

  it('that speaks gRPC where HTTP/1 is received gets an answer that it cannot take for a server of gRPC', async () => {
    await using gateway = await start('http');
    const socket = net.connect(gateway.port, '127.0.0.1');
    socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
    expect(await text(socket)).toMatch(/^HTTP\/1.1 400 [\s\S]*OTLP\/gRPC goes to[\s\S]*4317/);
    expect(gateway.turnedAway).toEqual([expect.stringMatching(/^grpc_on_http: this port speaks OTLP\/HTTP/)]);
    expect(refusals(gateway.stats)).toEqual({ grpc_on_http: 1 });
    await until(() => gateway.connections.stats.open === 0);
  });
});
