import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { metricsDocument } from '../../src/telemetry/metrics-document.ts';

const path = fileURLToPath(new URL('../../docs/metrics.md', import.meta.url));

it('docs/metrics.md is what the table of metrics says', () => {
  if (process.env.UPDATE === '1') writeFileSync(path, metricsDocument());
  const renew =
    'stale: UPDATE=1 bin/node node_modules/.bin/vitest run test/telemetry/metrics-document.test.ts renews it';
  expect(readFileSync(path, 'utf8'), renew).toBe(metricsDocument());
});
