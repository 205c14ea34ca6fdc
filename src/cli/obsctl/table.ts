import { cellWidth, cut, padEnd, padStart, printable } from './cells.ts';

export interface Column<T> {
  readonly title: string;
  readonly text: (row: T) => string;
  readonly align?: 'right';
  /** Gives way where the terminal is too narrow. */
  readonly shrinks?: boolean;
  readonly paint?: (text: string, row: T) => string;
}

const gap = 2;

/**
 * Rows under titles, columns as wide as their longest text; no wider than `width` cells as far as shrinking columns
 * allow.
 */
export function table<T>(columns: readonly Column<T>[], rows: readonly T[], width = Number.POSITIVE_INFINITY): string {
  const texts = rows.map((row) => columns.map((column) => printable(column.text(row))));
  const widths = fit(columns, texts, width);
  const line = (cells: readonly string[], row?: T): string =>
    columns
      .map((column, i) => cell(column, cells[i], widths[i], row))
      .join(' '.repeat(gap))
      .trimEnd();
  const titles = line(columns.map((column) => column.title));
  return `${[titles, ...rows.map((row, i) => line(texts[i], row))].join('\n')}\n`;
}

function fit<T>(columns: readonly Column<T>[], texts: readonly string[][], width: number): number[] {
  const widths = columns.map((column, i) =>
    texts.reduce((max, row) => Math.max(max, cellWidth(row[i])), column.title.length),
  );
  let excess = widths.reduce((sum, each) => sum + each + gap, -gap) - width;
  for (let i = columns.length - 1; i >= 0 && excess > 0; i--) {
    if (!columns[i].shrinks) continue;
    const given = Math.min(excess, Math.max(0, widths[i] - 8));
    widths[i] -= given;
    excess -= given;
  }
  return widths;
}

function cell<T>(column: Column<T>, text: string, width: number, row?: T): string {
  const short = cut(text, width);
  const padded = column.align === 'right' ? padStart(short, width) : padEnd(short, width);
  return row === undefined || column.paint === undefined ? padded : column.paint(padded, row);
}
