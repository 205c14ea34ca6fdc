/** A length of time in nanoseconds with the three digits that matter: `412µs`, `1.24s`, `5m06s`. */
export function formatNs(ns: number): string {
  if (ns < 0) return `-${formatNs(-ns)}`;
  if (ns < 999.5) return `${Math.round(ns)}ns`;
  if (ns < 999_500) return `${digits(ns / 1e3)}µs`;
  if (ns < 999_500_000) return `${digits(ns / 1e6)}ms`;
  if (ns < 59_950_000_000) return `${digits(ns / 1e9)}s`;
  const seconds = Math.round(ns / 1e9);
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m${two(seconds % 60)}s`;
  return `${Math.floor(seconds / 3600)}h${two(Math.floor(seconds / 60) % 60)}m`;
}

const digits = (value: number): string => String(Number(value.toPrecision(3)));
const two = (value: number): string => String(value).padStart(2, '0');
