/** Are buf[start, end) just these bytes? */
export function isSame(wanted: Uint8Array, buf: Uint8Array, start: number, end: number): boolean {
  if (end - start !== wanted.length) return false;
  for (let i = 0; i < wanted.length; i++) if (buf[start + i] !== wanted[i]) return false;
  return true;
}
