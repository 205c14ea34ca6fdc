import { hash, randomBytes } from 'node:crypto';

/**
 * Secrets are compared by digests under a key that nobody outside knows: whatever is guessed, its digest has nothing in
 * common with the right one, so that the time of a comparison or a look-up tells nothing.
 */
export function digestOf(key: string, secret: string): string {
  return hash('sha256', `${key}${secret}`, 'base64url');
}

/** Of this process; it goes to its threads with what was digested under it. */
export const newKey = (): string => randomBytes(32).toString('base64url');
