import { expect, it } from 'vitest';
import { lowerCondition } from '../../../src/decide/ottl/lower.ts';
import { asked, placeOf } from '../../support/asked-span.ts';
import { ExportRequestType, type RequestObject } from '../../support/otlp.ts';
import { randomly, someCondition, someSpan } from '../../support/ottl-conditions.ts';
import { scanned } from '../../support/scanned.ts';

it('is the same by the bits of a scan, fifty conditions at once', () => {
  const random = randomly(7);
  let held = 0;
  for (let round = 0; round < 6; round++) {
    const sources = Array.from({ length: 50 }, (_, n) => {
      const context = n % 3 === 0 ? ('spanevent' as const) : ('span' as const);
      return { context, source: someCondition(random, context) };
    });
    const predicates = sources.map(({ source, context }) => lowerCondition(source, context).holds);
    const holds = scanned(predicates);
    for (let n = 0; n < 25; n++) {
      const { span, resource, scope } = someSpan(random, n);
      const request: RequestObject = {
        resourceSpans: [{ resource: { attributes: resource }, scopeSpans: [{ scope, spans: [span] }] }],
      };
      const place = placeOf(request);
      const found = holds(ExportRequestType.encode(ExportRequestType.fromObject(request)).finish());
      predicates.forEach((predicate, i) => {
        const { context, source } = sources[i]!;
        const expected = asked(predicate, place);
        if (expected) held++;
        if (found[i] !== expected)
          expect.fail(
            `${context}: ${source}: ${found[i]} of ${JSON.stringify(request)}, predicate ${JSON.stringify(predicate)}`,
          );
      });
    }
  }
  expect(held).toBeGreaterThan(500);
});
