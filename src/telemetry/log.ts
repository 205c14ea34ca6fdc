import pino from 'pino';
import { EventLimit } from './event-limit.ts';
import type { LogConfig } from './options.ts';

export type LogLevel = LogConfig['level'];

/**
 * What one line carries beside time, level and event. An Error goes under `err`; ids under `trace_id` and `span_id`.
 */
type LogFields = Readonly<Record<string, unknown>>;
type Write = (event: string, fields?: LogFields, message?: string) => void;

/**
 * JSON lines: `{"level":"info","time":"2026-01-02T03:04:05.678Z","event":"ready",…fields,"msg":"…"}`.
 * `event` is a fixed word that scripts and alerts match; whatever varies goes into fields.
 */
export interface Log {
  readonly debug: Write;
  readonly info: Write;
  readonly warn: Write;
  readonly error: Write;
  /** Lines that could not be written so far. */
  lostLines(): number;
}

/** Where lines go; see SteadyOutput for one that never blocks. */
export interface LogOutput {
  write(line: string): void;
  readonly lostLines?: number;
  onRegained?: (lines: number) => void;
}

/** The process's log. After lines were lost it says how many, as soon as it can. */
export function createLog(level: LogLevel, output: LogOutput): Log {
  const logger = pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    { write: (line: string) => output.write(escaped(line)) },
  );
  const at =
    (name: 'debug' | 'info' | 'warn' | 'error'): Write =>
    (event, fields, message) =>
      logger[name]({ event, ...fields }, message);
  const warn = at('warn');
  output.onRegained = (lines) => warn('log_lines_lost', { lines });
  return {
    debug: at('debug'),
    info: at('info'),
    warn,
    error: at('error'),
    lostLines: () => output.lostLines ?? 0,
  };
}

/** JSON leaves these as they are: a terminal obeys U+0080 to U+009F like escape sequences, others turn a line around. */
const commanding = /[\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

/** The line as JSON that no stranger's text in it can make a terminal obey. */
const escaped = (line: string): string =>
  line.replace(commanding, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);

/**
 * The same log, in which one kind of line (its event, of warnings and of errors) is written at most once per
 * `intervalMs`; the next line of that kind says in `suppressed` how many were left out. `now` gives milliseconds of the
 * monotonic clock. Parts that fail independently of each other, such as two exporters, get a limited log each.
 */
export function limitLog(log: Log, intervalMs: number, now: () => number): Log {
  const limited = (write: Write): Write => {
    // An error is told however many warnings there were.
    const limit = new EventLimit(intervalMs);
    return (event, fields, message) => {
      const suppressed = limit.admit(event, now());
      if (suppressed === undefined) return;
      write(event, suppressed > 0 ? { ...fields, suppressed } : fields, message);
    };
  };
  return { ...log, warn: limited(log.warn), error: limited(log.error) };
}
