import { addAbortSignal } from 'node:stream';
import { systemClock } from '../clock.ts';

/**
 * What a command sees of the process it runs in, so that tests can be the process.
 * `now` gives Unix milliseconds; `columns` is the terminal's width, absent where stdout is not a terminal.
 */
export interface Io {
  readonly stdout: Sink;
  readonly stderr: Sink;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly isTTY: boolean;
  /** Absent where nobody reads along. */
  readonly stderrIsTTY?: boolean | undefined;
  readonly columns?: number | undefined;
  readonly now: () => number;
  /** Aborted when the user wants a long-running command to end (SIGINT, SIGTERM, a closed pipe). */
  readonly signal?: AbortSignal | undefined;
  /** IANA name; the process's own zone where absent. */
  readonly timeZone?: string | undefined;
  /** What is piped in; absent is empty. */
  readonly stdin?: AsyncIterable<Uint8Array> | undefined;
  /** Asks who sits there; absent where nobody does. Empty when they end the input. */
  readonly ask?: ((question: string) => Promise<string>) | undefined;
}

export interface Sink {
  write(text: string): unknown;
}

/** The real process. A reader that went away (`obsctl … | head`) ends the output, quietly. */
export function processIo(signal?: AbortSignal): Io {
  const closed = new AbortController();
  const signals = signal === undefined ? closed.signal : AbortSignal.any([signal, closed.signal]);
  return {
    stdout: untilClosed(process.stdout, closed),
    stderr: untilClosed(process.stderr, closed),
    env: process.env,
    isTTY: process.stdout.isTTY === true,
    stderrIsTTY: process.stderr.isTTY === true,
    get stdin() {
      return addAbortSignal(signals, process.stdin);
    },
    columns: process.stdout.columns,
    now: systemClock.unixMs,
    signal: signals,
    ask: process.stdin.isTTY && process.stderr.isTTY ? (question) => asked(question, signals) : undefined,
  };
}

async function asked(question: string, signal: AbortSignal): Promise<string> {
  const { createInterface } = await import('node:readline/promises');
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  const ended = new Promise<string>((resolve) => lines.once('close', () => resolve('')));
  try {
    return await Promise.race([lines.question(question, { signal }).catch(() => ''), ended]);
  } finally {
    lines.close();
  }
}

function untilClosed(stream: NodeJS.WriteStream, closed: AbortController): Sink {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    closed.abort();
  });
  return { write: (text) => stream.writable && stream.write(text) };
}
