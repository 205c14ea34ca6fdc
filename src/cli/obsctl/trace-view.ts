import { cut, printable } from './cells.ts';
import { type Paint, paint as paintFor } from './colors.ts';
import { formatNs } from './duration.ts';
import { localTime } from './local-time.ts';
import { type Sampling, samplingOf, weightText } from './sampling.ts';
import { buildTree, linesOf, type TreeNode } from './span-tree.ts';
import type { EventView, SpanView } from './span-view.ts';
import { type Axis, axisLine, type Columns, columnsFor, detailLine, type Line, spanLine } from './tree-view.ts';
import { type Became, verdictText } from './verdict.ts';

export interface ViewOptions {
  /** Terminal cells. */
  readonly width: number;
  readonly color: boolean;
  readonly timeZone?: string | undefined;
  readonly attrs?: boolean | undefined;
  readonly events?: boolean | undefined;
  readonly errorsOnly?: boolean | undefined;
  /** Levels shown; all where absent. */
  readonly depth?: number | undefined;
  /** Of a trace that only the window has; its spans do not say. */
  readonly became?: Became | undefined;
}

/** A trace as text: a head, the time axis, and a line a span; ends with a line feed. At least one span is needed. */
export function renderTrace(spans: readonly SpanView[], options: ViewOptions): string {
  const paint = paintFor(options.color);
  const columns = columnsFor(options.width);
  const axis = axisOf(spans);
  const roots = buildTree(spans);
  const all = linesOf(roots);
  const shown = shownLines(all, roots, options);
  const head = headOf(spans, all, axis, options, paint);
  const ruler = axisLine(axis, columns, paint);
  const body = shown.flatMap((line) => rendered(line, axis, columns, options, paint));
  const hidden = all.length - shown.length;
  const note = hidden === 0 ? [] : [paint.dim(`${count(hidden, 'span')} not shown`)];
  return `${[...head, '', ...(ruler ? [ruler] : []), ...body, ...note].join('\n')}\n`;
}

/** From the first start to the last end; spans without a time do not count. */
function axisOf(spans: readonly SpanView[]): Axis {
  let startNs = 0n;
  let endNs = 0n;
  for (const span of spans) {
    if (span.startNs > 0n && (startNs === 0n || span.startNs < startNs)) startNs = span.startNs;
    for (const ns of [span.startNs, span.endNs]) if (ns > endNs) endNs = ns;
  }
  return { startNs, totalNs: startNs === 0n ? 0 : Number(endNs - startNs) };
}

function headOf(
  spans: readonly SpanView[],
  lines: readonly Line[],
  axis: Axis,
  options: ViewOptions,
  paint: Paint,
): string[] {
  const services = new Set(spans.map((span) => span.service)).size;
  const errors = spans.filter((span) => span.error).length;
  const start = axis.startNs === 0n ? 'unknown' : localTime(Number(axis.startNs / 1_000_000n), options.timeZone, true);
  const errorText = errors === 0 ? 'no errors' : paint.red(count(errors, 'error'));
  return [
    `trace     ${paint.bold(spans[0].traceId)}`,
    `root      ${cut(rootText(lines), Math.max(20, options.width - 10))}`,
    `start     ${start}   duration ${formatNs(axis.totalNs)}`,
    `spans     ${spans.length} in ${count(services, 'service')}, ${errorText}`,
    `sampling  ${samplingText(samplingOf(spans), options.became)}`,
  ];
}

function rootText(lines: readonly Line[]): string {
  const { span, lost, cut } = lines[0].node;
  const name = printable(`${span.service} ${span.name}`);
  return lost || cut ? `missing; the first span is ${name}` : name;
}

function samplingText({ policy, revision, weight, incomplete }: Sampling, became: Became | undefined): string {
  const parts = [
    ...(policy ? [`kept by ${printable(policy)}`] : []),
    ...(weight === undefined ? [] : [`weight ${weightText(weight)}`]),
    ...(revision ? [`revision ${printable(revision)}`] : []),
    ...(incomplete ? ['decided without a root'] : []),
  ];
  if (parts.length > 0) return parts.join(', ');
  return became === undefined ? 'unknown: no span carries tailgate.policy or ot=th' : verdictText(became);
}

const count = (n: number, what: string): string => `${n} ${what}${n === 1 ? '' : 's'}`;

/** What the options leave to be seen of the tree. */
function shownLines(all: readonly Line[], roots: readonly TreeNode<SpanView>[], options: ViewOptions): Line[] {
  const { depth = Number.POSITIVE_INFINITY, errorsOnly } = options;
  const wanted = errorsOnly ? errorPaths(all) : undefined;
  return linesOf(roots, (node, level) => level <= depth && (wanted?.has(node) ?? true));
}

/** The spans with errors, and all above them. */
function errorPaths(lines: readonly Line[]): Set<TreeNode<SpanView>> {
  const wanted = new Set<TreeNode<SpanView>>();
  for (const line of lines) {
    if (!line.node.span.error) continue;
    for (let at: Line | undefined = line; at && !wanted.has(at.node); at = at.up) wanted.add(at.node);
  }
  return wanted;
}

function rendered(line: Line, axis: Axis, columns: Columns, options: ViewOptions, paint: Paint): string[] {
  const { span, lost, cut } = line.node;
  const dim = (text: string): string => detailLine(line, text, columns, paint.dim);
  return [
    spanLine(line, axis, columns, paint),
    ...errorTexts(span).map((text) => detailLine(line, text, columns, paint.red)),
    ...(lost ? [dim(`its parent ${span.parentSpanId} is missing`)] : []),
    ...(cut ? [dim(`its parent ${span.parentSpanId} is also below it`)] : []),
    ...(options.attrs ? [...span.attributes].map(([key, value]) => dim(`${key} = ${value}`)) : []),
    ...(options.events ? span.events.map((event) => dim(eventText(event, span))) : []),
  ];
}

/** What went wrong: the exceptions, else the status message of a span with an error. */
function errorTexts(span: SpanView): string[] {
  const texts = span.events.filter((event) => event.name === 'exception').map(exceptionText);
  if (texts.length === 0 && span.error && span.statusMessage) texts.push(span.statusMessage);
  return [...new Set(texts)];
}

function exceptionText(event: EventView): string {
  const type = event.attributes.get('exception.type');
  return [type, event.attributes.get('exception.message')].filter(Boolean).join(': ') || 'exception';
}

function eventText(event: EventView, span: SpanView): string {
  const at = event.timeNs > 0n && span.startNs > 0n ? `+${formatNs(Number(event.timeNs - span.startNs))} ` : '';
  return `${at}${event.name} ${[...event.attributes].map(([key, value]) => `${key}=${value}`).join(' ')}`.trimEnd();
}
