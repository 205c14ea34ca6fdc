import { type DecodedText, decodeText } from './decoded-text.ts';
import { mask } from './rule.ts';
import { isQuote, isSpace } from './value-end.ts';

/**
 * Hides what stands before the `@` of a URL, also of one inside another, and of a Go DSN (`user:password@tcp(host)/db`). Of schemes other than
 * http a user without a password stays: `ssh://git@host`. A password may have `/`, `#` and `?` in it that should have been
 * encoded; then more is hidden rather than less.
 */
export function hideUserinfo(text: string, found: () => void): string {
  const decoded = decodeText(text);
  let out = '';
  let copied = 0;
  const hide = (start: number, end: number): void => {
    if (text.slice(decoded.at[start], decoded.at[end]) === mask) return;
    out += text.slice(copied, decoded.at[start]) + mask;
    copied = decoded.at[end];
    found();
  };
  for (let i = 0; i < decoded.length; i++) {
    if (decoded.codes[i] === colon && decoded.codes[i + 1] === slash && decoded.codes[i + 2] === slash) {
      const end = userEnd(decoded, i + 3, isHttp(decoded, i));
      if (end < 0) continue;
      hide(i + 3, end);
      i = end;
    } else if (decoded.codes[i] === at) {
      const start = dsnStart(decoded, i);
      if (start >= 0 && decoded.at[start] >= copied) hide(start, i);
    }
  }
  return copied === 0 ? text : out + text.slice(copied);
}

const colon = 0x3a;
const slash = 0x2f;
const at = 0x40;
const maxUser = 256;

const isHttp = (text: DecodedText, end: number): boolean => /https?$/i.test(text.slice(Math.max(0, end - 5), end));

/** Where the user of an authority that starts at `start` ends, at its `@`; -1 where there is none worth hiding. */
function userEnd({ codes, length }: DecodedText, start: number, http: boolean): number {
  let password = -1;
  let last = -1;
  let i = start;
  for (; i < length && !isEnd(codes[i]); i++) {
    if (codes[i] === colon && password < 0) password = i + 1;
    else if (codes[i] === at) last = i;
    else if (codes[i] === slash || codes[i] === 0x3f || codes[i] === 0x23) break;
  }
  if (last >= 0) return last > start && (http || password >= 0) ? last : -1;
  if (password < 0 || isPort(codes, password, i, http)) return -1;
  for (; i < length && !isEnd(codes[i]); i++) if (codes[i] === at) last = i;
  return last;
}

/** `[::1]:8080` and `host:8080` have no password; without http a number may be one. */
function isPort(codes: Uint16Array, start: number, end: number, http: boolean): boolean {
  for (let i = start; i < end; i++)
    if (codes[i] < 0x30 || codes[i] > 0x39) return codes[i] === colon || codes[i] === 0x5d;
  return http || end - start < 6;
}

const firstOfHost = new Set([...'tulmdpr1TULMDPR'].map((letter) => letter.charCodeAt(0)));

/** Where `user:password` starts that ends at an `@` before a host of a DSN without a scheme; -1 where none does. */
function dsnStart(text: DecodedText, end: number): number {
  const { codes, length } = text;
  if (end + 1 >= length || !firstOfHost.has(codes[end + 1])) return -1;
  const host = text.slice(end + 1, Math.min(length, end + 65));
  if (
    !/^(?:(?:tcp|unix|udp)\d?\(|(?:localhost|127\.[\d.]+|(?:db|mysql|postgres|redis|rabbit|mongo|mq)[\w.-]*)[:/])/i.test(
      host,
    )
  )
    return -1;
  let start = end;
  let password = -1;
  while (start > 0 && start > end - maxUser && !isEnd(codes[start - 1]) && codes[start - 1] !== 0x3d) {
    if (codes[--start] === colon) password = start;
    if (codes[start] === slash && codes[start - 1] === slash) return -1;
  }
  return password > start && password < end - 1 ? start : -1;
}

const isEnd = (code: number): boolean =>
  isSpace(code) || isQuote(code) || code === 0x3c || code === 0x3e || code === 0x5c;
