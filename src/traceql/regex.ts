import v8 from 'node:v8';
import type { Pattern } from './ast.ts';

/**
 * Queries come from whoever reaches the admin port, so a pattern must not be able to hang us. V8's experimental engine
 * runs in time linear in the text and refuses what cannot (back-references, look-around), which is also what RE2,
 * Tempo's engine, leaves out. It is asked for by the `l` flag alone; no other expression in the process is affected.
 */
v8.setFlagsFromString('--enable-experimental-regexp-engine');

const maxPatternLength = 1024;
const plain = /^[^\\.+*?()[\]{}^$|]*$/;

/**
 * A pattern as Tempo reads it: RE2 syntax, anchored at both ends, `.` without line breaks. Throws Error with the
 * reason.
 */
export function compilePattern(source: string): Pattern {
  if (source.length > maxPatternLength) throw new Error(`longer than ${maxPatternLength} characters`);
  const regex = build(source);
  const alternatives = source.split('|');
  const literals = alternatives.every((text) => plain.test(text)) ? alternatives : undefined;
  return { source, literals, test: (text) => regex.test(text) };
}

function build(source: string): RegExp {
  const flags = /^\(\?([is]+)\)/.exec(source);
  const body = flags === null ? source : source.slice(flags[0].length);
  const folded = flags?.[1].includes('i') ? foldCase(body) : body;
  try {
    return new RegExp(`^(?:${folded})$`, flags?.[1].includes('s') ? 'ls' : 'l');
  } catch (error) {
    const { message } = error as Error;
    const reason = message.slice(message.lastIndexOf(': ') + 2);
    throw new Error(
      reason.startsWith('Cannot be executed')
        ? 'look-around, back-references and repetition over 1000 are not supported'
        : reason,
    );
  }
}

/** The `i` flag, which the linear engine lacks, spelled out: each ASCII letter becomes both of its cases. */
function foldCase(source: string): string {
  let inClass = false;
  return source.replace(
    /\\.|\[|\]|([a-z])-([a-z])|[a-z]/gis,
    (text, from: string | undefined, to: string | undefined) => {
      if (text === '[' || text === ']') inClass = text === '[';
      if (from !== undefined && inClass) return `${both(from, '-', to!)}`;
      if (from !== undefined) return `${bracket(from)}-${bracket(to!)}`;
      if (text.length > 1 || text === '[' || text === ']') return text;
      return inClass ? text.toLowerCase() + text.toUpperCase() : bracket(text);
    },
  );
}

const bracket = (letter: string): string => `[${letter.toLowerCase()}${letter.toUpperCase()}]`;
const both = (from: string, dash: string, to: string): string =>
  `${from.toLowerCase()}${dash}${to.toLowerCase()}${from.toUpperCase()}${dash}${to.toUpperCase()}`;
