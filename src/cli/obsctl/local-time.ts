/** The last moment that a date can say; a span may name any. */
const latestMs = 8.64e15;

/** Local wall-clock time, `2026-11-25 17:02:11`, with milliseconds and the zone's offset where `exact`. */
export function localTime(unixMs: number, timeZone?: string, exact = false): string {
  if (!(Math.abs(unixMs) <= latestMs)) return 'unknown';
  const format = new Intl.DateTimeFormat('sv-SE', {
    ...(timeZone && { timeZone }),
    dateStyle: 'short',
    timeStyle: 'medium',
  });
  const text = format.format(unixMs);
  if (!exact) return text;
  return `${text}.${String(Math.floor(unixMs) % 1000).padStart(3, '0')} ${offsetOf(unixMs, timeZone)}`;
}

function offsetOf(unixMs: number, timeZone?: string): string {
  const format = new Intl.DateTimeFormat('en', { ...(timeZone && { timeZone }), timeZoneName: 'longOffset' });
  const name = format.formatToParts(unixMs).find((part) => part.type === 'timeZoneName')!.value;
  return name.slice('GMT'.length) || '+00:00';
}
