import type { Paint } from '../colors.ts';

/** A line of two texts: in both, only in the first, only in the second. */
interface DiffLine {
  readonly mark: ' ' | '-' | '+';
  readonly text: string;
}

/** Beyond it, what lies between the first and the last difference is told as exchanged: nobody reads it line by line. */
const mostCells = 4_000_000;

/** The shortest way from one text to another, line by line: longest common subsequence, its table in one typed array. */
export function diffLines(before: string, after: string): DiffLine[] {
  const [a, b] = [linesOf(before), linesOf(after)];
  let start = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) start++;
  let end = 0;
  while (end < a.length - start && end < b.length - start && a.at(-1 - end) === b.at(-1 - end)) end++;
  const middle = between(a.slice(start, a.length - end), b.slice(start, b.length - end));
  return [...marked(' ', a.slice(0, start)), ...middle, ...marked(' ', a.slice(a.length - end))];
}

/** The differences with three lines round them, as diff -u has them; '' where there are none. */
export function diffText(lines: readonly DiffLine[], paint: Paint): string {
  const near = (at: number) => lines.slice(Math.max(0, at - 3), at + 4).some(({ mark }) => mark !== ' ');
  const shown = lines.map((line, at) => (near(at) ? line : undefined));
  const text = shown.map((line, at) => {
    if (line) return `${painted(`${line.mark} ${line.text}`, line.mark, paint)}\n`;
    return at === 0 || shown[at - 1] ? `${paint.dim('  …')}\n` : '';
  });
  return lines.some(({ mark }) => mark !== ' ') ? text.join('') : '';
}

const painted = (text: string, mark: DiffLine['mark'], paint: Paint): string =>
  mark === '-' ? paint.red(text) : mark === '+' ? paint.green(text) : paint.dim(text);

const linesOf = (text: string): string[] => (text === '' ? [] : text.replace(/\n$/, '').split('\n'));

const marked = (mark: DiffLine['mark'], lines: readonly string[]): DiffLine[] => lines.map((text) => ({ mark, text }));

function between(a: readonly string[], b: readonly string[]): DiffLine[] {
  const width = b.length + 1;
  if ((a.length + 1) * width > mostCells) return [...marked('-', a), ...marked('+', b)];
  const common = new Int32Array((a.length + 1) * width);
  for (let i = a.length - 1; i >= 0; i--)
    for (let j = b.length - 1; j >= 0; j--) {
      const [down, right] = [common[(i + 1) * width + j]!, common[i * width + j + 1]!];
      common[i * width + j] = a[i] === b[j] ? common[(i + 1) * width + j + 1]! + 1 : Math.max(down, right);
    }
  const lines: DiffLine[] = [];
  let [i, j] = [0, 0];
  while (i < a.length && j < b.length) {
    if (a[i] === b[j]) {
      lines.push({ mark: ' ', text: a[i++]! });
      j++;
    } else if (common[(i + 1) * width + j]! >= common[i * width + j + 1]!) lines.push({ mark: '-', text: a[i++]! });
    else lines.push({ mark: '+', text: b[j++]! });
  }
  return [...lines, ...marked('-', a.slice(i)), ...marked('+', b.slice(j))];
}
