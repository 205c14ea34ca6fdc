import { describe, expect, it } from 'vitest';
import { createLog, type LogLevel, type LogOutput, limitLog } from '../../src/telemetry/log.ts';

function memoryLog(level: LogLevel = 'info') {
  const lines: Record<string, unknown>[] = [];
  const write = (line: string) => void lines.push(JSON.parse(line));
  const output: LogOutput = { write };
  return { lines, output, log: createLog(level, output) };
}

describe('the log', () => {
  it('writes one JSON line an event, with an ISO time and the level as a word', () => {
    const { lines, log } = memoryLog();
    log.info('ready', { grpc: '127.0.0.1:4317' }, 'taking spans');
    expect(lines).toEqual([
      {
        level: 'info',
        time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
        event: 'ready',
        grpc: '127.0.0.1:4317',
        msg: 'taking spans',
      },
    ]);
  });

  it('writes errors with type, message and stack', () => {
    const { lines, log } = memoryLog();
    log.error('admin_failed', { err: new TypeError('no such thing') });
    expect(lines[0]!.err).toMatchObject({
      type: 'TypeError',
      message: 'no such thing',
      stack: expect.stringContaining('log.test.ts'),
    });
  });

  it('leaves out what is below its level', () => {
    const { lines, log } = memoryLog('warn');
    log.debug('a');
    log.info('b');
    log.warn('c');
    log.error('d');
    expect(lines.map(({ event }) => event)).toEqual(['c', 'd']);
  });

  it('writes what strangers wrote so that no terminal obeys it, and that it reads the same as JSON', () => {
    const printed: string[] = [];
    const log = createLog('info', { write: (line) => printed.push(line) });
    const hostile = '\u001b[2J \u009b31m \u007f\u202e\u2066\u200e\r\n"quoted"';
    log.warn('refused', { path: hostile }, hostile);
    expect(printed[0]).toMatch(/^[\x20-\x7e]*\n$/);
    expect(JSON.parse(printed[0]!)).toMatchObject({ path: hostile, msg: hostile });
  });

  it('says how many lines were lost, as soon as one can be written again', () => {
    const { lines, output } = memoryLog();
    output.onRegained?.(7);
    expect(lines).toEqual([expect.objectContaining({ level: 'warn', event: 'log_lines_lost', lines: 7 })]);
  });
});

describe('the limited log', () => {
  it('writes one warning of a kind per interval and how many it left out, and every info', () => {
    const { lines, log } = memoryLog();
    let now = 0;
    const limited = limitLog(log, 10_000, () => now);
    for (now = 0; now <= 10_000; now += 2_500) {
      limited.warn('export_failed', { exporter: 'tempo' });
      limited.info('tick');
    }
    const warnings = lines.filter(({ event }) => event === 'export_failed');
    expect(warnings.map(({ exporter, suppressed }) => [exporter, suppressed])).toEqual([
      ['tempo', undefined],
      ['tempo', 3],
    ]);
    expect(lines.filter(({ event }) => event === 'tick')).toHaveLength(5);
  });

  it('writes an error however many warnings of its event there were', () => {
    const { lines, log } = memoryLog();
    const limited = limitLog(log, 10_000, () => 0);
    for (const partition of [1, 2, 3]) limited.warn('kafka', { partition }, 'reading is held up');
    limited.error('kafka', { partition: 4 }, 'a record was set aside');
    expect(lines.map(({ level, partition }) => [level, partition])).toEqual([
      ['warn', 1],
      ['error', 4],
    ]);
  });
});
