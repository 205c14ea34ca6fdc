import type { Message } from '../model/intake.ts';
import { copyBytes } from '../wire/copy.ts';

/** A message that lies in these parts, in order. */
export function messageOf(parts: readonly Uint8Array[]): Message {
  return {
    length: parts.reduce((sum, part) => sum + part.length, 0),
    whole: parts.length === 1 ? parts[0] : undefined,
    copyTo(to, at) {
      for (const part of parts) {
        copyBytes(part, 0, part.length, to, at);
        at += part.length;
      }
    },
  };
}
