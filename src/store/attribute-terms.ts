import { AnyValue, KeyValue, ListValue, tag, WireType } from '../wire/otlp.ts';
import { Reader } from '../wire/reader.ts';
import { hashKey, hashScalar, type TermScope } from './terms.ts';

const { length } = WireType;
const keyTag = tag(KeyValue.key, length);
const valueTag = tag(KeyValue.value, length);
const listTag = tag(AnyValue.array, length);
const elementTag = tag(ListValue.values, length);

/** Told of every scalar attribute and of every span name (`keyHash` 0). What it has seen it knows by the term. */
export interface TagSink {
  note(scope: TermScope, keyHash: number, term: number, key: Reader, value: Reader): void;
}

/** Adds the terms of one KeyValue to those of its part, and tells `tags` of the new ones. */
export function readAttribute(r: Reader, scope: TermScope, terms: Set<number>, tags: TagSink): void {
  let key = new Reader(r.buf, r.pos, r.pos);
  let value: Reader | undefined;
  while (r.next()) {
    const field = r.field * 8 + r.wireType;
    if (field === keyTag) key = r.message();
    else if (field === valueTag) value = r.message();
    else r.skip();
  }
  if (value === undefined) return;
  const keyHash = hashKey(scope, key.buf, key.pos, key.end);
  addTerms(value, keyHash, true, (term, scalar) => {
    if (terms.has(term)) return;
    terms.add(term);
    tags.note(scope, keyHash, term, key, scalar);
  });
}

/** Gives the term of an AnyValue, or those of a list's elements, as a query matches a list by its elements. */
function addTerms(value: Reader, keyHash: number, lists: boolean, add: (term: number, value: Reader) => void): void {
  const start = value.pos;
  while (value.next()) {
    if (lists && value.field * 8 + value.wireType === listTag) {
      const list = value.message();
      while (list.next()) {
        if (list.field * 8 + list.wireType === elementTag) addTerms(list.message(), keyHash, false, add);
        else list.skip();
      }
      continue;
    }
    const term = hashScalar(keyHash, value);
    if (term !== 0) add(term, new Reader(value.buf, start, value.end));
  }
}
