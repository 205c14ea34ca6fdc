import type { DatabaseSync } from 'node:sqlite';
import type { BodyFiles } from './body-files.ts';
import type { TraceIds } from './trace-ids.ts';
import type { TraceTable } from './trace-table.ts';

/** Where traces are written and read. */
export interface Traces {
  readonly db: DatabaseSync;
  readonly bodies: BodyFiles;
  readonly table: TraceTable;
  readonly ids: TraceIds;
}
