import { expect } from 'vitest';
import { eventually, type GatewayProcess } from '../../support/gateway.ts';
import { decodeRequest } from '../../support/otlp.ts';
import type { Said } from './clients.ts';
import { arrivedSpans, expectedSpans, story, type ToldTrace } from './story.ts';

async function fetchTrace(gateway: GatewayProcess, traceId: string) {
  const accept = 'application/protobuf';
  const answer = await fetch(`http://${gateway.admin}/api/traces/${traceId}`, { headers: { accept } });
  expect(answer.status).toBe(200);
  return decodeRequest(new Uint8Array(await answer.arrayBuffer()));
}

/** Of the story, by the rules that the tests set. */
export const keptTraces = story.filter(({ keptBy }) => keptBy !== null);

/** The store has each span of these traces once, as the SDK was told to make it. */
export async function expectStored(
  gateway: GatewayProcess,
  said: Said,
  traces: readonly ToldTrace[],
  marks: 'with marks' | 'but for marks' = 'with marks',
): Promise<void> {
  const compared = (spans: object[]) => (marks === 'with marks' ? spans : spans.map(unmarked));
  const { revision } = (await gateway.status()).rules;
  for (const told of traces) {
    const ids = said.traces[told.name];
    const spans = await eventually(async () => {
      const arrived = arrivedSpans(await fetchTrace(gateway, ids.traceId), ids);
      expect(arrived).toHaveLength(told.spans.length);
      return arrived;
    });
    expect(compared(spans)).toEqual(compared(expectedSpans(told, said, revision)));
  }
}

const unmarked = (span: { attributes?: object }): object => {
  const own = Object.entries(span.attributes ?? {}).filter(([key]) => !key.startsWith('tailgate.'));
  return { ...span, attributes: Object.fromEntries(own) };
};
