import { RowBits } from '../decode/row-bits.ts';
import { SpanScan } from '../decode/scan-span.ts';
import { SliceTable } from '../decode/slice-table.ts';
import type { SpanConditions } from '../model/conditions.ts';
import type { SpanPlace } from '../model/predicates.ts';
import type { Emitter } from './emit.ts';

type ScannedPlace = Pick<SpanPlace, 'buf' | 'start' | 'end' | 'resourceSpansAt' | 'scopeSpansAt'>;

/** Scans single spans again, with what stands around them. */
export class Rescan {
  readonly #emitter: Emitter;
  readonly #span = new SpanScan();
  readonly #table = new SliceTable(1);
  #conditions: SpanConditions | undefined;
  #rowBits: RowBits | undefined;
  #resource: unknown;
  #scope: unknown;

  constructor(emitter: Emitter) {
    this.#emitter = emitter;
  }

  /** The row of a span under these conditions, at the start of what is given back. */
  rowOf({ buf, start, end, resourceSpansAt, scopeSpansAt }: ScannedPlace, conditions: SpanConditions): Int32Array {
    if (conditions !== this.#conditions) {
      this.#conditions = conditions;
      this.#rowBits = RowBits.for(conditions);
      this.#resource = undefined;
      this.#scope = undefined;
    }
    this.#table.begin(conditions);
    this.#span.run(buf, start, end, conditions);
    this.#span.forget();
    const row = this.#table.add(buf, start, end - start, resourceSpansAt, scopeSpansAt, this.#span);
    if (this.#rowBits !== undefined) {
      this.#readEnvelope(this.#rowBits, buf, resourceSpansAt, scopeSpansAt);
      this.#rowBits.complete(buf, this.#table.rows, row);
    }
    return this.#table.rows;
  }

  #readEnvelope(bits: RowBits, buf: Uint8Array, resourceSpansAt: number, scopeSpansAt: number): void {
    const envelope = this.#emitter.envelopeAt(buf, resourceSpansAt, scopeSpansAt);
    const { resource, scope } = envelope;
    // All scopes of a resource share it.
    if (resource !== this.#resource) {
      this.#resource = resource;
      bits.beginResource();
      bits.readResource(resource, 0, resource.length);
      this.#emitter.charge(resource.length);
    }
    if (scope === this.#scope) return;
    this.#scope = scope;
    bits.beginScope();
    bits.readScope(scope, 0, scope.length);
    this.#emitter.charge(scope.length);
  }
}
