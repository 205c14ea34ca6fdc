import { formatNs } from './duration.ts';

/**
 * A bar on an axis of `width` cells that begins at 0 and is `totalNs` long; half a cell is the finest step, and no
 * span is so short that it has none.
 */
export function bar(startNs: number, endNs: number, totalNs: number, width: number): string {
  const scale = totalNs > 0 ? (2 * width) / totalNs : 0;
  const from = Math.min(2 * width - 1, Math.max(0, Math.floor(startNs * scale)));
  const to = Math.min(2 * width, Math.max(from + 1, Math.round(endNs * scale)));
  let cells = '';
  for (let half = 0; half < 2 * width; half += 2) {
    const left = half >= from && half < to;
    const right = half + 1 >= from && half + 1 < to;
    cells += left ? (right ? '█' : '▌') : right ? '▐' : ' ';
  }
  return cells;
}

/** The axis above the bars: where it begins, its quarters where there is room, its end. */
export function ruler(totalNs: number, width: number): string {
  const end = formatNs(totalNs);
  const parts = width >= 40 ? 4 : width >= 24 ? 2 : 1;
  let line = '0';
  for (let i = 1; i < parts; i++) {
    const label = formatNs((totalNs * i) / parts);
    const at = Math.floor((width * i) / parts);
    if (at > line.length && at + label.length < width - end.length) line = line.padEnd(at) + label;
  }
  return (line + end.padStart(width - line.length)).slice(0, width);
}
