/** How a trace that was dropped comes back: by a span that came late, by its id, or by what somebody looked for. */
export const ways = ['rescue', 'id', 'query'] as const;
export type Way = (typeof ways)[number];

/** Under what name such spans leave and are counted, in a policy's place; no policy may be called so. */
export const nameOfWay: Readonly<Record<Way, string>> = { rescue: 'rescue', id: 'keep:id', query: 'keep:query' };

/** What came of the wish to have a trace back: it is on its way, was kept anyway, waits still, or is not remembered. */
export type KeepState = 'brought' | 'kept' | 'waiting' | 'forgotten' | 'busy';

/** Spans of a trace that shards took out of their windows and that are on its way to it. */
export interface Brought {
  readonly spans: number;
  /** False where there was no room for all that was there; nobody tries again. */
  readonly isWhole: boolean;
}

/** The answer for one trace: `spans` that were in the windows and are on their way. */
export interface KeptTrace {
  readonly traceId: string;
  readonly state: Exclude<KeepState, 'forgotten'> | 'not_found' | 'no_room';
  readonly spans: number;
  /** There was room for these spans and no more; absent: they are all there was. */
  readonly isWhole?: false;
}

/** Which traces somebody wants: by their ids, or all that a TraceQL query finds in the window. */
export type KeepRequest =
  | { readonly ids: readonly string[] }
  | { readonly query: string; readonly lastMs: number | undefined };

/** `isWhole`: false where the query found more than are brought back at once, or not all could be looked at. */
export interface KeepAnswer {
  readonly traces: readonly KeptTrace[];
  readonly isWhole?: boolean;
  /** Gateways of a fleet that did not answer. */
  readonly unanswered?: readonly { readonly member: string; readonly why: string }[];
}
