/** The source that is named where nothing is decided: by an agent, and in front of Kafka. */
export const noRulesSource = 'file:none';

/**
 * The live rules document after parsing and type checks, before compiling. A knob that is null is off.
 * Field meanings: docs/rules.md.
 */
export interface RulesDocument {
  readonly baseline_percent: number | Readonly<Record<string, number>> | null;
  readonly latency_threshold_ms: number | null;
  readonly error_status_codes: readonly StatusCodeName[] | null;
  readonly routes: readonly string[] | null;
  readonly debug: boolean | null;
  readonly late: { readonly rescue: boolean };
  readonly policies: readonly PolicyDocument[];
  readonly shadow: readonly PolicyDocument[];
  /** What is otherwise for single tenants, by name. */
  readonly tenants?: Readonly<Record<string, Partial<Omit<RulesDocument, 'tenants'>>>>;
}

export type StatusCodeName = 'ERROR' | 'OK' | 'UNSET';

/** One policy as the collector's tail_sampling processor spells it: name, type, and a block named after the type. */
export interface PolicyDocument {
  readonly name: string;
  readonly type: string;
  /** A late span that it holds for brings its trace back; see docs/rules.md. */
  readonly rescue?: unknown;
  readonly [block: string]: unknown;
}

/** Something wrong with a document: where (keys and indices from the root) and what was expected. */
export interface Problem {
  readonly path: readonly (string | number)[];
  readonly message: string;
}
