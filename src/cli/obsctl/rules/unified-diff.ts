import { diffLines } from './line-diff.ts';

const context = 3;

/** What `git apply` and `patch -p1` take: from one text of a file to another; '' where they are the same. */
export function unifiedDiff(name: string, before: string, after: string): string {
  const lines = diffLines(before, after);
  const changed = lines.flatMap(({ mark }, at) => (mark === ' ' ? [] : [at]));
  if (changed.length === 0) return '';
  const hunks: [number, number][] = [];
  for (const at of changed) {
    const last = hunks.at(-1);
    const [from, to] = [Math.max(0, at - context), Math.min(lines.length, at + context + 1)];
    if (last !== undefined && from <= last[1]) last[1] = to;
    else hunks.push([from, to]);
  }
  const counted = (from: number, to: number, without: string): number =>
    lines.slice(from, to).filter(({ mark }) => mark !== without).length;
  const range = (from: number, to: number, without: string): string => {
    const length = counted(from, to, without);
    return `${counted(0, from, without) + (length > 0 ? 1 : 0)},${length}`;
  };
  const text = hunks.map(([from, to]) => {
    const head = `@@ -${range(from, to, '+')} +${range(from, to, '-')} @@\n`;
    return (
      head +
      lines
        .slice(from, to)
        .map((line) => `${line.mark}${line.text}\n`)
        .join('')
    );
  });
  return `--- a/${name}\n+++ b/${name}\n${text.join('')}`;
}
