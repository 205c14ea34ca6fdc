import { AnyValue, KeyValue, Resource, Scope, tag, WireType } from '../wire/otlp.ts';
import { Reader } from '../wire/reader.ts';
import type { AttributeTerms } from './attribute-terms.ts';
import { notedFields } from './noted-fields.ts';
import type { Range, ResourceEnvelope } from './part-body.ts';
import type { TermSet } from './term-set.ts';

const { length } = WireType;
const attributesTag = tag(Resource.attributes, length);
const scopeNameTag = tag(Scope.name, length);
const scopeVersionTag = tag(Scope.version, length);
const scopeAttributesTag = tag(Scope.attributes, length);
const keyTag = tag(KeyValue.key, length);
const valueTag = tag(KeyValue.value, length);
const stringTag = tag(AnyValue.string, length);
const nothing = new Uint8Array(0);
const noText = new Reader(nothing);
const serviceKey = Buffer.from('service.name');
const noRange = { start: 0, end: 0 };

/** Reads what surrounds spans: the terms of resources, and what completion lists of both. */
export class EnvelopeTerms {
  readonly #attributes: AttributeTerms;
  readonly #attribute = new Reader(nothing);
  readonly #inner = new Reader(nothing);
  readonly #outer = new Reader(nothing);

  constructor(attributes: AttributeTerms) {
    this.#attributes = attributes;
  }

  readResource(r: Reader, resource: ResourceEnvelope, terms: TermSet): void {
    resource.service ??= this.#serviceOf(this.#outer.goTo(r.buf, r.pos, r.end));
    while (r.next()) {
      if (r.field * 8 + r.wireType === attributesTag) this.#attributes.read(r, 'resource', terms);
      else r.skip();
    }
  }

  #serviceOf(r: Reader): Readonly<Range> | undefined {
    while (r.next()) {
      if (r.field * 8 + r.wireType !== attributesTag) {
        r.skip();
        continue;
      }
      const found = serviceIn(this.#attribute.enter(r), this.#inner);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  readScope(r: Reader): void {
    let name = noText;
    let version = noText;
    while (r.next()) {
      const field = r.field * 8 + r.wireType;
      if (field === scopeAttributesTag) this.#attributes.read(r, 'instrumentation');
      else if (field === scopeNameTag) name = r.message();
      else if (field === scopeVersionTag) version = r.message();
      else r.skip();
    }
    this.#attributes.readText(notedFields.scopeName, name);
    this.#attributes.readText(notedFields.scopeVersion, version);
  }
}

/** Where the text stands that a KeyValue has for the service's name, an empty range where that is no text; undefined for another key. */
function serviceIn(keyValue: Reader, inner: Reader): Readonly<Range> | undefined {
  let isKey = false;
  let found = noRange;
  while (keyValue.next()) {
    const field = keyValue.field * 8 + keyValue.wireType;
    if (field !== keyTag && field !== valueTag) {
      keyValue.skip();
      continue;
    }
    inner.enter(keyValue);
    if (field === keyTag) isKey = isAt(inner, serviceKey);
    else while (inner.next()) found = inner.field * 8 + inner.wireType === stringTag ? textIn(inner) : skipped(inner);
  }
  return isKey ? found : undefined;
}

const text = new Reader(nothing);

function textIn(r: Reader): Readonly<Range> {
  text.enter(r);
  return { start: text.pos, end: text.end };
}

function skipped(r: Reader): Readonly<Range> {
  r.skip();
  return noRange;
}

/** Whether the cursor stands at these bytes. */
export function isAt({ buf, pos, end }: Reader, bytes: Uint8Array): boolean {
  if (end - pos !== bytes.length) return false;
  for (let i = 0; i < bytes.length; i++) if (buf[pos + i] !== bytes[i]) return false;
  return true;
}
