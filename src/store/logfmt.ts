import { BadRequest } from './bad-request.ts';

const pair = /\s*([^\s="]+)(?:=(?:"((?:[^"\\]|\\.)*)"|([^\s"=]*)))?(?=\s|$)/y;

/** `key=value "quoted"` pairs as in go-logfmt; a key alone has an empty value. Throws BadRequest. */
export function parseLogfmt(text: string): Map<string, string> {
  const pairs = new Map<string, string>();
  const end = text.trimEnd().length;
  for (let at = 0; at < end; at = pair.lastIndex) {
    pair.lastIndex = at;
    const found = pair.exec(text);
    if (found === null) throw new BadRequest(`invalid tags: expected key=value at position ${at + 1}`);
    if (pairs.has(found[1])) throw new BadRequest(`invalid tags: tag ${found[1]} has been set twice`);
    pairs.set(found[1], found[2] === undefined ? (found[3] ?? '') : unquote(found[2]));
  }
  return pairs;
}

const unquote = (text: string): string =>
  text.replace(/\\(.)/g, (_, c: string) => (c === 'n' ? '\n' : c === 't' ? '\t' : c === 'r' ? '\r' : c));
