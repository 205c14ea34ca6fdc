/** What lies where the database should be cannot be used, and never can: not the disk or the permissions are at fault. */
export class Damaged extends Error {
  override readonly name = 'Damaged';
}

/** sqlite.org/rescode.html */
const corrupt = 11;
const noDatabase = 26;
/** While the tables are looked for: one is missing, or is another. */
const noSuchTable = 1;

/** Whether SQLite found the file damaged, at the start or much later: pages are looked at when they are needed. */
export function isDamage(error: unknown): boolean {
  const code = codeOf(error);
  return error instanceof Damaged || code === corrupt || code === noDatabase;
}

/** The same, of an error while the store is opened. */
export const isDamageAtStart = (error: unknown): boolean => isDamage(error) || codeOf(error) === noSuchTable;

export const isDiskFull = (error: unknown): boolean =>
  codeOf(error) === 13 || (error as NodeJS.ErrnoException).code === 'ENOSPC';

const codeOf = (error: unknown): number => ((error as { errcode?: number }).errcode ?? 0) & 0xff;
