import type { Settings } from '../settings.ts';
import { table } from '../table.ts';
import { jsonText } from '../terminal.ts';

/** What became of a file that was to be restored. */
export interface Restored {
  readonly file: string;
  /** Empty where the file does not say, or is not believed. */
  readonly traceId: string;
  readonly spans: number;
  /** `sent`: nobody looked for it; `unseen`: it was not found in time. */
  readonly state: 'restored' | 'there' | 'sent' | 'unseen' | 'failed';
  readonly note: string;
}

const words: Readonly<Record<Restored['state'], string>> = {
  restored: 'restored',
  there: 'there already',
  sent: 'sent',
  unseen: 'sent, not found',
  failed: 'failed',
};

export function showRestored(rows: readonly Restored[], { io, output }: Settings): void {
  if (output === 'json') io.stdout.write(`${jsonText(rows, 2)}\n`);
  else if (output === 'jsonl') io.stdout.write(rows.map((row) => `${jsonText(row)}\n`).join(''));
  else if (output === 'ids')
    io.stdout.write(rows.map(({ traceId }) => (traceId === '' ? '' : `${traceId}\n`)).join(''));
  else if (rows.length > 0)
    io.stdout.write(
      table<Restored>(
        [
          { title: 'TRACE', text: ({ traceId }) => traceId || '-' },
          { title: 'STATE', text: ({ state, note }) => words[state] + (note === '' ? '' : `: ${note}`) },
          { title: 'SPANS', text: ({ spans }) => String(spans), align: 'right' },
          { title: 'FILE', text: ({ file }) => file },
        ],
        rows,
      ),
    );
}
