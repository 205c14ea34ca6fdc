/** A text that a pattern looks for; anchored where it must stand at the text's start, at its end, or at both. */
export interface Literal {
  readonly text: string;
  readonly atStart: boolean;
  readonly atEnd: boolean;
}

/** More than these are the engine's: it looks for all at once. */
const maxLiterals = 16;

/**
 * The texts that a pattern stands for where it is nothing but texts: `timeout`, `^GET /health`, `^(?:staging|test)$`,
 * `.*error.*`, `a\.b|c`. Undefined for every other one. They mean in bytes what RE2 means in characters, as nothing in
 * them depends on case, classes or line breaks.
 */
export function literalsOf(pattern: string): readonly Literal[] | undefined {
  const group = wholeGroup.exec(pattern);
  if (group === null) return all(pattern.split('|').map(literalOf));
  const [, open, inner, close] = group;
  // An anchor around them means something else where one of them takes in what stands before or behind it.
  if (inner!.includes('.*')) return undefined;
  return all(inner!.split('|').map(literalOf))?.map(({ text, atStart, atEnd }) => ({
    text,
    atStart: atStart || open === '^',
    atEnd: atEnd || close === '$',
  }));
}

/** One group without another in it, with or without anchors around. */
const wholeGroup = /^(\^?)\((?:\?:)?((?:[^()\\]|\\.)*)\)(\$?)$/s;

function all(literals: readonly (Literal | undefined)[]): readonly Literal[] | undefined {
  return literals.length <= maxLiterals && !literals.includes(undefined) ? (literals as readonly Literal[]) : undefined;
}

/**
 * Anchors, `.*` where it says nothing, and between them characters that mean themselves: letters, digits and whatever is
 * no sign of RE2's, and signs behind a backslash. U+FFFD is the engine's, for it stands for broken bytes too.
 */
const literalForm = /^(\^|\.\*)?((?:[^\\.+*?()[\]{}|^$\uFFFD]|\\[!-/:-@[-`{-~])*)(\$|\.\*)?$/su;

function literalOf(alternative: string): Literal | undefined {
  const parts = literalForm.exec(alternative);
  if (parts === null) return undefined;
  const [, before, text, behind] = parts;
  return { text: text!.replace(/\\(.)/gs, '$1'), atStart: before === '^', atEnd: behind === '$' };
}
