import type { FaultTest, SpanPredicate } from '../../model/predicates.ts';
import { ask } from './ask.ts';
import type { Node } from './ast.ts';
import { atomOf } from './atoms.ts';
import { type Condition, compileCondition, type Leaf, mayFault, type Truth } from './condition.ts';
import { Paths } from './expression.ts';
import { faultTest } from './fault-test.ts';
import { parseCondition } from './parser.ts';
import type { Context } from './paths.ts';
import { fault } from './value.ts';

/** A condition as the predicates of one span: where it holds, and where it is neither true nor false. */
export interface Lowered {
  readonly holds: SpanPredicate;
  /** Undefined where that cannot be. */
  readonly faults: SpanPredicate | undefined;
  /** The same, for whoever wants to know why. */
  readonly faultTest: Omit<FaultTest, 'isSilent'> | undefined;
}

/** More atoms and words than this are asked at once instead. */
const maxParts = 256;

/**
 * Reads a condition and lowers it to what the scan can answer. Of an event's condition it holds where it does of one of
 * the span's events. Throws OttlError.
 */
export function lowerCondition(source: string, context: Context): Lowered {
  const node = parseCondition(source);
  const lowering = new Lowering(source, node, context);
  const faults = lowering.faults();
  return { holds: lowering.holds(), faults, faultTest: faults && faultTest(source, node, context) };
}

class Lowering {
  readonly #source: string;
  readonly #context: Context;
  readonly #condition: Condition;
  readonly #whole: { readonly condition: Condition; readonly paths: Paths };
  #parts = 0;

  constructor(source: string, node: Node, context: Context) {
    this.#source = source;
    this.#context = context;
    this.#condition = compileCondition(node, context);
    const paths = new Paths(context === 'spanevent');
    this.#whole = { condition: compileCondition(node, context, paths), paths };
  }

  holds(): SpanPredicate {
    const atoms = this.#context === 'span' ? this.#of(this.#condition, true) : this.#ofSomeEvent(this.#condition);
    return atoms === undefined || this.#parts > maxParts ? this.#askWhole(true) : atoms;
  }

  faults(): SpanPredicate | undefined {
    return mayFault(this.#condition) ? this.#askWhole(fault) : undefined;
  }

  #askWhole(want: Truth): SpanPredicate {
    const { condition, paths } = this.#whole;
    const identity = this.#identity(want, this.#source);
    return ask(condition, paths.all, this.#context, want, identity, paths.forgets);
  }

  /**
   * Where the condition is `want`. A part that is neither true nor false ends all of it, if it is asked at all: so what
   * stands before it must be known not to have decided.
   */
  #of(condition: Condition, want: boolean): SpanPredicate {
    if (this.#parts++ > maxParts) return never;
    switch (condition.is) {
      case 'constant':
        return condition.holds === want ? always : never;
      case 'not':
        return this.#of(condition.of, !want);
      case 'leaf':
        return this.#leaf(condition, want);
      default:
        return (condition.is === 'or') === want
          ? this.#some(condition.of, want)
          : all(condition.of.map((part) => this.#of(part, want)));
    }
  }

  /** The first part that is `want`, all before it being the other. */
  #some(parts: readonly Condition[], want: boolean): SpanPredicate {
    const [first, ...rest] = parts;
    if (rest.length === 0) return this.#of(first!, want);
    const later = this.#some(rest, want);
    return some([this.#of(first!, want), mayFault(first!) ? all([this.#of(first!, !want), later]) : later]);
  }

  #leaf(leaf: Leaf, want: boolean): SpanPredicate {
    const identity = this.#identity(want, this.#source.slice(leaf.node.at, leaf.node.end));
    if (!want && !mayFault(leaf)) return negated(this.#leaf(leaf, true));
    return atomOf(leaf, want, identity) ?? ask(leaf, leaf.paths, 'span', want, identity);
  }

  /** Undefined where it must be asked of one event after the other. */
  #ofSomeEvent(condition: Condition): SpanPredicate | undefined {
    if (!ofEvents(condition) || condition.is === 'constant' || condition.is === 'not') return undefined;
    if (condition.is === 'leaf') return this.#eventAtom(condition);
    if (condition.is === 'or') {
      // What is said of the span alone wants an event to be there; and a part that cannot be told is of its own event.
      if (!condition.of.every(ofEvents) || condition.of.some(mayFault)) return undefined;
      const parts = condition.of.map((part) => this.#ofSomeEvent(part));
      return parts.includes(undefined) ? undefined : some(parts as SpanPredicate[]);
    }
    const [one, ...others] = condition.of.filter(ofEvents);
    const atom = one === undefined || others.length > 0 ? undefined : this.#ofSomeEvent(one);
    if (atom === undefined) return undefined;
    return all([...condition.of.filter((part) => part !== one).map((part) => this.#of(part, true)), atom]);
  }

  /** An event that has no such attribute sets no bit, and one bit is all events'. */
  #eventAtom(leaf: Leaf): SpanPredicate | undefined {
    const atom = atomOf(leaf, true, this.#identity(true, this.#source.slice(leaf.node.at, leaf.node.end)));
    return atom?.op === 'attribute' || atom?.op === 'text' ? atom : undefined;
  }

  #identity(want: Truth, text: string): string {
    return `${this.#context} ${String(want)}: ${text}`;
  }
}

const always: SpanPredicate = { op: 'and', of: [] };
const never: SpanPredicate = { op: 'or', of: [] };
const isOf = (op: 'and' | 'or') => (part: SpanPredicate) => part.op === op && part.of.length === 0;

function all(parts: readonly SpanPredicate[]): SpanPredicate {
  if (parts.some(isOf('or'))) return never;
  const left = parts.filter((part) => !isOf('and')(part));
  return left.length === 1 ? left[0]! : { op: 'and', of: left };
}

function some(parts: readonly SpanPredicate[]): SpanPredicate {
  if (parts.some(isOf('and'))) return always;
  const left = parts.filter((part) => !isOf('or')(part)).flatMap((part) => (part.op === 'or' ? part.of : [part]));
  return left.length === 1 ? left[0]! : { op: 'or', of: left };
}

function negated(predicate: SpanPredicate): SpanPredicate {
  if (predicate.op === 'not') return predicate.of;
  return isOf('and')(predicate) ? never : isOf('or')(predicate) ? always : { op: 'not', of: predicate };
}

function ofEvents(condition: Condition): boolean {
  if (condition.is === 'constant') return false;
  if (condition.is === 'leaf') return condition.paths.some(({ owner }) => owner === 'event');
  return condition.is === 'not' ? ofEvents(condition.of) : condition.of.some(ofEvents);
}
