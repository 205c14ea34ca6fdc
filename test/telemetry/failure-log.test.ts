import { expect, it } from 'vitest';
import type { ExportFailure } from '../../src/model/export-request.ts';
import { FailureLog } from '../../src/telemetry/failure-log.ts';

function start() {
  const lines: Record<string, unknown>[] = [];
  const error = (event: string, fields?: object, msg?: string) => lines.push({ event, ...fields, msg });
  const due: (() => void)[] = [];
  const log = new FailureLog({ error }, 'tempo', (run) => due.push(run));
  const failed = (reason: string, spans: number, message = 'why', services: string[] = []) =>
    log.failed({ reason, spans, message, services } satisfies ExportFailure);
  /** The interval of all that waits for its end is over. */
  const pass = () => {
    for (const run of due.splice(0)) run();
  };
  return { lines, log, failed, pass };
}

it('says the first of a cause at once, with all there is to know', () => {
  const { lines, failed } = start();
  failed('rejected', 3, 'INVALID_ARGUMENT: bad id', ['cart']);
  const fields = { exporter: 'tempo', reason: 'rejected', spans: 3, services: ['cart'] };
  expect(lines).toEqual([{ event: 'export_failed', ...fields, msg: 'INVALID_ARGUMENT: bad id' }]);
});

it('adds up what follows within the interval, in one line at its end', () => {
  const { lines, failed, pass } = start();
  failed('rejected', 3, 'bad id', ['cart']);
  failed('rejected', 4, 'bad id', ['mail']);
  failed('rejected', 5, 'bad text', ['shop', 'mail']);
  expect(lines).toHaveLength(1);
  pass();
  expect(lines[1]).toMatchObject({ spans: 9, services: ['mail', 'shop'], msg: 'bad text' });
  failed('rejected', 1);
  expect(lines).toHaveLength(2);
  pass();
  pass();
  expect(lines).toHaveLength(3);
});

it('begins anew after an interval in which nothing failed', () => {
  const { lines, failed, pass } = start();
  failed('expired', 3);
  pass();
  failed('expired', 4);
  expect(lines.map(({ spans }) => spans)).toEqual([3, 4]);
});

it('keeps causes apart', () => {
  const { lines, failed } = start();
  failed('queue_full', 3);
  failed('expired', 4);
  failed('queue_full', 3);
  expect(lines.map(({ reason, spans }) => [reason, spans])).toEqual([
    ['queue_full', 3],
    ['expired', 4],
  ]);
});

it('names the first five services only', () => {
  const { lines, failed, pass } = start();
  for (let i = 0; i < 20; i++) failed('rejected', 1, 'no', [`service ${i}`]);
  pass();
  expect(lines[1].services).toHaveLength(5);
});

it('leaves nothing unsaid at the end: the spans of all lines are those that failed', () => {
  const { lines, log, failed, pass } = start();
  let all = 0;
  for (let i = 0; i < 50; i++) {
    failed(['shutdown', 'expired'][i % 2], i);
    all += i;
    if (i % 7 === 0) pass();
  }
  log.flush();
  log.flush();
  pass();
  expect(lines.reduce((sum, { spans }) => sum + Number(spans), 0)).toBe(all);
});
