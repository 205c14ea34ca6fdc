import { argumentsOf, literalText } from './arguments.ts';
import type { CallNode } from './ast.ts';
import { parseDuration } from './numbers.ts';
import { OttlError } from './problem.ts';
import { Duration, Id, type Value } from './value.ts';

const idBytes: Readonly<Record<string, number>> = { TraceID: 16, SpanID: 8 };

/** What Duration, TraceID and SpanID make of a literal; undefined for every other function. Throws OttlError. */
export function constantCall(node: CallNode): Value | undefined {
  if (node.name === 'Duration') return duration(node);
  return Object.hasOwn(idBytes, node.name) ? id(node, idBytes[node.name]!) : undefined;
}

function duration(node: CallNode): Duration {
  const [given] = argumentsOf(node, { duration: 'literal' }, 1);
  const text = literalText(node.name, given!.value);
  const ns = parseDuration(text);
  if (ns === undefined)
    throw new OttlError(given!.value.at, `${JSON.stringify(text)} is no duration such as "500ms" or "1m30s"`);
  return new Duration(ns);
}

function id(node: CallNode, bytes: number): Id {
  const [given] = argumentsOf(node, { target: 'literal' }, 1);
  const { value } = given!;
  const literal = value.is === 'literal' ? value.value : undefined;
  const hex = literal instanceof Uint8Array ? Buffer.from(literal).toString('hex') : literal;
  if (typeof hex !== 'string' || hex.length !== bytes * 2 || !/^[0-9a-fA-F]*$/.test(hex))
    throw new OttlError(value.at, `${node.name} wants ${bytes} bytes: 0x and ${bytes * 2} hex digits`);
  return new Id(hex.toLowerCase());
}
