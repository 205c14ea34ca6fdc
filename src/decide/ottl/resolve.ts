import type { PathNode } from './ast.ts';
import { type Context, type Owner, type Path, pathNames, pathOf } from './paths.ts';
import { OttlError } from './problem.ts';
import { fault, isList, type Value, type ValueOrFault } from './value.ts';

const prefixes: Readonly<Record<string, Owner>> = {
  span: 'span',
  spanevent: 'event',
  resource: 'resource',
  scope: 'scope',
  instrumentation_scope: 'scope',
};

/** A path, and the keys that go on into the value that it has. */
interface Resolved {
  readonly path: Path;
  readonly keys: readonly (string | bigint)[];
}

/** Which path of the context a written one is: with its prefix, or older, without. Throws OttlError. */
export function resolve({ fields, at }: PathNode, context: Context): Resolved {
  const first = fields[0]!;
  const hasPrefix = fields.length > 1 && first.keys.length === 0 && Object.hasOwn(prefixes, first.name);
  const owner = hasPrefix ? prefixes[first.name]! : context === 'span' ? 'span' : 'event';
  if (owner === 'event' && context === 'span')
    throw new OttlError(at, 'no event is asked here: conditions of events stand under spanevent');
  const own = hasPrefix ? fields.slice(1) : fields;
  const name = own.map((field) => field.name).join('.');
  const last = own.at(-1)!;
  const early = own.slice(0, -1).find((field) => field.keys.length > 0);
  if (early !== undefined) throw new OttlError(early.keys[0]!.at, `${early.name} has no keys here`);
  if (pathOf(owner, name, undefined) === undefined)
    throw new OttlError(
      own[0]!.at,
      `${name} is not supported of ${ownerText[owner]}: ${pathNames(owner).join(', ')} are`,
    );
  const [key, ...more] = last.keys;
  const isKeyed = name === 'attributes' || (name === 'trace_state' && owner === 'span' && more.length === 0);
  if (key !== undefined && !isKeyed)
    throw new OttlError(key.at, `${name} has no ${more.length > 0 ? 'more ' : ''}keys`);
  if (typeof key?.key === 'bigint') throw new OttlError(key.at, `${name} has texts for keys, not numbers`);
  const path = pathOf(owner, name, key?.key as string | undefined)!;
  return { path, keys: more.map(({ key }) => key) };
}

const ownerText: Readonly<Record<Owner, string>> = {
  span: 'a span',
  event: 'an event',
  scope: 'a scope',
  resource: 'a resource',
};

/** What stands under the keys of a map or a list: nil where a map has no such key, a fault where nothing can. */
export function index(value: ValueOrFault, keys: readonly (string | bigint)[]): ValueOrFault {
  let held = value;
  for (const key of keys) {
    if (held === null || held === fault) return held;
    if (held instanceof Map) held = typeof key === 'string' ? ((held.get(key) as Value | undefined) ?? null) : fault;
    else if (isList(held)) held = typeof key === 'bigint' && key < held.length ? held[Number(key)]! : fault;
    else return fault;
  }
  return held;
}
