import type { ExportRequest } from '../model/export-request.ts';
import type { Result } from './answer.ts';
import { split } from './split.ts';

/**
 * Brings a request to its end: sent as it is, or, where that is too large for the far end, as two halves, each of which may
 * be halved again. Every piece is settled exactly once, as soon as its own end is known.
 */
export function delivering(
  next: (request: ExportRequest) => Promise<Result>,
  settle: (piece: ExportRequest, result: Result) => void,
): (request: ExportRequest) => Promise<void> {
  return async function deliver(request) {
    const result = await next(request).catch(broken);
    const halves = result.kind === 'too_large' ? halve(request) : null;
    if (!halves) return settle(request, result);
    for (const half of halves) await deliver(half);
  };
}

/** A fault of ours must not leave spans without an outcome. */
const broken = (error: unknown): Result => ({ kind: 'rejected', message: `internal error: ${error}` });

function halve(request: ExportRequest): [ExportRequest, ExportRequest] | null {
  try {
    return split(request);
  } catch {
    return null;
  }
}
