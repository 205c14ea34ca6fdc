import { isUtf8 } from 'node:buffer';
import { type Member, type Message, Type } from '../../../decode/json/members.ts';
import { anyValue, exportRequest } from '../../../decode/json/messages.ts';
import { maxDepth } from '../../../wire/cursor.ts';
import { Reader } from '../../../wire/reader.ts';

/** What OTLP JSON has no place for, of what stood in the protobuf that it was made from. */
export interface NotCarried {
  /** Fields that this version of OTLP does not name: of a newer one, or of somebody's own. */
  unknownFields: number;
  /** Texts that are not UTF-8, which JSON must be: U+FFFD stands for what was not. */
  mendedTexts: number;
}

/** The trace cannot be written; no other one is to blame. */
export class TraceFault extends Error {
  override readonly name = 'TraceFault';
}

/** By number on the wire: the fields of a message, each under its name in OTLP JSON. */
type Form = ReadonlyMap<number, Member>;
const forms = new Map<Message, Form>();

/** What is read is what is written: the tables are those by which the gateway reads OTLP JSON. */
function formOf(message: Message): Form {
  const known = forms.get(message);
  if (known !== undefined) return known;
  const form = new Map<number, Member>();
  for (const member of message.members) if (!form.has(member.number)) form.set(member.number, member);
  forms.set(message, form);
  return form;
}

/** A field as it is on the wire: where each of its values starts, behind its tag. */
type Found = Map<Member, number[]>;

/**
 * OTLP messages from protobuf to OTLP JSON (OpenTelemetry specification, OTLP, "JSON Protobuf Encoding"): ids in hex,
 * enums and 32-bit numbers as numbers, 64-bit integers as texts, bytes in base64; -0, NaN and the infinities of doubles
 * stay what they are. A default is left out, as protobuf does, but in an AnyValue, where it is a value.
 */
export class TraceText {
  readonly notCarried: NotCarried = { unknownFields: 0, mendedTexts: 0 };

  /** The request's text in pieces, each of a span or less. Throws TraceFault, and MalformedError for what is no protobuf. */
  *pieces(request: Reader): Generator<string> {
    yield* this.#envelope(request, exportRequest, 0);
  }

  /** Messages above spans, in which lists may be long: their elements come one by one. */
  *#envelope(r: Reader, message: Message, depth: number): Generator<string> {
    const found = this.#find(r, message);
    let before = '{';
    for (const [member, starts] of found) {
      if (!isList(member)) {
        const text = this.#field(r, member, starts, depth);
        if (text !== '') yield `${before}${text}`;
        else continue;
      } else {
        yield `${before}"${member.name}":[`;
        for (const [i, start] of starts.entries()) {
          if (i > 0) yield ',';
          const element = at(r, start).message();
          if (isEnvelope(member)) yield* this.#envelope(element, member.message!, depth + 1);
          else yield this.#message(element, member.message!, depth + 1);
        }
        yield ']';
      }
      before = ',';
    }
    yield before === '{' ? '{}' : '}';
  }

  /** Messages of spans and below. */
  #message(r: Reader, message: Message, depth: number): string {
    if (depth > maxDepth) throw new TraceFault(`it nests values more than ${maxDepth} deep`);
    if (message === anyValue) return this.#anyValue(r, depth);
    let text = '';
    for (const [member, starts] of this.#find(r, message)) {
      const field = this.#field(r, member, starts, depth);
      if (field !== '') text += text === '' ? field : `,${field}`;
    }
    return `{${text}}`;
  }

  /** A value, as most messages are. Of a oneof the last one counts. */
  #anyValue(r: Reader, depth: number): string {
    const form = formOf(anyValue);
    let last: Member | undefined;
    let start = 0;
    while (r.next()) {
      const member = form.get(r.field);
      if (member === undefined || r.wireType !== (member.tag & 7)) this.notCarried.unknownFields++;
      else [last, start] = [member, r.pos];
      r.skip();
    }
    return last === undefined ? '{}' : `{"${last.name}":${this.#value(at(r, start), last, depth)}}`;
  }

  #find(r: Reader, message: Message): Found {
    const form = formOf(message);
    const found: Found = new Map();
    while (r.next()) {
      const member = form.get(r.field);
      if (member === undefined || r.wireType !== (member.tag & 7)) {
        this.notCarried.unknownFields++;
      } else {
        const starts = found.get(member);
        if (starts === undefined) found.set(member, [r.pos]);
        else starts.push(r.pos);
      }
      r.skip();
    }
    return found;
  }

  /** `"name":value`; empty for a default that is left out. */
  #field(r: Reader, member: Member, starts: readonly number[], depth: number): string {
    if (member.repeated) {
      const values = starts.map((start) => this.#value(at(r, start), member, depth));
      return `"${member.name}":[${values.join()}]`;
    }
    if (member.message !== undefined && starts.length > 1) {
      // Protobuf joins a message that comes in parts.
      const parts = Buffer.concat(starts.map((start) => at(r, start).bytes()));
      return `"${member.name}":${this.#message(new Reader(parts), member.message, depth + 1)}`;
    }
    const value = this.#value(at(r, starts.at(-1)!), member, depth);
    return !member.oneof && defaults.has(value) ? '' : `"${member.name}":${value}`;
  }

  #value(r: Reader, member: Member, depth: number): string {
    switch (member.type) {
      case Type.message:
        return this.#message(r.message(), member.message!, depth + 1);
      case Type.string:
        return JSON.stringify(this.#text(r.bytes()));
      case Type.hex:
        return `"${asBuffer(r.bytes()).toString('hex')}"`;
      case Type.base64:
        return `"${asBuffer(r.bytes()).toString('base64')}"`;
      case Type.bool:
        return r.int64() === 0n ? 'false' : 'true';
      case Type.double:
        return doubleText(r.double());
      case Type.int64:
        return `"${r.int64()}"`;
      case Type.fixed64:
        return `"${r.fixed64()}"`;
      case Type.fixed32:
        return String(r.fixed32());
      case Type.uint32:
        return String(BigInt.asUintN(32, r.int64()));
      case Type.enum:
        return String(BigInt.asIntN(32, r.int64()));
    }
  }

  #text(bytes: Uint8Array): string {
    if (!isUtf8(bytes)) this.notCarried.mendedTexts++;
    return asBuffer(bytes).toString('utf8');
  }
}

/** Values of fields that are as good as absent. A message that is there is there, empty or not. */
const defaults: ReadonlySet<string> = new Set(['""', '0', '"0"', 'false']);

const isList = (member: Member): boolean => member.repeated && member.message !== undefined;
/** Has lists of spans in it. */
const isEnvelope = (member: Member): boolean => member.dropEmpty;

function doubleText(value: number): string {
  if (!Number.isFinite(value)) return `"${value}"`;
  return Object.is(value, -0) ? '-0.0' : String(value);
}

const asBuffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);

/** A cursor at a value whose tag is read. */
const at = (r: Reader, start: number): Reader => new Reader(r.buf, start, r.end);
