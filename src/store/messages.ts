import type { TenantPart } from '../model/tenant.ts';
import type { StorageStats } from './retain.ts';

/** A question for Tempo's read API: the path and query as they came, and the Accept header. */
export interface TempoRequest {
  readonly path: string;
  readonly query: string;
  readonly accept: string;
  /** Of whose traces; absent where there are no tenants. */
  readonly tenant?: string;
}

export interface TempoAnswer {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly body: string | Uint8Array;
}

/** What the store's worker is started with. */
export interface WorkerOptions {
  readonly directory: string;
  readonly retentionMs: number;
  readonly maxBytes: number;
  /** Each has a database of its own, with its share (0 to 1) of `maxBytes`; absent: there is one. */
  readonly tenants?: readonly TenantPart[];
}

/**
 * To the worker; every message is answered once, under its id. `now` is Unix milliseconds; a body is the worker's until
 * the answer.
 */
export type Command =
  | {
      readonly id: number;
      readonly type: 'append';
      readonly body: Uint8Array;
      readonly tenant: string;
      readonly now: number;
    }
  | { readonly id: number; readonly type: 'answer'; readonly request: TempoRequest }
  | { readonly id: number; readonly type: 'retain'; readonly now: number }
  /** As many bytes as could not be written. */
  | { readonly id: number; readonly type: 'try_writing'; readonly bytes: number }
  | { readonly id: number; readonly type: 'close' };

/** To the worker: nobody waits for the answer of this question. It still says when it has ended it. */
export interface Abandon {
  readonly type: 'abandon';
  readonly id: number;
}

/** What a command came to. */
export interface Outcome {
  /** Of a request that was stored, those that there was no room for. */
  readonly refusedSpans?: number;
  readonly answer?: TempoAnswer;
  readonly storage?: StorageStats;
}

/**
 * From the worker: first `ready` or `refused`, then one `done` or `failed` a command; `set_aside` at any time, where it
 * found its database damaged and goes on with an empty one.
 */
export type Reply =
  | { readonly type: 'ready'; readonly storage: StorageStats }
  | { readonly type: 'refused'; readonly message: string }
  | { readonly type: 'set_aside'; readonly message: string }
  | ({ readonly type: 'done'; readonly id: number } & Outcome)
  | { readonly type: 'failed'; readonly id: number; readonly message: string; readonly malformed: boolean };
