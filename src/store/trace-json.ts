import { Request, WireType } from '../wire/otlp.ts';
import { Reader } from '../wire/reader.ts';
import { alwaysThere, anyValue, type MessageForm, resourceSpans } from './json-forms.ts';

/** No sender nests values deeper; a hostile one must not exhaust the stack, so what is deeper is left out. */
const maxDepth = 64;
/** Written at a stretch: about a millisecond. */
const bytesAStep = 8 * 1024;
/** Texts joined at a stretch. */
const textsAStep = 1024;

/**
 * The resource spans of a tempopb.Trace as items of a JSON list as Tempo answers it, that of gogo's jsonpb: ids in base64,
 * 64-bit integers as strings, enums by name, zero values left out; in steps.
 */
export function* resourceSpansJson(body: Uint8Array): Generator<undefined, string> {
  const items = new ListText();
  const r = new Reader(body);
  for (let from = 0; r.next(); ) {
    if (r.field === Request.resourceSpans && r.wireType === WireType.length)
      items.add(yield* textOf(r.message(), resourceSpans, 1));
    else r.skip();
    if (r.pos - from < bytesAStep) continue;
    yield;
    from = r.pos;
  }
  return items.whole;
}

/** One AnyValue as the same JSON. */
export const anyValueJson = (value: Reader): Record<string, unknown> => objectOf(value, anyValue, 0);

/** The text of a message: of a small one at once, of a large one field by field. */
function* textOf(r: Reader, form: MessageForm, depth: number): Generator<undefined, string | undefined> {
  if (depth > maxDepth) return undefined;
  if (r.end - r.pos <= bytesAStep) return JSON.stringify(objectOf(r, form, depth));
  const texts = new Map<string, string | undefined | ListText>();
  for (let from = r.pos; r.next(); ) {
    const field = form[r.field];
    if (field === undefined || field.wireType !== r.wireType) r.skip();
    else if (!('form' in field)) texts.set(field.name, JSON.stringify(field.read(r)));
    else {
      const text = yield* textOf(r.message(), field.form(), depth + 1);
      const list = texts.get(field.name);
      if (list instanceof ListText) list.add(text);
      else texts.set(field.name, field.repeated ? new ListText(text) : text);
    }
    if (r.pos - from < bytesAStep) continue;
    yield;
    from = r.pos;
  }
  // To put its texts together is a step of its own, as it is for what this one is in.
  yield;
  const name = alwaysThere.get(form);
  if (name !== undefined && texts.get(name) === undefined) texts.set(name, '{}');
  return objectText(texts);
}

/** Not joined: what is in it may be megabytes, and would be copied once for each message around it. */
function objectText(texts: ReadonlyMap<string, string | undefined | ListText>): string {
  let fields = '';
  for (const [name, text] of texts)
    if (text !== undefined)
      fields += `${fields === '' ? '' : ','}"${name}":${text instanceof ListText ? `[${text.whole}]` : text}`;
  return `{${fields}}`;
}

/** Texts of a list, joined as they come: all of very many at once would take long. */
class ListText {
  readonly #joined: string[] = [];
  #last: string[] = [];

  constructor(...texts: (string | undefined)[]) {
    for (const text of texts) this.add(text);
  }

  add(text = 'null'): void {
    if (this.#last.push(text) < textsAStep) return;
    this.#joined.push(this.#last.join());
    this.#last = [];
  }

  get whole(): string {
    return [...this.#joined, ...this.#last].join();
  }
}

function objectOf(r: Reader, form: MessageForm, depth: number): Record<string, unknown> {
  const message: Record<string, unknown> = {};
  while (r.next()) {
    const field = form[r.field];
    if (field === undefined || field.wireType !== r.wireType) r.skip();
    else if (!('form' in field)) message[field.name] = field.read(r);
    else {
      const inside = r.message();
      const value = depth < maxDepth ? objectOf(inside, field.form(), depth + 1) : undefined;
      if (field.repeated) ((message[field.name] ??= []) as unknown[]).push(value);
      else message[field.name] = value;
    }
  }
  const name = alwaysThere.get(form);
  if (name !== undefined) message[name] ??= {};
  return message;
}
