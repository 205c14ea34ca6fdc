import { AnyValue, Event, KeyValue, Link, ListValue, Resource, Scope, Span, Status } from '../wire/otlp.ts';
import { Reader } from '../wire/reader.ts';
import type { Writer } from '../wire/writer.ts';
import { anchorsOf } from './anchors.ts';
import { keyOf } from './attributes.ts';
import { keyPattern, mask, type RedactRule } from './rule.ts';
import { isSecretKey } from './secret-names.ts';
import { Suspects } from './suspects.ts';
import { type TextRule, textRules } from './text-rules.ts';

/** Where in a message texts and attributes are: by field number, a text, or a message with a shape of its own. */
type Shape = ReadonlyMap<number, Shape | 'text'>;

const value = new Map<number, Shape | 'text'>([[AnyValue.string, 'text']]);
const attribute: Shape = new Map([[KeyValue.value, value]]);
const list: Shape = new Map([[ListValue.values, value]]);
value.set(AnyValue.array, list).set(AnyValue.kvlist, new Map([[ListValue.values, attribute]]));

const event: Shape = new Map<number, Shape | 'text'>([[Event.name, 'text']]).set(Event.attributes, attribute);
export const spanShape: Shape = new Map<number, Shape | 'text'>([[Span.name, 'text']])
  .set(Span.attributes, attribute)
  .set(Span.events, event)
  .set(Span.links, new Map([[Link.attributes, attribute]]))
  .set(Span.status, new Map([[Status.message, 'text' as const]]));
export const resourceShape: Shape = new Map([[Resource.attributes, attribute]]);
export const scopeShape: Shape = new Map([[Scope.attributes, attribute]]);

/** Attribute keys whose rule is remembered, and the longest of them. */
const maxKeys = 4096;
const maxKeyChars = 256;

/**
 * Applies redaction rules to OTLP messages that are well-formed and of bounded depth: decode saw to it.
 * What no rule touches comes out byte for byte.
 */
export class Redactor {
  /** Masked values and matches, by rule. */
  readonly counts: Record<string, number> = {};
  readonly #suspects: Suspects;
  readonly #keep: RegExp | null;
  readonly #keys: readonly { readonly name: string; readonly matches: (key: string) => boolean }[];
  readonly #texts: readonly TextRule[];
  /** The rule that masks a key, '' for none, null for a key to keep as it is. */
  readonly #verdicts = new Map<string, string | null>();

  constructor(rules: readonly RedactRule[]) {
    const keep = rules.flatMap((rule) => rule.keep ?? []);
    this.#suspects = new Suspects(anchorsOf(rules));
    this.#keep = keep.length > 0 ? keyPattern(keep) : null;
    this.#keys = rules.flatMap(keyRules);
    this.#texts = textRules(rules);
  }

  /** Could a rule find anything in these bytes? Cheap; where it says no, copy them. */
  suspects(buf: Uint8Array, start: number, end: number): boolean {
    return this.#suspects.among(buf, start, end);
  }

  /** Writes buf[start, end), a message, as `field`. */
  whole(out: Writer, field: number, buf: Uint8Array, start: number, end: number, shape: Shape): void {
    if (!this.suspects(buf, start, end)) out.bytes(field, buf, start, end);
    else {
      const message = out.open(field);
      this.message(out, new Reader(buf, start, end), shape);
      out.close(message);
    }
  }

  /** Writes what is left of the message under `r`; true when something was hidden. */
  message(out: Writer, r: Reader, shape: Shape): boolean {
    let changed = false;
    for (let from = r.pos; r.next(); from = r.pos) changed = this.field(out, r, from, shape) || changed;
    return changed;
  }

