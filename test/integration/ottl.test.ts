import { describe, expect, it } from 'vitest';
import { lowerCondition } from '../../src/decide/ottl/lower.ts';
import { findServer } from '../../tools/servers/start.ts';
import { collectorKeeps } from '../support/collector-verdicts.ts';
import { ExportRequestType, type RequestObject } from '../support/otlp.ts';
import { randomly, someCondition, someSpan } from '../support/ottl-conditions.ts';
import { scanned } from '../support/scanned.ts';

const conditions = Number(process.env.OTTL_CONDITIONS ?? 60);
const spans = 300;
const seed = Number(process.env.OTTL_SEED ?? 20_261_129);

const server = findServer('otelcol');

describe.skipIf('refused' in server)('ottl_condition, beside a Collector', () => {
  it('keeps the same spans, each a trace of its own', async () => {
    const random = randomly(seed);
    const lists = Array.from({ length: conditions }, (_, n) => {
      const context = n % 3 === 2 ? ('spanevent' as const) : ('span' as const);
      return { context, source: someCondition(random, context) };
    });
    const requests: RequestObject[] = Array.from({ length: spans }, (_, n) => {
      const { span, resource, scope } = someSpan(random, n);
      return { resourceSpans: [{ resource: { attributes: resource }, scopeSpans: [{ scope, spans: [span] }] }] };
    });
    const bytes = requests.map((request) => ExportRequestType.encode(ExportRequestType.fromObject(request)).finish());
    const kept = await collectorKeeps(
      lists.map(({ context, source }) => [
        { name: 'it', type: 'ottl_condition', ottl_condition: { error_mode: 'silent', [context]: [source] } },
      ]),
      bytes,
      spans,
    );
    const differences = lists.flatMap(({ context, source }, n) => {
      const holds = scanned([lowerCondition(source, context).holds]);
      return requests.flatMap((request, at) => {
        const [theirs, ours] = [kept[n]!.has(idOf(request)), holds(bytes[at]!)[0]];
        if (theirs === ours) return [];
        return [`${context}: ${source}: ${theirs}, not ${ours}, of ${JSON.stringify(request.resourceSpans)}`];
      });
    });
    expect(differences.slice(0, 5)).toEqual([]);
    expect(kept.some((ids) => ids.size > 0 && ids.size < spans)).toBe(true);
  });
});

const idOf = ({ resourceSpans }: RequestObject): string =>
  Buffer.from(resourceSpans![0]!.scopeSpans![0]!.spans![0]!.spanId, 'base64').toString('hex');
