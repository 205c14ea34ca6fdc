import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mergeLayers, parseRules } from '../../src/config/rules.ts';
import type { RulesDocument } from '../../src/model/rules.ts';
import { simulateRecorded } from '../../src/simulate/recorded.ts';
import type { Simulation } from '../../src/simulate/simulation.ts';

export function documentOf(text: string): RulesDocument {
  const parsed = parseRules(text, 'rules');
  if ('errors' in parsed) throw new Error(parsed.errors.join('\n'));
  return mergeLayers([parsed.layer]).document;
}

/** Traces as a file has them: protobuf requests, each after its length. */
export function lengthPrefixed(requests: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat(
    requests.flatMap((request) => {
      const length = Buffer.alloc(4);
      length.writeUInt32BE(request.length);
      return [length, request];
    }),
  );
}

/**
 * A gateway as far as rules are tried on it: its window has these traces, its rules in force are `inForce`, and it
 * judges by the code of the real one. `change` makes of an answer what a gateway in another state says.
 */
export async function simulatingGateway(
  requests: readonly Uint8Array[],
  inForce: string,
  change: (answer: Simulation) => Simulation = (same) => same,
) {
  const window = lengthPrefixed(requests);
  const place = { environment: 'home', debug: false, tenant: '' };
  const server = createServer(async (request, response) => {
    let text = '';
    for await (const chunk of request) text += chunk;
    if (request.url === '/api/status') {
      response.writeHead(404).end('{}');
      return;
    }
    const { rules = inForce } = JSON.parse(text) as { rules?: string };
    const answer = await simulateRecorded(window, documentOf(inForce), documentOf(rules), place);
    const body = { ...(rules === inForce && { rules: inForce }), ...change(answer) };
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { url, [Symbol.dispose]: () => server.closeAllConnections() ?? server.close() };
}
