const nanoseconds: Record<string, number> = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  μs: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3600e9,
  d: 86_400e9,
  w: 7 * 86_400e9,
  y: 365 * 86_400e9,
};
/** No two parts of it can take the same character: a text of digits is looked at once. */
const part = /(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h|d|w|y)/y;

/** Reads `1h30m`, `1.5s`, `500ms` at `at` (Go's units, and Prometheus' d, w, y); undefined where none stands there. */
export function readDuration(text: string, at: number): { nanoseconds: number; end: number } | undefined {
  let total = 0;
  let end = at;
  for (;;) {
    part.lastIndex = end;
    const found = part.exec(text);
    if (found === null) break;
    total += Number(found[1]) * nanoseconds[found[2]];
    end = part.lastIndex;
  }
  const complete = end > at && !/[\p{L}\p{N}_.]/u.test(text[end] ?? '');
  return complete ? { nanoseconds: Math.round(total), end } : undefined;
}

/** A duration that is the whole text, in nanoseconds; undefined for anything else. */
export function parseDuration(text: string): number | undefined {
  if (text === '0') return 0;
  const found = readDuration(text, 0);
  return found?.end === text.length ? found.nanoseconds : undefined;
}

/** Nanoseconds as Go writes a time.Duration: `2.5ms`, `1m0.5s`. */
export function durationText(ns: number): string {
  if (ns === 0) return '0s';
  const sign = ns < 0 ? '-' : '';
  const left = Math.abs(ns);
  if (left < 1e3) return `${sign}${left}ns`;
  if (left < 1e6) return `${sign}${left / 1e3}µs`;
  if (left < 1e9) return `${sign}${left / 1e6}ms`;
  const hours = Math.floor(left / 3600e9);
  const minutes = Math.floor((left % 3600e9) / 60e9);
  const seconds = `${(left % 60e9) / 1e9}s`;
  if (hours > 0) return `${sign}${hours}h${minutes}m${seconds}`;
  return minutes > 0 ? `${sign}${minutes}m${seconds}` : `${sign}${seconds}`;
}
