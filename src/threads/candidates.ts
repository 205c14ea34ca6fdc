import { type Candidate, type CandidateText, readCandidate } from '../simulate/candidate.ts';
import { aside } from './aside.ts';

/** Shorter ones are read here, in some milliseconds, whatever stands in them. */
const mostHereBytes = 8 * 1024;
const longestMs = 15_000;

/**
 * Reads rules that somebody wants to have tried. A rules text can be made so that reading it takes seconds, and this
 * thread may be the path's: long ones are read by a thread of their own, which is given up when it takes too long. Rejects
 * when `over` is aborted.
 */
export async function readAside(text: CandidateText, over: AbortSignal): Promise<Candidate> {
  if (Buffer.byteLength(text.rules) <= mostHereBytes) return readCandidate(text);
  return aside<Candidate>('candidate-thread', text, { longestMs, over });
}
