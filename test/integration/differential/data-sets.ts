import { encodeRequest, generateTrace, seeded } from '../../../src/cli/demo/generate.ts';
import { type CaptureName, readMessages } from '../../support/captures.ts';
import { decodeRequest, spansIn } from '../../support/otlp.ts';
import { awkwardRequest } from './awkward-traces.ts';
import { regrouped, requestOf } from './trace-requests.ts';

/** Traces that both are given, a request for each. */
export interface DataSet {
  /** Its tenant in Tempo. */
  readonly name: string;
  readonly requests: readonly Buffer[];
}

const largestBytes = 60_000;

/** What others recorded, the demo’s traffic, and what few senders send; so much that every query is soon answered. */
export function dataSets(): DataSet[] {
  const random = seeded(300);
  const demo = Array.from({ length: 100 }, (_, i) => {
    const profile = i % 10 === 0 ? 'incident' : 'calm';
    return encodeRequest(generateTrace(random, Date.UTC(2026, 8, 1) + i * 1000, profile));
  });
  return [
    { name: 'shop', requests: every(5, recorded('otel-demo-2025-07', 'hotrod-2026')) },
    { name: 'ci', requests: every(2, recorded('zipkin-production', 'shell-ci-2024-2025')) },
    { name: 'demo', requests: regrouped(demo).filter(hasTimes) },
    { name: 'awkward', requests: requestOf(awkwardRequest()) },
  ];
}

const recorded = (...names: readonly CaptureName[]): Buffer[] =>
  regrouped(names.flatMap(readMessages)).filter((request) => request.length < largestBytes && hasTimes(request));

const every = <T>(n: number, of: readonly T[]): T[] => of.filter((_, i) => i % n === 0);

/** A span without a start makes its trace in Tempo begin in 1970, and is not found by `{}`. */
const hasTimes = (request: Uint8Array): boolean =>
  spansIn(decodeRequest(request)).every(({ startTimeUnixNano = '0' }) => startTimeUnixNano !== '0');
