import { Resource } from '../wire/otlp.ts';
import { Reader } from '../wire/reader.ts';
import { Writer } from '../wire/writer.ts';
import { type AttributeValue, attributeBytes, keyOf } from './attributes.ts';
import type { Redactor } from './redactor.ts';
import { resourceShape } from './shapes.ts';

interface Addition {
  readonly key: string;
  /** The attribute as a field of a Resource message. */
  readonly encoded: Uint8Array;
  /** Replaces one that is there. */
  readonly overwrites: boolean;
}

/** Writes resources: the configured attributes where absent or, of `set`, always; then redacted. */
export class ResourceAttributes {
  readonly #additions: readonly Addition[];
  readonly #redactor: Redactor;
  readonly #merged = new Writer();

  constructor(
    resource: Readonly<Record<string, AttributeValue>>,
    set: Readonly<Record<string, AttributeValue>>,
    redactor: Redactor,
  ) {
    const absent = Object.entries(resource).filter(([key]) => !Object.hasOwn(set, key));
    this.#additions = [
      ...absent.map(([key, value]) => addition(key, value, false)),
      ...Object.entries(set).map(([key, value]) => addition(key, value, true)),
    ];
    this.#redactor = redactor;
  }

  /** Writes buf[start, end), a Resource message, as `field`; nothing where it is empty and stays so. */
  write(out: Writer, field: number, buf: Uint8Array, start: number, end: number): void {
    if (this.#additions.length === 0) this.#redacted(out, field, buf, start, end);
    else {
      this.#merge(new Reader(buf, start, end));
      this.#redacted(out, field, this.#merged.buf, 0, this.#merged.pos);
    }
  }

  #redacted(out: Writer, field: number, buf: Uint8Array, start: number, end: number): void {
    if (end <= start) return;
    this.#redactor.whole(out, field, buf, start, end, resourceShape);
  }

  #merge(r: Reader): void {
    const out = this.#merged.reset();
    const present = new Set<string>();
    for (let from = r.pos; r.next(); from = r.pos) {
      const key = r.field === Resource.attributes ? keyOf(r.message()) : undefined;
      if (key !== undefined) present.add(key);
      else r.skip();
      if (!this.#additions.some((added) => added.overwrites && added.key === key)) out.raw(r.buf, from, r.pos);
    }
    for (const added of this.#additions) if (added.overwrites || !present.has(added.key)) out.raw(added.encoded);
  }
}

function addition(key: string, value: AttributeValue, overwrites: boolean): Addition {
  return { key, encoded: attributeBytes(Resource.attributes, key, value), overwrites };
}
