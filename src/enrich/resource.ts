import { Resource } from '../wire/otlp.ts';
import { Reader } from '../wire/reader.ts';
import { Writer } from '../wire/writer.ts';
import { type AttributeValue, attributeBytes, keyOf } from './attributes.ts';
import type { PodAttribute, Pods } from './pods.ts';
import { Redactor } from './redactor.ts';
import { resourceShape } from './shapes.ts';

export interface ResourceOptions {
  /** Resource attributes added where absent. */
  readonly resource: Readonly<Record<string, AttributeValue>>;
  /** Resource attributes written whether present or not. */
  readonly set: Readonly<Record<string, AttributeValue>>;
  /** Whose attributes resources get that name one of them. */
  readonly pods?: Pods | undefined;
}

interface Addition {
  readonly key: string;
  /** The attribute as a field of a Resource message. */
  readonly encoded: Uint8Array;
  /** Replaces one that is there. */
  readonly overwrites: boolean;
}

/** Writes resources: the configured attributes where absent or, of `set`, always, then those of its pod where absent; then redacted. */
export class ResourceAttributes {
  readonly #additions: readonly Addition[];
  readonly #pods: Pods | undefined;
  readonly #redactor: Redactor;
  readonly #merged = new Writer();

  constructor({ resource, set, pods }: ResourceOptions, redactor: Redactor) {
    const absent = Object.entries(resource).filter(([key, value]) => value !== '' && !Object.hasOwn(set, key));
    this.#additions = [
      ...absent.map(([key, value]) => addition(key, value, false)),
      ...Object.entries(set).flatMap(([key, value]) => (value === '' ? [] : [addition(key, value, true)])),
    ];
    this.#pods = pods;
    this.#redactor = redactor;
  }

  /** Does the text stand in what it writes itself? */
  writes(text: string): boolean {
    const isAdded = this.#additions.some(({ encoded }) => Buffer.from(encoded).includes(text));
    return isAdded || (this.#pods?.writes(text) ?? false);
  }

  /** Is there anything that a resource may get? */
  get addsNothing(): boolean {
    return this.#additions.length === 0 && this.#pods === undefined;
  }

  /** A Resource message with what it gets, in memory of its own; itself where that is nothing. Nothing is redacted. */
  added(resource: Uint8Array): Uint8Array {
    return this.#adds(resource, 0, resource.length) ? this.#merged.finish() : resource;
  }

  /** Writes buf[start, end), a Resource message, as `field`; nothing where it is empty and stays so. */
  write(out: Writer, field: number, buf: Uint8Array, start: number, end: number): void {
    if (this.#adds(buf, start, end)) this.#redacted(out, field, this.#merged.buf, 0, this.#merged.pos);
    else this.#redacted(out, field, buf, start, end);
  }

  /** Whether it gets anything; then `merged` has it with that. */
  #adds(buf: Uint8Array, start: number, end: number): boolean {
    const ofPod = this.#pods?.attributesFor(buf, start, end) ?? [];
    if (this.#additions.length === 0 && ofPod.length === 0) return false;
    this.#merge(new Reader(buf, start, end), ofPod);
    return true;
  }

  #redacted(out: Writer, field: number, buf: Uint8Array, start: number, end: number): void {
    if (end <= start) return;
    this.#redactor.whole(out, field, buf, start, end, resourceShape);
  }

  #merge(r: Reader, ofPod: readonly PodAttribute[]): void {
    const out = this.#merged.reset();
    const present = new Set<string>();
    for (let from = r.pos; r.next(); from = r.pos) {
      const key = r.field === Resource.attributes ? keyOf(r.message()) : undefined;
      if (key !== undefined) present.add(key);
      else r.skip();
      if (!this.#additions.some((added) => added.overwrites && added.key === key)) out.raw(r.buf, from, r.pos);
    }
    for (const added of this.#additions) {
      if (!added.overwrites && present.has(added.key)) continue;
      present.add(added.key);
      out.raw(added.encoded);
    }
    for (const { key, encoded } of ofPod) if (!present.has(key)) out.raw(encoded);
  }
}

/** What resources become that are passed on, unredacted; undefined where they stay as they are. */
export function addedTo(options: ResourceOptions): ((resource: Uint8Array) => Uint8Array) | undefined {
  const attributes = new ResourceAttributes(options, new Redactor([]));
  return attributes.addsNothing ? undefined : (resource) => attributes.added(resource);
}

function addition(key: string, value: AttributeValue, overwrites: boolean): Addition {
  return { key, encoded: attributeBytes(Resource.attributes, key, value), overwrites };
}
