import { Worker } from 'node:worker_threads';
import { type Candidate, type CandidateText, readCandidate } from '../simulate/candidate.ts';

const threadFile = new URL(
  import.meta.url.endsWith('.ts') ? './candidate-thread.ts' : './candidate-thread.js',
  import.meta.url,
);
/** Shorter ones are read here, in some milliseconds, whatever stands in them. */
const mostHereBytes = 8 * 1024;
const longestMs = 15_000;
const mostHeapMb = 512;

/**
 * Reads rules that somebody wants to have tried. A rules text can be made so that reading it takes seconds, and this
 * thread may be the path's: long ones are read by a thread of their own, which is given up when it takes too long. Rejects
 * when `over` is aborted.
 */
export async function readAside(text: CandidateText, over: AbortSignal): Promise<Candidate> {
  if (Buffer.byteLength(text.rules) <= mostHereBytes) return readCandidate(text);
  over.throwIfAborted();
  const worker = new Worker(threadFile, { workerData: text, resourceLimits: { maxOldGenerationSizeMb: mostHeapMb } });
  const { promise, resolve, reject } = Promise.withResolvers<Candidate>();
  worker.on('message', resolve);
  worker.on('error', (error: Error) => resolve({ errors: [`rules: they could not be read: ${error.message}`] }));
  worker.on('exit', () => reject(new Error('the thread that read the rules ended')));
  const late = setTimeout(() => resolve(tooLong()), longestMs).unref();
  const gone = () => reject(over.reason);
  over.addEventListener('abort', gone, { once: true });
  try {
    return await promise;
  } finally {
    clearTimeout(late);
    over.removeEventListener('abort', gone);
    void worker.terminate();
  }
}

const tooLong = (): Candidate => ({
  errors: [`rules: to read them took more than ${longestMs / 1000} s: expected shorter or simpler ones`],
});
