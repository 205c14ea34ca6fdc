import { Lexer } from 'yaml';

/** How deep lists and maps in brackets may stand in one another before the parser sees them: what is read may be far less. */
const maxDepth = 1_000;

/** What the lexer says beside the text itself: that a document, a scalar begins, or that a flow collection ends. */
const signs = ['\u0002', '\u001f', '\u0018'];

/**
 * Where brackets are nested deeper than that; -1 = nowhere. The parser makes some thousand bytes of each that is open:
 * 256 KiB of them took 320 MiB before it said that they are too deep. Blocks nested by indentation cost it a third of that
 * at most.
 */
export function nestedTooDeepAt(text: string): number {
  if ((text.match(/[[{]/g)?.length ?? 0) <= maxDepth) return -1;
  let depth = 0;
  let offset = 0;
  for (const token of new Lexer().lex(text)) {
    if (token === '[' || token === '{') depth++;
    else if (token === ']' || token === '}') depth--;
    if (depth > maxDepth) return offset;
    if (!signs.includes(token)) offset += token.length;
  }
  return -1;
}
