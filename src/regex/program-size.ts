/** A group that is open: what stands in it so far, and its last piece, which a repetition may follow. */
interface Open {
  sum: number;
  last: number;
}

/** What stands for one piece: an escape, a class, a group's beginning, a repetition. */
const quoted = /\\Q([\s\S]*?)(?:\\E|$)/y;
const escaped = /\\(?:[pP]\{[^}]*\}|x\{[^}]*\}|[\s\S]|$)/y;
const klass = /\[\^?\]?(?:\[:[^\]]*:\]|\\[\s\S]|[^\]\\])*\]?/y;
const flags = /\(\?[a-zA-Z-]*\)/y;
const group = /\((?:\?(?:P?<[^>=!]*>|<?[=!]|[a-zA-Z-]*:))?/y;
const repetition = /\{(\d+)(,?)(\d*)\}\??|[*+?]\??/y;

/**
 * About how many instructions a pattern compiles to, without compiling it: a pattern of 4 KB may say a million by
 * counted repetitions, and building them takes seconds. Where branches begin alike it is fewer than that; what is no
 * pattern is for the compiler to say.
 */
export function programSize(pattern: string): number {
  const open: Open[] = [{ sum: 0, last: 0 }];
  const piece = (instructions: number): void => {
    const here = open.at(-1) as Open;
    here.sum += here.last;
    here.last = instructions;
  };
  let at = 0;
  const takes = (what: RegExp): RegExpExecArray | null => {
    what.lastIndex = at;
    const found = what.exec(pattern);
    if (found !== null) at = what.lastIndex;
    return found;
  };
  while (at < pattern.length) {
    const text = takes(quoted);
    if (text !== null) for (const _ of text[1]) piece(1);
    else if (takes(escaped) || takes(klass)) piece(1);
    else if (takes(flags)) piece(0);
    else if (takes(group)) open.push({ sum: 0, last: 0 });
    else if (pattern[at] === ')' && open.length > 1) {
      at++;
      const { sum, last } = open.pop() as Open;
      piece(sum + last + 2);
    } else {
      const repeated = takes(repetition);
      const here = open.at(-1) as Open;
      if (repeated !== null) here.last = times(here.last, repeated);
      else {
        at++;
        piece(1);
      }
    }
  }
  return open.reduce((all, { sum, last }) => all + sum + last, 0);
}

/** `x{2,5}` is five of it, and a way past each of the last three. */
function times(size: number, [, least, , most]: RegExpExecArray): number {
  if (least === undefined) return size + 1;
  const [from, to] = [Number(least), Number(most || least)];
  return size * Math.max(1, from, to) + Math.max(1, to - from);
}
