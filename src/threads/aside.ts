import { Worker } from 'node:worker_threads';

const mostHeapMb = 512;

/** The threads there are, by the files they run. */
type AsideThread = 'candidate-thread' | 'rules-thread';

interface Bounds {
  readonly longestMs: number;
  readonly over: AbortSignal;
}

/**
 * What a thread of its own makes of rules, its first message; or why it could not: it took too long or too much memory,
 * or ended without a word. Rejects when `over` is aborted. The thread is gone then.
 */
export async function aside<T>(
  thread: AsideThread,
  data: unknown,
  bounds: Bounds,
): Promise<T | { readonly errors: readonly string[] }> {
  try {
    return await firstMessage<T>(thread, data, bounds);
  } catch (error) {
    if (bounds.over.aborted) throw error;
    return { errors: [`rules: they could not be read: ${(error as Error).message}`] };
  }
}

async function firstMessage<T>(thread: AsideThread, data: unknown, { longestMs, over }: Bounds): Promise<T> {
  over.throwIfAborted();
  const file = new URL(`./${thread}.${import.meta.url.endsWith('.ts') ? 'ts' : 'js'}`, import.meta.url);
  const worker = new Worker(file, { workerData: data, resourceLimits: { maxOldGenerationSizeMb: mostHeapMb } });
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  worker.on('message', resolve);
  worker.on('error', reject);
  worker.on('exit', () => reject(new Error('the thread that read them ended')));
  const late = setTimeout(() => reject(tooLong(longestMs)), longestMs).unref();
  const gone = (): void => reject(over.reason);
  over.addEventListener('abort', gone, { once: true });
  try {
    return await promise;
  } finally {
    clearTimeout(late);
    over.removeEventListener('abort', gone);
    void worker.terminate();
  }
}

const tooLong = (longestMs: number): Error =>
  new Error(`that took more than ${longestMs / 1000} s: expected shorter or simpler ones`);
