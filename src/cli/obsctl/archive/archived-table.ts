import type { Settings } from '../settings.ts';
import { table } from '../table.ts';
import { jsonText } from '../terminal.ts';

/** What became of the wish to archive a trace. */
export interface Archived {
  readonly traceId: string;
  readonly state: 'archived' | 'there' | 'missing' | 'failed';
  /** What is not as it should be; empty where all is. */
  readonly note: string;
  readonly spans: number;
  readonly bytes: number;
  readonly sha256: string;
  /** Empty where there is none. */
  readonly file: string;
}

const words: Readonly<Record<Archived['state'], string>> = {
  archived: 'archived',
  there: 'archived already',
  missing: 'not found',
  failed: 'failed',
};

export function showArchived(rows: readonly Archived[], { io, output }: Settings): void {
  if (output === 'json') io.stdout.write(`${jsonText(rows, 2)}\n`);
  else if (output === 'jsonl') io.stdout.write(rows.map((row) => `${jsonText(row)}\n`).join(''));
  else if (output === 'ids')
    io.stdout.write(rows.map(({ traceId, file }) => (file === '' ? '' : `${traceId}\n`)).join(''));
  else if (rows.length > 0) io.stdout.write(archivedTable(rows));
}

function archivedTable(rows: readonly Archived[]): string {
  return table<Archived>(
    [
      { title: 'TRACE', text: ({ traceId }) => traceId },
      { title: 'STATE', text: ({ state, note }) => words[state] + (note === '' ? '' : `: ${note}`) },
      { title: 'SPANS', text: ({ spans }) => String(spans), align: 'right' },
      { title: 'BYTES', text: ({ bytes }) => String(bytes), align: 'right' },
      { title: 'FILE', text: ({ file }) => file },
    ],
    rows,
  );
}
