import { MalformedError } from '../wire/reader.ts';
import { Writer } from '../wire/writer.ts';
import { IntegerText, nameOf, Rounded } from './json/integer.ts';
import { anyValue, exportRequest, type Field, Message } from './json/messages.ts';
import { Problem } from './json/problem.ts';
import { writeScalar } from './json/scalars.ts';
import { whereBroken } from './json/where-broken.ts';

/** Lists and maps inside attribute values; customary in protobuf, and far from any stack's end. */
const maxDepth = 100;
const utf8 = new TextDecoder();

/**
 * An ExportTraceServiceRequest in OTLP/JSON → the same in protobuf, nothing lost: 64-bit integers keep every digit,
 * as string or number. Enum names and snake_case keys are tolerated, unknown keys ignored, null is unset.
 * Throws MalformedError that says where. Source: OTLP specification, "JSON Protobuf Encoding", and ProtoJSON.
 */
export function decodeJson(bytes: Uint8Array): Uint8Array {
  const text = utf8.decode(bytes);
  try {
    return encode(parse(text), bytes.length);
  } catch (error) {
    // Only senders that write nanoseconds as plain numbers come here; others never pay for it.
    if (error instanceof Rounded) return encode(parseExactly(text), bytes.length);
    throw error;
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new MalformedError(`not JSON: ${whereBroken(text)}`);
  }
}

/** Parses what is known to be JSON, keeping integers that a double cannot hold. */
function parseExactly(text: string): unknown {
  try {
    return (JSON.parse as ParseWithSource)(text, keepInteger);
  } catch (error) {
    // Unlike plain parsing, this one descends on the stack.
    if (error instanceof RangeError) throw new MalformedError('not OTLP/JSON: nested too deeply');
    throw error;
  }
}

function keepInteger(_key: string, value: unknown, context: { source?: string }): unknown {
  const isRounded = typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value);
  return isRounded && context.source !== undefined ? new IntegerText(context.source) : value;
}

type ParseWithSource = (text: string, reviver: typeof keepInteger) => unknown;

function encode(request: unknown, jsonBytes: number): Uint8Array {
  const w = new Writer(Math.max(256, jsonBytes >> 1));
  try {
    writeFields(w, exportRequest, request, 0);
  } catch (error) {
    if (error instanceof Problem) throw new MalformedError(`${error.path.slice(1) || 'request'}: ${error.message}`);
    throw error;
  }
  return w.view();
}

function writeFields(w: Writer, message: Message, value: unknown, depth: number): void {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || value instanceof IntegerText) {
    throw new Problem(`expected an object, found ${nameOf(value)}`);
  }
  if (depth > maxDepth) throw new Problem(`nested more than ${maxDepth} deep`);
  for (const key of Object.keys(value)) {
    const field = message.fields.get(key);
    const member = (value as Record<string, unknown>)[key];
    if (field === undefined || member === null) continue;
    try {
      if (field.repeated) writeList(w, field, member, depth);
      else writeOne(w, field, member, depth);
    } catch (error) {
      throw error instanceof Problem ? error.within(`.${key}`) : error;
    }
  }
}

function writeList(w: Writer, field: Field, list: unknown, depth: number): void {
  if (!Array.isArray(list)) throw new Problem(`expected a list, found ${nameOf(list)}`);
  let i = 0;
  try {
    for (; i < list.length; i++) writeOne(w, field, list[i], depth);
  } catch (error) {
    throw error instanceof Problem ? error.within(`[${i}]`) : error;
  }
}

function writeOne(w: Writer, field: Field, value: unknown, depth: number): void {
  const { type } = field;
  if (type instanceof Message) {
    const mark = w.open(field.number);
    writeFields(w, type, value, type === anyValue ? depth + 1 : depth);
    w.close(mark);
  } else writeScalar[type](w, field, value);
}
