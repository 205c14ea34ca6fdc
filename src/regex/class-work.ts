/** Characters that are folded in the time in which one instruction is compiled. */
const foldedAnInstruction = 470;
/** What is read of Unicode's tables for one class by name, in instructions. */
const namedClass = 5;
/** Where Unicode's letters with another case begin and end; what has all of them need not be folded. */
const [firstFolded, lastFolded] = [0x41, 0x1e943];

const folds = /\(\?[a-zA-Z]*i/;
const named = /\\[pP]/g;
const range =
  /(\\x\{[0-9a-fA-F]+\}|\\x[0-9a-fA-F]{2}|\\[\s\S]|[^\\])-(\\x\{[0-9a-fA-F]+\}|\\x[0-9a-fA-F]{2}|\\[\s\S]|[^\\])/gu;

/**
 * What a pattern's classes cost beside the instruction that each becomes, in instructions and about: without regard to
 * case every character of a range is looked up, so `[à-￿]` takes milliseconds, and 4 KB of them seconds.
 */
export function classWork(pattern: string): number {
  const ofNames = (pattern.match(named)?.length ?? 0) * namedClass;
  if (!folds.test(pattern)) return ofNames;
  let folded = 0;
  for (const [, from, to] of pattern.matchAll(range)) folded += foldedIn(characterOf(from), characterOf(to));
  return ofNames + folded / foldedAnInstruction;
}

function foldedIn(from: number, to: number): number {
  if (from <= firstFolded && to >= lastFolded) return 0;
  return Math.max(0, Math.min(to, lastFolded) - Math.max(from, firstFolded));
}

function characterOf(text: string): number {
  const hex = /^\\x\{?([0-9a-fA-F]+)/.exec(text);
  return hex === null ? text.replace(/^\\/, '').codePointAt(0)! : Number.parseInt(hex[1], 16);
}
