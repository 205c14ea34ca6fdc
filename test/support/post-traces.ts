import { type Agent, request } from 'node:http';

/** Sends one OTLP request in protobuf to `host:port`, over a connection of the agent; the status of the answer. */
export function postTraces(
  address: string,
  agent: Agent,
  body: Uint8Array,
  more: Readonly<Record<string, string>> = {},
): Promise<number> {
  const [host, port] = address.split(':');
  return new Promise((resolve, reject) => {
    const options = { host, port, agent, path: '/v1/traces', method: 'POST' };
    const headers = { 'content-type': 'application/x-protobuf', 'content-length': body.length, ...more };
    request({ ...options, headers }, (response) => {
      response.resume().on('end', () => resolve(response.statusCode as number));
    })
      .on('error', reject)
      .end(body);
  });
}
