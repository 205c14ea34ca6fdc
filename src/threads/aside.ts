import { Worker } from 'node:worker_threads';

const mostHeapMb = 512;

/** The threads there are, by the files they run. */
type AsideThread = 'candidate-thread' | 'rules-thread';

/**
 * What a thread of its own makes of `data`: its first message. Rejects when it takes too long or too much memory, ends
 * without a word, or `over` is aborted; the thread is gone then.
 */
export async function aside<T>(
  thread: AsideThread,
  data: unknown,
  { longestMs, over }: { readonly longestMs: number; readonly over: AbortSignal },
): Promise<T> {
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
