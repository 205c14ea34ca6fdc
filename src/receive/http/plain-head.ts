import { tracesPath } from './content.ts';

const requestLine = `POST ${tracesPath} HTTP/1.1\r\n`;
/**
 * The same with a whole URL, as clients of a proxy write it (RFC 9112, 3.2.2); whose host it names is all the same to
 * us.
 */
const absoluteLine = new RegExp(`^POST [hH][tT][tT][pP][sS]?://[\\w.~%:[\\]-]+${tracesPath} HTTP/1\\.1\\r\\n`);
/**
 * One field, strictly: no space before the colon, no folding, no control characters (RFC 9112, 5). No two parts of it
 * can take the same character, so that it is read once.
 */
const field = /([!#$%&'*+\-.^_`|~\dA-Za-z]+):([\t\x20-\x7e\x80-\xff]*)\r\n/y;
/** Nearly a petabyte: a number that is exact. */
const plainNumber = /^\d{1,15}$/;
/** With two fields, or another name, it is for node:http. */
const plainEncodings = new Set([undefined, '', 'gzip']);
/** Whoever sends one of these wants something that node:http does for us. */
const special = new Set([...['transfer-encoding', 'expect', 'upgrade', 'te', 'trailer', 'origin', 'http2-settings']]);

/** A plain request, as far as it is not like all others. */
interface PlainRequest {
  /** Of the body, as it comes. */
  readonly length: number;
  readonly isGzip: boolean;
  readonly authorization: string | undefined;
  /** Value of the header that may name a tenant. */
  readonly tenant: string | undefined;
}

/**
 * What `head` (all lines up to the empty one, each with its end) says, where it is that of a plain request: POST to
 * /v1/traces by HTTP/1.1, protobuf, as it is or in gzip, of known length, on a connection that stays, with one
 * Authorization and one `tenantHeader` (in lower case) at most. Undefined for every other one, broken ones included.
 */
export function plainRequest(head: string, tenantHeader?: string): PlainRequest | undefined {
  const lineLength = head.startsWith(requestLine) ? requestLine.length : absoluteLine.exec(head)?.[0].length;
  if (lineLength === undefined) return undefined;
  let [length, hosts, type, encoding]: [number, number, string?, string?] = [-1, 0];
  let authorization: string | undefined;
  let tenant: string | undefined;
  for (field.lastIndex = lineLength; field.lastIndex < head.length; ) {
    const found = field.exec(head);
    if (found === null) return undefined;
    const name = found[1].toLowerCase();
    const value = withoutBlanks(found[2]);
    if (special.has(name)) return undefined;
    if (name === 'host') hosts++;
    else if (name === 'connection' && value.toLowerCase() !== 'keep-alive') return undefined;
    else if (name === 'content-encoding') {
      if (encoding !== undefined) return undefined;
      encoding = value.toLowerCase();
    } else if (name === 'content-type') {
      if (type !== undefined) return undefined;
      type = value.toLowerCase();
    } else if (name === 'content-length') {
      if (length >= 0 || !plainNumber.test(value)) return undefined;
      length = Number(value);
    } else if (name === 'authorization') {
      if (authorization !== undefined) return undefined;
      authorization = value;
    } else if (name === tenantHeader) {
      if (tenant !== undefined) return undefined;
      tenant = value;
    }
  }
  if (hosts !== 1 || type !== 'application/x-protobuf' || length < 0) return undefined;
  if (!plainEncodings.has(encoding)) return undefined;
  return { length, isGzip: encoding === 'gzip', authorization, tenant };
}

/** Whether the beginning of a head can become that of a plain request; an absolute target is not waited for. */
export function mayBePlain(head: Buffer): boolean {
  const bytes = Math.min(head.length, requestLine.length);
  return head.toString('latin1', 0, bytes) === requestLine.slice(0, bytes);
}

/** Without spaces and tabs at its ends; to trim() others are blanks, too, which node:http takes for a part of a value. */
function withoutBlanks(value: string): string {
  let [start, end] = [0, value.length];
  while (start < end && isBlank(value.charCodeAt(start))) start++;
  while (end > start && isBlank(value.charCodeAt(end - 1))) end--;
  return value.slice(start, end);
}

const isBlank = (code: number): boolean => code === 0x20 || code === 0x09;
