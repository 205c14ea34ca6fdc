import type { Sink } from '../io.ts';

/** What colors.ts writes; every other escape sequence came from somebody else. */
const ours = String.raw`\x1b\[(?:0|1|2|3[1-6]|9[2-6])m`;
const controls = String.raw`[\p{Cc}\p{Cs}\u2028-\u202e\u2066-\u2069]`;
const unsafe = new RegExp(`${ours}|${controls}`, 'gu');

/**
 * The only way to the terminal: text with no control character but the line's end, and no escape sequence but our own
 * colours. Whoever writes a span, or answers in a store's place, must not be able to move the cursor, set a title or
 * turn a line around.
 */
export const terminalSafe = (text: string): string =>
  text.replace(unsafe, (found) => (found === '\n' || found.length > 1 ? found : '\ufffd'));

export const safeSink = (sink: Sink): Sink => ({ write: (text) => sink.write(terminalSafe(text)) });

/** JSON of which nothing is lost on the way through `terminalSafe`: what a terminal obeys is written as an escape. */
export const jsonText = (value: unknown, indent = 0): string =>
  JSON.stringify(value, null, indent).replace(
    /[\x7f-\x9f\u2028-\u202e\u2066-\u2069]/g,
    (found) => `\\u${found.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
