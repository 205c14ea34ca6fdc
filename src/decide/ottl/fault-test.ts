import type { FaultTest, SpanPlace } from '../../model/predicates.ts';
import { readResource, readScope } from '../../wire/envelope.ts';
import { foundEnd, nextMessage } from '../../wire/fields.ts';
import { Span } from '../../wire/otlp.ts';
import type { Node } from './ast.ts';
import { type Condition, compileCondition, truthOf } from './condition.ts';
import { compileValue, type Get, Paths, readsPath } from './expression.ts';
import type { Context, Path } from './paths.ts';
import { Duration, fault, Id, isList, Moment, type Value, type ValueOrFault } from './value.ts';

/** Of what has no value at most so much of its text is shown. */
const mostText = 80;
/** Events of a span that are looked at. */
const mostEvents = 32;

/**
 * A condition that may have no value of a span; the texts of `node` are those in `condition`. Compiled once more when it
 * is asked first.
 */
export function faultTest(condition: string, node: Node, context: Context): Omit<FaultTest, 'isSilent'> {
  const paths = new Paths();
  let compiled: Condition | undefined;
  const faulty = (span: SpanPlace): readonly Value[] | undefined => {
    compiled ??= compileCondition(node, context, paths);
    for (const values of valuesOf(paths.all, span, context)) if (truthOf(compiled, values) === fault) return values;
    return undefined;
  };
  return {
    condition,
    isFault: (span) => faulty(span) !== undefined,
    why(span) {
      const values = faulty(span);
      return values === undefined ? '' : reason(node, { condition, context, paths, values });
    },
  };
}

/** What the paths read, of the span or of one of its events after the other. */
function* valuesOf(paths: readonly Path[], span: SpanPlace, context: Context): Generator<Value[]> {
  const { buf, start, end, resourceSpansAt, scopeSpansAt } = span;
  const { resource } = readResource(buf, resourceSpansAt);
  const { scope } = readScope(buf, scopeSpansAt);
  const ofSpan = paths.map(({ owner, read }) => {
    if (owner === 'resource') return read(resource, 0, resource.length);
    if (owner === 'scope') return read(scope, 0, scope.length);
    return owner === 'span' ? read(buf, start, end) : null;
  });
  if (context === 'span') yield ofSpan;
  else {
    let at = nextMessage(buf, start, end, Span.events);
    for (let n = 0; at >= 0 && n < mostEvents; n++) {
      const [from, to] = [at, foundEnd];
      yield ofSpan.map((value, slot) => (paths[slot]!.owner === 'event' ? paths[slot]!.read(buf, from, to) : value));
      at = nextMessage(buf, to, end, Span.events);
    }
  }
}

interface Asked {
  readonly condition: string;
  readonly context: Context;
  readonly paths: Paths;
  readonly values: readonly Value[];
}

/** The innermost part that has no value, though its own parts have; and what those are. */
function reason(node: Node, asked: Asked): string {
  const parts = partsOf(node);
  for (const part of parts) {
    if (worthOf(part, asked) === fault) return reason(part, asked);
    // What stands behind a part that decides is not asked.
    if ((node.is === 'or' || node.is === 'and') && worthOf(part, asked) === (node.is === 'or')) break;
  }
  const given = parts
    .filter((part) => readsPath(part))
    .map((part) => `${textOf(part, asked)} is ${nameOf(worthOf(part, asked))}`);
  return `${textOf(node, asked)} has no value${given.length > 0 ? `: ${given.join(', ')}` : ''}`;
}

function partsOf(node: Node): readonly Node[] {
  switch (node.is) {
    case 'and':
    case 'or':
      return node.of;
    case 'not':
    case 'negated':
      return [node.of];
    case 'comparison':
    case 'math':
      return [node.left, node.right];
    case 'call':
      return node.args.map(({ value }) => value);
    case 'list':
      return node.items;
    default:
      return [];
  }
}

function worthOf(node: Node, { context, paths, values }: Asked): ValueOrFault {
  // A path that was read before has the slot that it had.
  if (['and', 'or', 'not', 'comparison'].includes(node.is))
    return truthOf(compileCondition(node, context, paths), values);
  const get: Get = compileValue(node, context, paths);
  return get(values);
}

function textOf({ at, end }: Node, { condition }: Asked): string {
  const text = condition.slice(at, end).trim();
  return text.length > mostText ? `${text.slice(0, mostText - 1)}…` : text;
}

function nameOf(value: ValueOrFault): string {
  if (value === null) return 'nil';
  if (value === fault) return 'without a value';
  if (isList(value)) return 'a list';
  if (value instanceof Uint8Array) return 'bytes';
  if (value instanceof Moment) return 'a time';
  if (value instanceof Duration) return 'a duration';
  if (value instanceof Id) return 'an id';
  if (typeof value === 'object') return 'a map';
  return { string: 'a text', bigint: 'an integer', number: 'a double', boolean: 'a boolean' }[typeof value as 'string'];
}
