import type { SpanPlace, SpanPredicate } from '../../model/predicates.ts';
import { readResource, readScope } from '../../wire/envelope.ts';
import { foundEnd, nextMessage } from '../../wire/fields.ts';
import { Span } from '../../wire/otlp.ts';
import { type Condition, type Truth, truthOf } from './condition.ts';
import { readsEvent } from './expression.ts';
import type { Context, Path } from './paths.ts';
import type { Value } from './value.ts';

/**
 * Asks a whole condition of a span's bytes, path by path: for what no atom says. `paths` is what the condition reads, in
 * the order in which it wants the values; of events, one for which it is so is enough. `ofSpan`: see Paths.
 */
export function ask(
  condition: Condition,
  paths: readonly Path[],
  context: Context,
  want: Truth,
  asked: string,
  ofSpan: readonly (() => void)[] = [],
): SpanPredicate {
  const ofEvents = paths.flatMap((path, slot) => (path.owner === 'event' ? [slot] : []));
  const values: Value[] = paths.map(() => null);
  const known = new KnownOwners(paths);
  const forgets = [...ofSpan];
  const once = context === 'span' ? condition : remembering(condition, forgets);
  const holds = () => truthOf(once, values) === want;
  const eventHolds = (buf: Uint8Array, start: number, end: number) => {
    for (const slot of ofEvents) values[slot] = paths[slot]!.read(buf, start, end);
    return holds();
  };
  return {
    op: 'ask',
    asked,
    test(place) {
      for (const forget of forgets) forget();
      known.read(place, values);
      const result = context === 'span' ? holds() : someEvent(place, eventHolds);
      // Bytes among the values are the buffer's.
      values.fill(null);
      return result;
    },
  };
}

/** What is asked of the span alone is asked once, however many events it has. */
function remembering(condition: Condition, forgets: (() => void)[]): Condition {
  const within = (part: Condition) => remembering(part, forgets);
  if (condition.is === 'constant') return condition;
  if (condition.is === 'not') return { is: 'not', of: within(condition.of) };
  if (condition.is !== 'leaf') return { is: condition.is, of: condition.of.map(within) };
  if (readsEvent(condition.node)) return condition;
  let known: Truth | undefined;
  forgets.push(() => (known = undefined));
  return { ...condition, test: (values) => (known ??= condition.test(values)) };
}

/** Reads what a condition asks of spans; of a resource or scope once, however many spans lie in it. */
class KnownOwners {
  readonly #paths: readonly Path[];
  /** Of the resource and the scope that were read last, by their numbers. */
  readonly #known: Value[];
  #resource = 0;
  #scope = 0;

  constructor(paths: readonly Path[]) {
    this.#paths = paths;
    this.#known = paths.map(() => null);
  }

  read(place: SpanPlace, values: Value[]): void {
    const { buf, start, end, resourceSpansAt, scopeSpansAt, resourceNumber, scopeNumber } = place;
    if (resourceNumber === 0 || resourceNumber !== this.#resource) {
      this.#resource = resourceNumber;
      this.#readAll('resource', () => readResource(buf, resourceSpansAt).resource);
    }
    if (scopeNumber === 0 || scopeNumber !== this.#scope) {
      this.#scope = scopeNumber;
      this.#readAll('scope', () => readScope(buf, scopeSpansAt).scope);
    }
    for (let slot = 0; slot < this.#paths.length; slot++) {
      const { owner, read } = this.#paths[slot]!;
      values[slot] = owner === 'span' ? read(buf, start, end) : (this.#known[slot] ?? null);
    }
  }

  #readAll(wanted: 'resource' | 'scope', messageOf: () => Uint8Array): void {
    let message: Uint8Array | undefined;
    for (let slot = 0; slot < this.#paths.length; slot++) {
      const { owner, read } = this.#paths[slot]!;
      if (owner !== wanted) continue;
      message ??= messageOf();
      this.#known[slot] = read(message, 0, message.length);
    }
  }
}

function someEvent(
  { buf, start, end }: SpanPlace,
  test: (buf: Uint8Array, start: number, end: number) => boolean,
): boolean {
  for (let at = nextMessage(buf, start, end, Span.events); at >= 0; ) {
    const next = foundEnd;
    if (test(buf, at, next)) return true;
    at = nextMessage(buf, next, end, Span.events);
  }
  return false;
}
