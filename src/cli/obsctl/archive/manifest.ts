import { createHash } from 'node:crypto';
import * as v from 'valibot';
import { CommandError } from '../../exit.ts';

/** Larger ones are nobody's. */
export const maxManifestBytes = 64 * 1024;
const format = 'tailgate-trace-archive/1';

const traceFileName = /^[0-9a-f]{32}\.[0-9a-f]{16}\.json$/;

const count = v.pipe(v.number(), v.integer(), v.minValue(0));
const text = v.pipe(v.string(), v.maxLength(4096));
const moment = v.pipe(v.string(), v.isoTimestamp());
const sha256 = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/));
const traceId = v.pipe(v.string(), v.regex(/^[0-9a-f]{32}$/));

/** What is written beside a trace: what it is, who wanted it kept, and why. Times are UTC. */
const manifest = v.object({
  format: v.literal(format),
  traceId,
  /** The trace's, beside this one. */
  file: v.pipe(v.string(), v.regex(traceFileName)),
  sha256,
  bytes: count,
  spans: count,
  /** Of its earliest span; null where no span says. */
  startAt: v.nullable(moment),
  durationMs: v.pipe(v.number(), v.minValue(0)),
  rootService: text,
  rootName: text,
  /** Why some of its spans are not here; empty where all are that the store had. */
  missing: text,
  /** What JSON has no place for. */
  notCarried: v.object({ unknownFields: count, mendedTexts: count }),
  archivedAt: moment,
  by: text,
  why: text,
  source: text,
  tenant: v.optional(text),
  /** Where the trace was in the gateway's window alone: what was decided about it. */
  verdict: v.optional(text),
  writtenBy: text,
  hold: v.nullable(v.object({ until: moment, lock: v.optional(v.picklist(['governance', 'compliance'])) })),
});
export type Manifest = v.InferOutput<typeof manifest>;
export type NewManifest = Omit<Manifest, 'format'>;

export const manifestText = (it: NewManifest): string => `${JSON.stringify({ format, ...it }, null, 2)}\n`;

/**
 * Throws CommandError that says what is wrong with it; `where` it is, for the message. Of another trace than its `name`
 * says nobody believes it: what it says would be missing where it is looked for.
 */
export function readManifest(bytes: Uint8Array, name: string, where: string): Manifest {
  let read: unknown;
  try {
    read = JSON.parse(Buffer.from(bytes).toString());
  } catch {
    throw new CommandError(`${where} is no manifest of a trace: it is not JSON`);
  }
  const result = v.safeParse(manifest, read, { abortEarly: true });
  if (result.success) {
    if (result.output.file === fileOf(name)) return result.output;
    throw new CommandError(`${where} is of another trace than its name says: it was changed, or renamed`);
  }
  const [issue] = result.issues;
  throw new CommandError(`${where} is no manifest of a trace (${v.getDotPath(issue) ?? 'format'}: ${issue.message})`);
}

/** A trace is called by its content, so that two of one name are one: a later one, with more spans, has another. */
export const traceFile = (id: string, sum: string): string => `${id}.${sum.slice(0, 16)}.json`;

/**
 * One for each who archived the trace, for each reason and day at which a hold ends: whoever asks again for the same finds it done.
 */
export function manifestFile({ traceId, sha256, by, why, hold }: NewManifest): string {
  const until = hold === null ? '' : `${hold.until.slice(0, 10)} ${hold.lock ?? ''}`;
  const act = createHash('sha256')
    .update(JSON.stringify([by, why, until]))
    .digest('hex');
  return `${traceId}.${sha256.slice(0, 16)}.${act.slice(0, 8)}.manifest.json`;
}

/** The trace's, beside a manifest of this name. */
export const fileOf = (manifestName: string): string => `${manifestName.split('.', 2).join('.')}.json`;

export const isManifest = (name: string): boolean =>
  /^[0-9a-f]{32}\.[0-9a-f]{16}\.[0-9a-f]{8}\.manifest\.json$/.test(name);

/** Beside a trace: for Grafana. */
export const grafanaFile = (traceFile: string): string => traceFile.replace(/json$/, 'grafana.json');

export const isGrafanaFile = (name: string): boolean => /^[0-9a-f]{32}\.[0-9a-f]{16}\.grafana\.json$/.test(name);

export const isTraceFile = (name: string): boolean => traceFileName.test(name);
