/** What the last successful `parseRandomness` read, 56 bits in two numbers: the upper 24 and the lower 32, unsigned. */
export const randomness = { high: 0, low: 0 };

export const comma = 0x2c;
const semicolon = 0x3b;

/**
 * Reads the explicit randomness `rv` of the `ot` member of a W3C tracestate, `buf[start, end)`, into `randomness`.
 * False, and `randomness` untouched, where there is none or it is not 14 lower-case hex digits; allocates nothing.
 * Source: OpenTelemetry specification, "TraceState: Probability Sampling"; W3C Trace Context, tracestate.
 */
export function parseRandomness(buf: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; ) {
    const next = until(comma, buf, at, end);
    const key = skipSpace(buf, at, next);
    if (next - key > otKeyBytes && isOtMember(buf, key, next)) return randomnessOf(buf, key + otKeyBytes, next);
    at = next + 1;
  }
  return false;
}

/** Of `ot=`. */
export const otKeyBytes = 3;

/** Whether the member buf[start, end) of a tracestate is OpenTelemetry's, without blanks before it. */
export const isOtMember = (buf: Uint8Array, start: number, end: number): boolean =>
  end - start >= otKeyBytes && buf[start] === 0x6f && buf[start + 1] === 0x74 && buf[start + 2] === 0x3d;

function randomnessOf(buf: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; ) {
    const next = until(semicolon, buf, at, end);
    // "rv:"
    if (buf[at] === 0x72 && buf[at + 1] === 0x76 && buf[at + 2] === 0x3a) {
      return readHex(buf, at + 3, trimmed(buf, at, next));
    }
    at = next + 1;
  }
  return false;
}

function readHex(buf: Uint8Array, start: number, end: number): boolean {
  if (end - start !== 14) return false;
  for (let i = start; i < end; i++) if (nibble(buf[i]) < 0) return false;
  randomness.high = hexNumber(buf, start, start + 6);
  randomness.low = hexNumber(buf, start + 6, end);
  return true;
}

function hexNumber(buf: Uint8Array, start: number, end: number): number {
  let value = 0;
  for (let i = start; i < end; i++) value = (value << 4) | nibble(buf[i]);
  return value >>> 0;
}

function nibble(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  return byte >= 0x61 && byte <= 0x66 ? byte - 0x57 : -1;
}

/** Where `byte` stands, or the end. */
export function until(byte: number, buf: Uint8Array, at: number, end: number): number {
  while (at < end && buf[at] !== byte) at++;
  return at;
}

/** Behind blanks and tabs. */
export function skipSpace(buf: Uint8Array, at: number, end: number): number {
  while (at < end && (buf[at] === 0x20 || buf[at] === 0x09)) at++;
  return at;
}

/** Before blanks and tabs at the end. */
export function trimmed(buf: Uint8Array, start: number, end: number): number {
  while (end > start && (buf[end - 1] === 0x20 || buf[end - 1] === 0x09)) end--;
  return end;
}
