import { AnyValue, KeyValue, ListValue, tag, WireType } from '../wire/otlp.ts';
import { Reader } from '../wire/reader.ts';
import type { TermSet } from './term-set.ts';
import { hashKey, hashScalar, type TermScope } from './terms.ts';

const { length } = WireType;
const keyTag = tag(KeyValue.key, length);
const valueTag = tag(KeyValue.value, length);
const listTag = tag(AnyValue.array, length);
const elementTag = tag(ListValue.values, length);

/** Told of the scalar attributes and of the span names (`keyHash` 0) that it does not know by their term. */
export interface TagSink {
  knows(term: number): boolean;
  /** The cursors are lent for the call. */
  note(scope: TermScope, keyHash: number, term: number, key: Reader, value: Reader): void;
}

const nothing = new Uint8Array(0);

/** Reads KeyValues with cursors of its own, which are used again: a trace has hundreds of them. */
export class AttributeTerms {
  readonly tags: TagSink;
  readonly #key = new Reader(nothing);
  readonly #value = new Reader(nothing);
  readonly #list = new Reader(nothing);
  readonly #element = new Reader(nothing);
  readonly #noted = new Reader(nothing);

  constructor(tags: TagSink) {
    this.tags = tags;
  }

  /** Adds the terms of the KeyValue at which `outer` stands, and tells `tags` of the new ones. */
  read(outer: Reader, attribute: Reader, scope: TermScope, terms: TermSet): void {
    attribute.enter(outer);
    const key = this.#key.goTo(attribute.buf, attribute.pos, attribute.pos);
    const value = this.#value.goTo(attribute.buf, attribute.pos, attribute.pos);
    while (attribute.next()) {
      const field = attribute.field * 8 + attribute.wireType;
      if (field === keyTag) key.enter(attribute);
      else if (field === valueTag) value.enter(attribute);
      else attribute.skip();
    }
    if (value.pos < value.end) this.#addValue(value, hashKey(scope, key.buf, key.pos, key.end), scope, terms);
  }

  /** The term of an AnyValue, or those of a list's elements, as a query matches a list by its elements. */
  #addValue(value: Reader, keyHash: number, scope: TermScope, terms: TermSet): void {
    const start = value.pos;
    while (value.next()) {
      if (value.field * 8 + value.wireType === listTag) this.#addList(value, keyHash, scope, terms);
      else this.#addScalar(value, start, { keyHash, scope, terms });
    }
  }

  #addList(value: Reader, keyHash: number, scope: TermScope, terms: TermSet): void {
    const list = this.#list.enter(value);
    const asked = { keyHash, scope, terms };
    while (list.next()) {
      if (list.field * 8 + list.wireType !== elementTag) list.skip();
      else {
        const element = this.#element.enter(list);
        for (const start = element.pos; element.next(); ) this.#addScalar(element, start, asked);
      }
    }
  }

  /** `start`: where the AnyValue begins that the scalar is a field of. */
  #addScalar(value: Reader, start: number, { keyHash, scope, terms }: Adding): void {
    const term = hashScalar(keyHash, value);
    if (term === 0 || !terms.add(term) || this.tags.knows(term)) return;
    this.tags.note(scope, keyHash, term, this.#key, this.#noted.goTo(value.buf, start, value.end));
  }
}

interface Adding {
  readonly keyHash: number;
  readonly scope: TermScope;
  readonly terms: TermSet;
}
