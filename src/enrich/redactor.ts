import { KeyValue, ListValue } from '../wire/otlp.ts';
import { Reader } from '../wire/reader.ts';
import type { Writer } from '../wire/writer.ts';
import { anchorsOf } from './anchors.ts';
import { keyOf } from './attributes.ts';
import { keyRules, type RuleOf } from './key-rules.ts';
import { isValueKey, secretItems, valueRule } from './list-items.ts';
import { isSecret, textOf, writeMask } from './masking.ts';
import type { RedactRule } from './rule.ts';
import { attribute, list, map, type Shape, type Text } from './shapes.ts';
import { Suspects } from './suspects.ts';
import { type TextRule, textRules } from './text-rules.ts';

/**
 * What is searched of one span or resource at most, in bytes of text: 50 to 100 ms of work. Destinations keep less:
 * Tempo cuts attributes at 2 KiB by default (max_attribute_bytes).
 */
const maxSearchedBytes = 512 * 1024;
/** In place of a text that would be too much. It may hold a secret, so it does not leave unsearched. */
const tooMuch = '**** (too long to be searched)';
const tooMuchRule = 'too_long';

/**
 * Applies redaction rules to OTLP messages that are well-formed and of bounded depth: decode saw to it.
 * What no rule touches comes out byte for byte.
 */
export class Redactor {
  /** Masked values and matches, by rule. */
  readonly counts: Record<string, number> = {};
  /** Bytes of texts that rules were applied to, so far; other work on them counts as so many bytes. */
  searchedBytes = 0;
  #untilBytes = maxSearchedBytes;
  readonly #suspects: Suspects;
  readonly #ruleOf: RuleOf;
  readonly #texts: readonly TextRule[];

  constructor(rules: readonly RedactRule[]) {
    this.#suspects = new Suspects(anchorsOf(rules));
    this.#ruleOf = keyRules(rules);
    this.#texts = textRules(rules);
  }

  /** A span or an envelope begins: what may be searched of it. */
  begin(): void {
    this.#untilBytes = this.searchedBytes + maxSearchedBytes;
  }

  /** Could a rule find anything in these bytes? Cheap; where it says no, copy them. */
  suspects(buf: Uint8Array, start: number, end: number): boolean {
    return this.#suspects.among(buf, start, end);
  }

  /** Writes buf[start, end), a message, as `field`. */
  whole(out: Writer, field: number, buf: Uint8Array, start: number, end: number, shape: Shape): void {
    this.begin();
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
      if (typeof part === 'string' ? this.#text(out, r, part) : this.#nested(out, r, part)) return true;
      out.pos = back;
    }
    out.raw(r.buf, from, end);
    r.pos = end;
    return false;
  }

  /** What is beyond all that may be searched is left out. */
  #nested(out: Writer, r: Reader, shape: Shape): boolean {
    const body = r.message();
    const bytes = body.end - body.pos;
    if (!this.#search(shape === list || shape === map ? bytes : bytes / 16)) {
      this.#count(tooMuchRule);
      return true;
    }
    const start = out.open(r.field);
    const changed = this.#within(out, body, shape);
    if (changed) out.close(start);
    return changed;
  }

  #within(out: Writer, r: Reader, shape: Shape): boolean {
    if (shape === attribute) return this.#attribute(out, r);
    if (shape === list) return this.#list(out, r);
    return shape === map ? this.#map(out, r) : this.message(out, r, shape);
  }

  #list(out: Writer, r: Reader): boolean {
    const start = r.pos;
    const rules = secretItems(r, this.#ruleOf);
    r.pos = start;
    let changed = false;
    for (let from = r.pos, item = 0; r.next(); from = r.pos) {
      const rule = r.field === ListValue.values && r.wireType === 2 ? rules[item++] : '';
      changed = (rule === '' ? this.field(out, r, from, list) : this.#item(out, r, from, rule)) || changed;
    }
    return changed;
  }

  #item(out: Writer, r: Reader, from: number, rule: string): boolean {
    const secret = isSecret(r.message());
    if (!secret) out.raw(r.buf, from, r.pos);
    else {
      writeMask(out, ListValue.values);
      this.#count(rule);
    }
    return secret;
  }

  #map(out: Writer, r: Reader): boolean {
    const start = r.pos;
    const rule = valueRule(r, this.#ruleOf);
    r.pos = start;
    if (rule === '') return this.message(out, r, map);
    let changed = false;
    for (let from = r.pos; r.next(); from = r.pos) {
      const body = r.pos;
      const entry = r.field === ListValue.values && r.wireType === 2 ? r.message() : null;
      const entryStart = entry?.pos ?? 0;
      if (entry === null || !isValueKey(keyOf(entry))) {
        r.pos = body;
        changed = this.field(out, r, from, map) || changed;
        continue;
      }
      entry.pos = entryStart;
      const back = out.pos;
      const open = out.open(ListValue.values);
      if (this.#masked(out, entry, rule)) {
        out.close(open);
        changed = true;
      } else {
        out.pos = back;
        out.raw(r.buf, from, r.pos);
      }
    }
    return changed;
  }

  #attribute(out: Writer, r: Reader): boolean {
    const start = r.pos;
    const rule = this.#ruleOf(keyOf(r));
    r.pos = start;
    if (rule === null) return false;
    return rule === '' ? this.message(out, r, attribute) : this.#masked(out, r, rule);
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

  #text(out: Writer, r: Reader, type: Text): boolean {
    const bytes = r.bytes();
    if (!this.#search(bytes.length)) {
      out.string(r.field, tooMuch);
      this.#count(tooMuchRule);
      return true;
    }
    const before = textOf(bytes, type);
    if (before === null) return false;
    let text = before;
    for (const rule of this.#texts) text = rule.apply(text, this.#count);
    if (text === before) return false;
    out.string(r.field, text);
    return true;
  }

  #search(bytes: number): boolean {
    if (this.searchedBytes + bytes > this.#untilBytes) return false;
    this.searchedBytes += bytes;
    return true;
  }

  #count = (rule: string): void => {
    this.counts[rule] = (this.counts[rule] ?? 0) + 1;
  };
}
