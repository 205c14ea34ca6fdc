import { bar, ruler } from './bars.ts';
import { cellWidth, cut, padEnd, padStart, printable } from './cells.ts';
import type { Paint } from './colors.ts';
import { formatNs } from './duration.ts';
import type { TreeLine } from './span-tree.ts';
import type { SpanView } from './span-view.ts';

export type Line = TreeLine<SpanView>;

/** The one time axis of all bars, in Unix nanoseconds. */
export interface Axis {
  readonly startNs: bigint;
  readonly totalNs: number;
}

export interface Columns {
  readonly width: number;
  readonly label: number;
  readonly kind: number;
  readonly bar: number;
  readonly duration: number;
}

/** How a line is divided: bars when there is room for them, then kinds; the rest is for names. */
export function columnsFor(width: number): Columns {
  const kind = width >= 90 ? 9 : 0;
  const bar = width < 56 ? 0 : Math.min(60, Math.max(12, Math.round(width * 0.36)));
  const duration = 8;
  const gaps = 1 + (bar > 0 ? 1 : 0);
  return { width, kind, bar, duration, label: Math.max(12, width - kind - bar - duration - gaps) };
}

/** The axis over the bars; '' where there are none. */
export function axisLine(axis: Axis, columns: Columns, paint: Paint): string {
  if (columns.bar === 0) return '';
  return `${' '.repeat(columns.label + 1 + columns.kind)}${paint.dim(ruler(axis.totalNs, columns.bar))}`.trimEnd();
}

const kinds = ['', 'internal', 'server', 'client', 'producer', 'consumer'];

/** A span's line: branch, service and name; kind; bar; duration. */
export function spanLine(line: Line, axis: Axis, columns: Columns, paint: Paint): string {
  const { span } = line.node;
  const timed = span.startNs > 0n && span.endNs > 0n;
  const duration = padStart(timed ? formatNs(Number(span.endNs - span.startNs)) : '-', columns.duration);
  const kind = padEnd(columns.kind === 0 ? '' : (kinds[span.kind] ?? ''), columns.kind);
  const cells = columns.bar === 0 ? '' : `${barOf(span, timed, axis, columns.bar, paint)} `;
  const text = `${label(line, columns.label, paint)} ${paint.dim(kind)}${cells}`;
  return text + (span.error ? paint.red(duration) : duration);
}

function barOf(span: SpanView, timed: boolean, axis: Axis, width: number, paint: Paint): string {
  if (!timed) return ' '.repeat(width);
  const cells = bar(Number(span.startNs - axis.startNs), Number(span.endNs - axis.startNs), axis.totalNs, width);
  return span.error ? paint.red(cells) : paint.service(cells, span.service);
}

function label(line: Line, width: number, paint: Paint): string {
  const { span } = line.node;
  const branch = branchOf(line, width) + (span.error ? '✗ ' : '');
  const service = cut(printable(span.service), width - cellWidth(branch));
  const name = cut(printable(span.name), Math.max(0, width - cellWidth(branch) - cellWidth(service) - 1));
  const gap = ' '.repeat(Math.max(0, width - cellWidth(branch) - cellWidth(service) - 1 - cellWidth(name)));
  const text = `${paint.service(service, span.service)} ${span.error ? paint.red(name) : name}${gap}`;
  return (span.error ? paint.red(branch) : paint.dim(branch)) + text;
}

/** `│ ├ └` for each level; of a very deep span only the lowest levels, behind `⋯`. */
function branchOf(line: Line, width: number): string {
  return line.depth === 1 ? '' : stemOf(line.up!, width) + (line.last ? '└ ' : '├ ');
}

/** What runs down the left side below a line, as far as it is deep. */
function stemOf(line: Line, width: number): string {
  const levels = Math.max(2, Math.floor(width / 5));
  let stem = '';
  let at: Line | undefined = line;
  for (let i = 0; at && at.depth > 1 && i < levels; i++, at = at.up) stem = (at.last ? '  ' : '│ ') + stem;
  return at && at.depth > 1 ? `⋯ ${stem}` : stem;
}

/** A line below a span's own that says more of it. */
export function detailLine(line: Line, text: string, columns: Columns, paint: (text: string) => string): string {
  const stem = `${stemOf(line, columns.label)}${line.open ? '│' : ' '}   `;
  return stem + paint(cut(printable(text), Math.max(8, columns.width - cellWidth(stem))));
}
