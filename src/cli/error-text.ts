import { UsageError } from '../errors.ts';

/** A mistake of the user is told in its own words; anything else is a defect and shows where it happened. */
export function errorText(error: unknown): string {
  if (error instanceof UsageError) return error.message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
