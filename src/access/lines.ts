interface Line {
  /** From 1. */
  readonly number: number;
  readonly line: string;
}

/**
 * The entries of a file that has one a line, each with a name of its own; empty lines and those that begin with # are
 * passed over. `read` gives an entry, or what is wrong with the line. Throws that with the line's number.
 */
export function entriesOf<T extends { readonly name: string }>(text: string, read: (line: Line) => T | string): T[] {
  const lines = new Map<string, number>();
  return text.split(/\r?\n/).flatMap((whole, i) => {
    const [line, number] = [whole.trim(), i + 1];
    if (line === '' || line.startsWith('#')) return [];
    const entry = read({ line, number });
    if (typeof entry === 'string') throw new Error(`line ${number}: ${entry}`);
    const other = lines.get(entry.name);
    if (other !== undefined) throw new Error(`line ${number}: the name "${entry.name}" of line ${other} once more`);
    lines.set(entry.name, number);
    return [entry];
  });
}
