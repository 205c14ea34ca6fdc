import { AnyValue, KeyValue, ListValue, tag, WireType } from '../wire/otlp.ts';
import { Reader } from '../wire/reader.ts';
import { type NotedField, termOfText } from './noted-fields.ts';
import { plainKeyEnd, plainTerm } from './plain-attribute.ts';
import type { TermSet } from './term-set.ts';
import { hashKey, keySeeds, mostUsualBytes, scalarTerm, type TagScope, viewOf } from './terms.ts';

const { length } = WireType;
const keyTag = tag(KeyValue.key, length);
const valueTag = tag(KeyValue.value, length);
const listTag = tag(AnyValue.array, length);
const elementTag = tag(ListValue.values, length);

/** Longer values are not listed, only their keys: Tempo cuts texts at so many bytes. */
export const maxListedBytes = 2048;

/** Told of the values that it does not know by their term, and of keys. The cursors are lent for the call. */
export interface TagSink {
  knows(term: number): boolean;
  /** A scalar: `value` stands at its AnyValue. */
  note(place: TagPlace, term: number, value: Reader): void;
  noteText(field: NotedField, term: number, value: Reader): void;
  /** A key with a value that is not listed: a map, bytes, nothing, or too long a text. */
  noteKey(place: TagPlace): void;
}

/** Of which key. */
export interface TagPlace {
  readonly scope: TagScope;
  readonly keyHash: number;
  readonly key: Reader;
}

const nothing = new Uint8Array(0);

/** Reads KeyValues with cursors of its own, which are used again: a trace has hundreds of them. */
export class AttributeTerms {
  readonly tags: TagSink;
  readonly #attribute = new Reader(nothing);
  readonly #value = new Reader(nothing);
  readonly #list = new Reader(nothing);
  readonly #element = new Reader(nothing);
  readonly #noted = new Reader(nothing);
  /** Used again, too. */
  readonly #place = { scope: 'span' as TagScope, seed: 0, keyHash: 0, key: new Reader(nothing) };
  /** Absent for attributes that are in no digest. */
  #terms: TermSet | undefined;

  constructor(tags: TagSink) {
    this.tags = tags;
  }

  /**
   * Adds the terms of the KeyValue at which `outer` stands, and of those that follow it as fields of the same number,
   * and tells `tags` of what is new. Throws MalformedError.
   */
  read(outer: Reader, scope: TagScope, terms?: TermSet): void {
    const { buf, end } = outer;
    const fieldTag = outer.field * 8 + outer.wireType;
    const seed = keySeeds[scope];
    const bytes = viewOf(buf);
    this.#terms = terms;
    this.#place.scope = scope;
    this.#place.seed = seed;
    for (;;) {
      const start = outer.pos + 1;
      const next = start + buf[outer.pos];
      const term = next <= end && next - start <= mostUsualBytes ? plainTerm(bytes, start, next, seed) : 0;
      if (term === 0) this.#readAny(outer, seed);
      else {
        outer.pos = next;
        if (this.#isNew(term)) this.#notePlain(buf, start, next, seed, term);
      }
      if (outer.pos >= end || buf[outer.pos] !== fieldTag) return;
      outer.pos++;
    }
  }

  /** A KeyValue of any shape. */
  #readAny(outer: Reader, seed: number): void {
    const attribute = this.#attribute.enter(outer);
    const place = this.#place;
    const key = place.key.goTo(attribute.buf, attribute.pos, attribute.pos);
    const value = this.#value.goTo(attribute.buf, attribute.pos, attribute.pos);
    while (attribute.next()) {
      const field = attribute.field * 8 + attribute.wireType;
      if (field === keyTag) key.enter(attribute);
      else if (field === valueTag) value.enter(attribute);
      else attribute.skip();
    }
    place.keyHash = hashKey(seed, key);
    if (value.pos < value.end) this.#addValue(value);
    else this.tags.noteKey(place);
  }

  #notePlain(buf: Uint8Array, start: number, end: number, seed: number, term: number): void {
    const key = this.#place.key.goTo(buf, start + 2, plainKeyEnd(viewOf(buf), start));
    this.#place.keyHash = hashKey(seed, key);
    this.tags.note(this.#place, term, this.#noted.goTo(buf, key.end + 2, end));
  }

  /** Adds the term; whether `tags` are to be told of it. */
  #isNew(term: number): boolean {
    return this.#terms?.add(term) !== false && !this.tags.knows(term);
  }

  /** A field of a span that is a text. */
  readText(field: NotedField, value: Reader): void {
    const term = termOfText(field, value);
    if (!this.tags.knows(term)) this.tags.noteText(field, term, value);
  }

  /** The term of an AnyValue, or those of a list's elements, as a query matches a list by its elements. */
  #addValue(value: Reader): void {
    const start = value.pos;
    while (value.next()) {
      if (value.field * 8 + value.wireType === listTag) this.#addList(value);
      else this.#addScalar(value, start);
    }
  }

  #addList(value: Reader): void {
    const list = this.#list.enter(value);
    if (list.pos === list.end) this.tags.noteKey(this.#place);
    while (list.next()) {
      if (list.field * 8 + list.wireType !== elementTag) list.skip();
      else {
        const element = this.#element.enter(list);
        for (const start = element.pos; element.next(); ) this.#addScalar(element, start);
      }
    }
  }

  /** `start`: where the AnyValue begins that the scalar is a field of. */
  #addScalar(value: Reader, start: number): void {
    const isLong = value.end - start > maxListedBytes;
    // What is in no digest need not be hashed to be passed over.
    const isPassedOver = isLong && this.#terms === undefined;
    const term = isPassedOver ? 0 : scalarTerm(this.#place, value);
    if (isPassedOver) value.skip();
    if (term !== 0 && !this.#isNew(term)) return;
    if (term === 0 || isLong) this.tags.noteKey(this.#place);
    else this.tags.note(this.#place, term, this.#noted.goTo(value.buf, start, value.end));
  }
}
