/** A query that cannot be run: what was expected, and where it stands (line and column from 1). */
export class TraceQLError extends Error {
  override readonly name = 'TraceQLError';
  readonly line: number;
  readonly column: number;

  constructor(query: string, position: number, what: string) {
    const before = query.slice(0, position).split('\n');
    const column = [...before.at(-1)!].length + 1;
    super(`parse error at line ${before.length}, col ${column}: ${what}`);
    this.line = before.length;
    this.column = column;
  }
}
