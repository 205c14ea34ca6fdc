/** When a gateway decides a trace. */
export interface Waits {
  readonly waitMs: number;
  /** 0 = off. */
  readonly afterRootMs: number;
  readonly maxTraceBytes: number;
}
