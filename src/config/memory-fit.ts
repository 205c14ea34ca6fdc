import type { BootConfig } from './schema.ts';

/** The process itself with its heap at work, and what a burst takes before anything is refused. */
const processBytes = 150 * 2 ** 20;
/** Of the embedded store: what waits for the disk, and its database's pages. */
const storeBytes = 80 * 2 ** 20;

interface Machine {
  /** Of the container; undefined where it has none. */
  readonly limitBytes: number | undefined;
  readonly totalBytes: number;
  /** Where the JavaScript heap ends the process. */
  readonly heapLimitBytes: number;
}

/** Why what is configured cannot be held in the memory there is, and what to do; empty where it can. */
export function whyItDoesNotFit(
  config: Pick<BootConfig, 'buffer' | 'window' | 'receive' | 'export'>,
  machine: Machine,
): string {
  const { limitBytes = machine.totalBytes, heapLimitBytes } = machine;
  const of = machine.limitBytes === undefined ? 'the machine has' : "the container's limit is";
  // Exporters share what waits for them.
  const queueBytes = Math.max(...config.export.map((each) => ('queue' in each ? each.queue.maxBytes : storeBytes)));
  const windowBytes = config.window.maxBytes;
  const beside = config.receive.maxInflightBytes + queueBytes + windowBytes + processBytes;
  const needed = config.buffer.maxBytes + beside;
  if (needed > limitBytes) {
    const room = limitBytes - beside;
    const advice =
      room < 2 ** 20 ? 'raise the limit, or lower all three' : `set buffer.max_bytes to ${inMebibytes(room)} at most`;
    return (
      `buffer.max_bytes (${inMebibytes(config.buffer.maxBytes)}), receive.max_inflight_bytes ` +
      `(${inMebibytes(config.receive.maxInflightBytes)}), ${windowBytes > 0 ? `window.max_bytes (${inMebibytes(windowBytes)}), ` : ''}` +
      `the largest export queue (${inMebibytes(queueBytes)}) and ` +
      `${inMebibytes(processBytes)} for the process are ${inMebibytes(needed)}, and ${of} ${inMebibytes(limitBytes)}: ${advice}`
    );
  }
  if (heapLimitBytes <= limitBytes) return '';
  return (
    `the JavaScript heap may grow to ${inMebibytes(heapLimitBytes)}, and ${of} ${inMebibytes(limitBytes)}: ` +
    `set NODE_OPTIONS=--max-old-space-size=${Math.floor(limitBytes / 5 / 2 ** 20)}`
  );
}

const inMebibytes = (bytes: number): string => `${Math.floor(bytes / 2 ** 20)} MiB`;
