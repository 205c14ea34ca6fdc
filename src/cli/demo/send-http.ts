import { gzipSync } from 'node:zlib';
import { Agent, request } from 'undici';
import type { Sender } from './send.ts';

/** OTLP/HTTP with protobuf bodies (OTLP specification, "OTLP/HTTP Request"); `gzip` as Python services often do. */
export function httpSender(base: string, gzip: boolean, timeoutMs = 10_000): Sender {
  const agent = new Agent({ connections: 4 });
  const headers = { 'content-type': 'application/x-protobuf', ...(gzip && { 'content-encoding': 'gzip' }) };
  return {
    async send(body) {
      const answer = await request(`${base}/v1/traces`, {
        method: 'POST',
        headers,
        body: gzip ? gzipSync(body) : body,
        dispatcher: agent,
        signal: AbortSignal.timeout(timeoutMs),
      });
      await answer.body.dump();
      return answer.statusCode === 200 ? '' : `HTTP ${answer.statusCode}`;
    },
    close: () => agent.destroy(),
  };
}
