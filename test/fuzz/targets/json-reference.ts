import type protobuf from 'protobufjs';
import { ExportRequestType } from '../../support/otlp.ts';

/** Where ways to read part, or the document is refused: there is no opinion to compare with. */
export class Disagreement extends Error {}

const idNames = new Set(['traceId', 'spanId', 'parentSpanId']);
const maxDepth = 40;

/**
 * OTLP/JSON, parsed, as the object that protobufjs makes of the message that is meant: a slow and simple reading of
 * docs/otlp.md that shares nothing with the product's. Throws Disagreement.
 */
export function readReference(json: unknown): object {
  return readMessage(ExportRequestType, json, 0);
}

function readMessage(type: protobuf.Type, json: unknown, depth: number): Record<string, unknown> {
  if (typeof json !== 'object' || json === null || Array.isArray(json) || depth > maxDepth) throw new Disagreement();
  const message: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(json)) {
    const field = fieldOf(type, key);
    if (field === undefined || value === null) continue;
    if (Object.hasOwn(message, field.name) || hasTwin(message, field)) throw new Disagreement();
    const read = field.repeated ? readList(field, value, depth) : readValue(field, value, depth);
    if (read !== undefined) message[field.name] = read;
  }
  return message;
}

/** By either spelling; spans of 2021 are no field of today's schema. */
function fieldOf(type: protobuf.Type, key: string): protobuf.Field | undefined {
  const name =
    key.includes('_') && !/[A-Z]/.test(key) ? key.replace(/_([a-z])/g, (_, c: string) => c.toUpperCase()) : key;
  if (type.name === 'ResourceSpans' && name === 'instrumentationLibrarySpans') throw new Disagreement();
  if (key !== name && key !== snakeCase(name)) return undefined;
  const field = Object.hasOwn(type.fields, name) ? type.fields[name].resolve() : undefined;
  // Of profiles.
  return field?.name.endsWith('Strindex') ? undefined : field;
}

const snakeCase = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** Another member of the same oneof: on the wire the last one counts, protobufjs keeps both. */
const hasTwin = (message: object, { partOf }: protobuf.Field): boolean =>
  partOf?.fieldsArray.some(({ name }) => Object.hasOwn(message, name)) ?? false;

function readList(field: protobuf.Field, json: unknown, depth: number): unknown[] | undefined {
  if (!Array.isArray(json)) throw new Disagreement();
  const isEnvelope = ['ResourceSpans', 'ScopeSpans'].includes(field.resolvedType?.name ?? '');
  const list = json.map((item) => {
    if (item === null) return field.resolvedType === null ? '' : {};
    return readValue(field, item, depth) ?? '';
  });
  const kept = isEnvelope ? list.filter((item) => Object.keys(item as object).length > 0) : list;
  return kept.length > 0 ? kept : undefined;
}

/** Undefined for a default, which is not written but in a oneof. */
function readValue(field: protobuf.Field, json: unknown, depth: number): unknown {
  const { resolvedType, type, name, partOf } = field;
  if (resolvedType !== null && 'fields' in resolvedType) return readMessage(resolvedType, json, depth + 1);
  if (type === 'bytes' && idNames.has(name)) return idOf(json);
  const value = resolvedType !== null ? enumOf(resolvedType as protobuf.Enum, json) : scalarOf(type, json);
  const isDefault =
    value === (/64$/.test(type) ? '0' : type === 'string' || type === 'bytes' ? '' : type === 'bool' ? false : 0);
  return isDefault && partOf === null ? undefined : value;
}

function enumOf({ values }: protobuf.Enum, json: unknown): number {
  if (typeof json === 'string' && Object.hasOwn(values, json)) return values[json];
  if (typeof json !== 'number') throw new Disagreement();
  return Number(integerOf(json, -(2n ** 31n), 2n ** 31n - 1n));
}

function scalarOf(type: string, json: unknown): unknown {
  switch (type) {
    case 'string':
      if (typeof json !== 'string') throw new Disagreement();
      return json.toWellFormed();
    case 'bool':
      if (typeof json !== 'boolean') throw new Disagreement();
      return json;
    case 'bytes':
      if (typeof json !== 'string' || !/^([\w+/-]{4})*([\w+/-]{2}(==)?|[\w+/-]{3}=?)?$/.test(json))
        throw new Disagreement();
      return Buffer.from(json, 'base64').toString('base64');
    case 'double':
      if (json === 'NaN' || json === 'Infinity' || json === '-Infinity') return Number(json);
      if (typeof json !== 'number') throw new Disagreement();
      return json + 0;
    case 'int64':
      return integerOf(json, -(2n ** 63n), 2n ** 63n - 1n).toString();
    case 'fixed64':
      return integerOf(json, 0n, 2n ** 64n - 1n).toString();
    default:
      return Number(integerOf(json, 0n, 2n ** 32n - 1n));
  }
}

/** In plain digits, as number or string. */
function integerOf(json: unknown, min: bigint, max: bigint): bigint {
  const text = typeof json === 'string' ? json : JSON.stringify(json);
  if (!/^-?(0|[1-9]\d{0,25})$/.test(text) || (typeof json !== 'number' && typeof json !== 'string'))
    throw new Disagreement();
  const integer = BigInt(text);
  if (integer < min || integer > max) throw new Disagreement();
  return integer;
}

/** In hex; what is none becomes a byte that makes no valid id. */
function idOf(json: unknown): string | undefined {
  if (typeof json !== 'string' || json.length > 32) throw new Disagreement();
  if (json === '') return undefined;
  const isHex = /^([0-9a-fA-F]{2})*$/.test(json);
  return Buffer.from(isHex ? json : 'ff', 'hex').toString('base64');
}
