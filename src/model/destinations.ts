import type { TracePredicate, TraceTest } from './predicates.ts';
import type { PolicyDocument } from './rules.ts';

/** Exporters as a set: bit i is the i-th of the boot file that has an endpoint. */
export const everyExporter = -1;
/** The most exporters that such a set can tell apart. */
export const mostExporters = 31;

/** `export[].when`: which kept traces an exporter gets; what is left out holds for all. */
export interface ExportWhen {
  readonly tenants?: readonly string[];
  /** In the language of the rules: a trace that one of them keeps, and none drops. */
  readonly policies?: readonly PolicyDocument[];
}

/** Which exporters a tenant's traces go to, compiled. */
export interface Destinations {
  /** Those that ask nothing of a trace, as a set. */
  readonly always: number;
  readonly asked: readonly { readonly exporter: number; readonly test: TraceTest }[];
  /** What each exporter asks for, as it was lowered, for whoever explains: of a trace, nothing, or other tenants. */
  readonly said: readonly (TracePredicate | 'all' | 'other tenants')[];
}
