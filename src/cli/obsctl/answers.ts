import * as v from 'valibot';
import type { Explanation } from '../../model/explanation.ts';
import type { ClusterStatus } from '../../telemetry/sources.ts';
import type { Status } from '../../telemetry/status.ts';
import { CommandError } from '../exit.ts';
import type { Place } from './http-json.ts';

/**
 * What the gateway's own answers must be before they are printed as a table. Whoever listens at the address may be
 * anybody: an answer of another shape is told in one line, with what was wrong in it.
 */
export const readExplanation = (body: unknown, place: Place): Explanation =>
  checked(explanation, body, place, 'an explanation') as Explanation;

export const readStatus = (body: unknown, place: Place): Status => checked(status, body, place, 'a status') as Status;

export const readCluster = (body: unknown, place: Place): ClusterStatus =>
  checked(cluster, body, place, 'a list of members') as ClusterStatus;

function checked(schema: v.GenericSchema, body: unknown, { base, name, flag }: Place, what: string): unknown {
  const result = v.safeParse(schema, body, { abortEarly: true });
  if (result.success) return body;
  const [issue] = result.issues;
  const where = v.getDotPath(issue);
  throw new CommandError(
    `${base} answered something that is not ${what} (${where ? `${where}: ` : ''}${issue.message}): is this ${name}? Set ${flag}`,
  );
}

const cluster = v.looseObject({
  self: v.string(),
  epoch: v.string(),
  members: v.array(v.looseObject({ name: v.string(), address: v.string(), state: v.string() })),
  owned: v.number(),
});

const moment = v.nullable(v.pipe(v.string(), v.isoTimestamp()));
/** Unix milliseconds that a date can have. */
const unixMs = v.pipe(v.number(), v.minValue(0), v.maxValue(8.64e15));
const vote = v.looseObject({ policy: v.string(), vote: v.string() });

const explanation = v.looseObject({
  traceId: v.string(),
  verdict: v.picklist(['keep', 'drop', 'waiting']),
  policy: v.string(),
  votes: v.array(vote),
  shadowVotes: v.array(vote),
  threshold: v.string(),
  adjustedCount: v.number(),
  revision: v.string(),
  trigger: v.string(),
  complete: v.boolean(),
  spans: v.number(),
  bytes: v.number(),
  firstSpanAt: unixMs,
  decidedAt: unixMs,
  lateSpans: v.number(),
  exporters: v.optional(v.array(v.looseObject({ exporter: v.string(), gets: v.boolean(), why: v.string() }))),
  gateway: v.optional(v.string()),
});

const status = v.looseObject({
  version: v.string(),
  environment: v.string(),
  uptimeSeconds: v.number(),
  shards: v.number(),
  silentShards: v.optional(v.array(v.number()), []),
  // Gateways before this one have no ladder.
  overload: v.optional(
    v.array(v.looseObject({ rung: v.number(), name: v.string(), cause: v.string(), keepsOneIn: v.number() })),
  ),
  rules: v.looseObject({
    revision: v.string(),
    hash: v.string(),
    source: v.string(),
    modifyIndex: v.number(),
    loadedAt: moment,
    policies: v.array(v.string()),
    debug: v.boolean(),
    lastRefusal: v.nullable(v.looseObject({ at: moment, error: v.string(), settled: v.optional(v.boolean()) })),
    // Older gateways say nothing of these.
    follows: v.optional(v.string()),
    sourceIndex: v.optional(v.number()),
    sourceRefusal: v.optional(v.string()),
    by: v.nullish(v.string()),
    writtenAt: v.nullish(v.string()),
    why: v.nullish(v.string()),
  }),
  buffer: v.looseObject({
    bytes: v.number(),
    limitBytes: v.number(),
    traces: v.number(),
    spans: v.number(),
    oldestSeconds: v.number(),
  }),
  /** Older gateways have none. */
  window: v.optional(
    v.looseObject({
      bytes: v.number(),
      limitBytes: v.number(),
      oldestSeconds: v.number(),
      spans: v.number(),
      missedSpans: v.number(),
    }),
  ),
  /** Older gateways say nothing of it. */
  memory: v.optional(
    v.looseObject({
      parts: v.record(v.string(), v.number()),
      residentBytes: v.number(),
      idleBytes: v.number(),
      limitBytes: v.nullable(v.number()),
    }),
  ),
  export: v.array(
    v.looseObject({
      name: v.string(),
      queueBytes: v.number(),
      failing: v.optional(v.string(), ''),
      lastError: v.string(),
      lastSuccessAt: moment,
    }),
  ),
  books: v.looseObject({
    balanced: v.boolean(),
    spans: v.looseObject({}),
    traces: v.looseObject({}),
    exporters: v.array(v.looseObject({ name: v.string() })),
  }),
  kafka: v.optional(
    v.looseObject({
      written: v.optional(v.looseObject({ heldBytes: v.number(), failedRecords: v.number(), error: v.string() })),
      read: v.optional(
        v.looseObject({
          connected: v.boolean(),
          paused: v.boolean(),
          lagMessages: v.number(),
          setAside: v.number(),
          error: v.string(),
        }),
      ),
    }),
  ),
  tenants: v.optional(
    v.array(
      v.looseObject({
        name: v.string(),
        buffer: v.looseObject({ bytes: v.number(), limitBytes: v.number() }),
        books: v.looseObject({ balanced: v.boolean(), spans: v.looseObject({}) }),
      }),
    ),
  ),
});