  /** Writes the field that `r` stopped at, whose tag began at `from`, and moves `r` past it. */
  field(out: Writer, r: Reader, from: number, shape: Shape): boolean {
    const part = r.wireType === 2 ? shape.get(r.field) : undefined;
    const back = out.pos;
    const body = r.pos;
    r.skip();
    const end = r.pos;
    if (part !== undefined && this.suspects(r.buf, body, end)) {
      r.pos = body;
      if (part === 'text' ? this.#text(out, r) : this.#nested(out, r, part)) return true;
      out.pos = back;
    }
    out.raw(r.buf, from, end);
    r.pos = end;
    return false;
  }

  #nested(out: Writer, r: Reader, shape: Shape): boolean {
    const body = r.message();
    const start = out.open(r.field);
    const changed =
      shape === attribute
        ? this.#attribute(out, body)
        : shape === list
          ? this.#list(out, body)
          : this.message(out, body, shape);
    if (changed) out.close(start);
    return changed;
  }

  #attribute(out: Writer, r: Reader): boolean {
    const start = r.pos;
    const rule = this.#verdict(keyOf(r));
    r.pos = start;
    if (rule === null) return false;
    return rule === '' ? this.message(out, r, attribute) : this.#masked(out, r, rule);
  }

  /** A list, in which `--password` says of the next text that it is one. */
  #list(out: Writer, r: Reader): boolean {
    let changed = false;
    let rule = '';
    for (let from = r.pos; r.next(); from = r.pos) {
      const isValue = r.field === ListValue.values && r.wireType === 2;
      const text = isValue ? textOf(r) : undefined;
      if (rule !== '' && text !== undefined && text !== '' && text !== mask && !text.startsWith('-')) {
        r.skip();
        writeMask(out, ListValue.values);
        this.#count(rule);
        changed = true;
      } else changed = this.field(out, r, from, list) || changed;
      rule = text !== undefined && /^--?[a-z][\w-]{1,63}$/i.test(text) ? (this.#verdict(text) ?? '') : '';
    }
    return changed;
  }

  /** The attribute with the mask for a value. True and false are no secrets, and stay. */
  #masked(out: Writer, r: Reader, rule: string): boolean {
    let hidden = false;
    for (let from = r.pos; r.next(); from = r.pos) {
      if (r.field !== KeyValue.value || r.wireType !== 2) {
        r.skip();
        out.raw(r.buf, from, r.pos);
      } else hidden = isSecret(r.message());
    }
    if (!hidden) return false;
    writeMask(out, KeyValue.value);
    this.#count(rule);
    return true;
  }

  #text(out: Writer, r: Reader): boolean {
    const before = r.string();
    let text = before;
    for (const rule of this.#texts) text = rule.apply(text, this.#count);
    if (text === before) return false;
    out.string(r.field, text);
    return true;
  }

  #verdict(key: string): string | null {
    let verdict = this.#verdicts.get(key);
    if (verdict === undefined) {
      verdict = this.#keep?.test(key) ? null : (this.#keys.find((rule) => rule.matches(key))?.name ?? '');
      if (this.#verdicts.size >= maxKeys) this.#verdicts.clear();
      if (key.length <= maxKeyChars) this.#verdicts.set(key, verdict);
    }
    return verdict;
  }

  #count = (rule: string): void => {
    this.counts[rule] = (this.counts[rule] ?? 0) + 1;
  };
}

function keyRules({ name, keys, secrets }: RedactRule): { name: string; matches: (key: string) => boolean }[] {
  const pattern = keys?.length ? keyPattern(keys) : undefined;
  return [
    ...(pattern ? [{ name, matches: (key: string) => pattern.test(key) }] : []),
    ...(secrets === 'keys' ? [{ name, matches: isSecretKey }] : []),
  ];
}

function writeMask(out: Writer, field: number): void {
  const start = out.open(field);
  out.string(AnyValue.string, mask);
  out.close(start);
}

/** The text that the value under `r` is, which stays where it is; undefined where it is none. */
function textOf(r: Reader): string | undefined {
  const back = r.pos;
  const value = r.message();
  let text: string | undefined;
  while (value.next()) {
    if (value.field === AnyValue.string && value.wireType === 2) text = value.string();
    else value.skip();
  }
  r.pos = back;
  return text;
}

function isSecret(value: Reader): boolean {
  let secret = false;
  while (value.next()) {
    if (value.field === AnyValue.string && value.wireType === 2) {
      const text = value.string();
      secret = text !== '' && text !== mask;
    } else {
      secret = value.field !== AnyValue.bool;
      value.skip();
    }
  }
  return secret;
}
