import { isBlock, parseSize } from '../units.ts';

/** Shares of a container's memory; the rest is for the JavaScript heap, the process itself and its peaks. */
const bufferShare = 0.4;
const inflightShare = 0.1;
const queueShare = 0.15;
/** Of the window, where it is `auto`: what is left beside the others in a small container. */
const windowShare = 0.04;
const mebibyte = 2 ** 20;
const usualWindowBytes = 64 * mebibyte;
const [leastInflight, mostInflight] = [64 * mebibyte, 256 * mebibyte];

type Block = Readonly<Record<string, unknown>>;

const blockOf = (value: unknown): Block => (isBlock(value) ? value : {});
const wholeMebibytes = (bytes: number): number => Math.max(1, Math.floor(bytes / mebibyte)) * mebibyte;

/**
 * The boot file as it was written, with the sizes that nobody set: by the container's memory limit where there is one,
 * else left to the schema. `auto` is one that nobody set.
 */
export function sized(written: unknown, limitBytes: number | undefined): unknown {
  return isBlock(written) ? withWindow(withBuffer(written, limitBytes), limitBytes) : written;
}

/** The window is off where nobody asks for it. */
function withWindow(written: Block, limitBytes: number | undefined): Block {
  if (!isBlock(written.window) || written.window.max_bytes !== 'auto') return written;
  const bytes = limitBytes === undefined ? usualWindowBytes : wholeMebibytes(limitBytes * windowShare);
  return { ...written, window: { ...written.window, max_bytes: bytes } };
}

function withBuffer(written: Block, limitBytes: number | undefined): Block {
  const { max_bytes, ...buffer } = blockOf(written.buffer);
  const isSet = max_bytes !== undefined && max_bytes !== 'auto';
  if (limitBytes === undefined) {
    return max_bytes === 'auto' ? { ...written, buffer } : written;
  }
  return {
    ...written,
    ...((written.buffer === undefined || isBlock(written.buffer)) && {
      buffer: { ...buffer, max_bytes: isSet ? max_bytes : wholeMebibytes(limitBytes * bufferShare) },
    }),
    ...((written.receive === undefined || isBlock(written.receive)) && {
      receive: withInflight(written.receive ?? { grpc: {}, http: {} }, limitBytes),
    }),
    ...(Array.isArray(written.export) && {
      export: written.export.map((exporter) => withQueue(exporter, blockOf(written.batch), limitBytes)),
    }),
  };
}

function withInflight(receive: Block, limitBytes: number): Block {
  if (receive.max_inflight_bytes !== undefined) return receive;
  const usual = Math.min(mostInflight, Math.max(leastInflight, wholeMebibytes(limitBytes * inflightShare)));
  return { ...receive, max_inflight_bytes: Math.max(usual, parseSize(receive.max_request_bytes) ?? 0) };
}

/** A full batch must fit. */
function withQueue(exporter: unknown, batch: Block, limitBytes: number): unknown {
  const { otlp, queue } = blockOf(exporter);
  if (!isBlock(exporter) || otlp === undefined || (queue !== undefined && !isBlock(queue))) return exporter;
  if (queue?.max_bytes !== undefined) return exporter;
  const bytes = Math.max(wholeMebibytes(limitBytes * queueShare), parseSize(batch.max_bytes) ?? 0, 4 * mebibyte);
  return { ...exporter, queue: { ...queue, max_bytes: bytes } };
}
