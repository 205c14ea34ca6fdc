import type { DatabaseSync } from 'node:sqlite';
import type { BodyFiles } from './body-files.ts';
import type { TraceIds } from './trace-ids.ts';

/** Where traces are written and read. */
export interface Traces {
  readonly db: DatabaseSync;
  readonly bodies: BodyFiles;
  readonly ids: TraceIds;
}
