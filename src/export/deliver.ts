import type { ExportRequest } from '../model/export-request.ts';
import type { Piece, Result } from './answer.ts';
import { split } from './split.ts';

/**
 * Of one request, and two tries a split. To find k spans at fault among n takes about k × log2(n / k) + k splits: so
 * many find 20 in 8192, and send a request that is refused whole nine times its bytes.
 */
const maxSplits = 256;

/**
 * While the destination has taken nothing since a request was refused whole: finds one span, and stops at five times.
 */
const maxSplitsInVain = 16;

/**
 * Brings a request to its end: sent as it is, or, where the far end finds it too large or refuses something in it, as
 * two halves, each of which may be halved again, down to the span at fault. The largest piece goes first, so that what
 * is given up when no split is left is as small as can be. Every piece is settled exactly once, as soon as its own end
 * is known. `now` is monotonic.
 */
export function delivering(
  next: (piece: Piece) => Promise<Result>,
  settle: (piece: ExportRequest, result: Result) => void,
  now: () => number,
): (request: ExportRequest) => Promise<void> {
  let takesSomething = false;
  return async (request) => {
    const sinceMs = now();
    const pieces: ExportRequest[] = [request];
    let splits = 0;
    let taken = false;
    for (let piece = takeLargest(pieces); piece; piece = takeLargest(pieces)) {
      const result = await next({ ...piece, sinceMs }).catch(broken);
      if (result.kind === 'accepted') taken = takesSomething = true;
      const mayGoOn = splits < (takesSomething ? maxSplits : maxSplitsInVain);
      const halves = mayGoOn ? halve(piece, result) : null;
      if (halves) {
        splits++;
        pieces.push(...halves);
      } else settle(piece, result);
    }
    if (splits > 0 && !taken) takesSomething = false;
  };
}

function takeLargest(pieces: ExportRequest[]): ExportRequest | undefined {
  let largest = 0;
  for (let i = 1; i < pieces.length; i++) if (pieces[i].body.length > pieces[largest].body.length) largest = i;
  return pieces.splice(largest, 1)[0];
}

/** A fault of ours must not leave spans without an outcome. */
const broken = (error: unknown): Result => ({ kind: 'rejected', message: `internal error: ${error}` });

/** Too large: whole traces on either side. Refused: as they lie, for the spans of one service lie together. */
function halve(request: ExportRequest, { kind }: Result): [ExportRequest, ExportRequest] | null {
  if (kind !== 'too_large' && kind !== 'refused') return null;
  try {
    return split(request, kind === 'refused' ? 'spans' : 'traces');
  } catch {
    return null;
  }
}
