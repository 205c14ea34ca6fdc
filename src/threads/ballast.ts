/** As much as waits in a busy shard; less buys less, more buys no more. */
const ballastBytes = 2 ** 30;

/**
 * Memory that is never touched, so it costs address space alone. V8 collects the whole heap when the memory outside of
 * it has grown by a share of what there is, and the buffers that sockets are read into come and go by the hundred
 * megabytes a second. One shard alone has its segments there, which makes that share large; several shards have theirs
 * in shared memory, which V8 does not count. Undefined where the system promises no memory that it might not have.
 */
export function allocateBallast(): ArrayBuffer | undefined {
  try {
    return new ArrayBuffer(ballastBytes);
  } catch {
    return undefined;
  }
}
