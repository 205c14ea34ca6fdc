import { z } from 'zod';
import { batchOptions } from '../batch/options.ts';
import { bufferOptions } from '../buffer/options.ts';
import { enrichOptions, redactOptions } from '../enrich/options.ts';
import { exportOptions } from '../export/options.ts';
import { block, duration, flag, notYet, show, text } from '../options.ts';
import { receiveOptions } from '../receive/options.ts';
import { adminOptions, logOptions } from '../telemetry/options.ts';
import type { ConsulClient } from './consul-options.ts';

const consul = block({
  prefix: text(/^[^\s/](\S*[^\s/])?$/, 'a key prefix such as tailgate/sampling, without a slash at its ends')
    .prefault('tailgate/sampling')
    .describe('the rules are the keys under PREFIX/ENVIRONMENT/'),
  address: z
    .string({ error: 'expected an address such as http://127.0.0.1:8500' })
    .optional()
    .describe('of the Consul agent (CONSUL_HTTP_ADDR, else 127.0.0.1:8500); an empty one switches Consul off'),
});

const rules = block({
  file: text(/./, 'a file name')
    .prefault('rules.yaml')
    .describe("the rules document, relative to this file's folder; watched"),
  consul: consul.optional(),
});

const expectedShards = (issue: { readonly input?: unknown }) =>
  `${show(issue.input)}: expected auto or a number from 1 to 64`;

const shards = z
  .union([z.literal('auto'), z.number()], { error: expectedShards })
  .refine((count) => count === 'auto' || (Number.isInteger(count) && count >= 1 && count <= 64), {
    error: expectedShards,
  })
  .describe('auto = one a core the process may use; 1 = no worker threads');

const mode = z
  .literal('gateway', {
    error: (issue) => `${show(issue.input)}: expected gateway; others are not supported in this version`,
  })
  .describe('gateway; agent is not supported in this version');

/** The boot file, key by key as docs/configuration.md lists it. */
export const bootSchema = block({
  environment: text(/^[A-Za-z0-9_.-]{1,64}$/, 'a name such as home, staging or production')
    .prefault('home')
    .describe('whose baseline of the rules applies'),
  trace_debug: flag().prefault(false).describe('keep every trace, whatever the rules say, but for drop policies'),
  mode: mode.prefault('gateway'),
  shards: shards.prefault('auto'),
  shutdown_timeout: duration('0s', '1h').prefault('30s').describe('longest that a stop may take to flush'),
  data_directory: text(/./, 'a directory')
    .prefault('data')
    .describe('embedded store and last good rules; relative to the working directory'),
  receive: receiveOptions.prefault({ grpc: {}, http: {} }),
  buffer: bufferOptions.prefault({}),
  rules: rules.prefault({}),
  enrich: enrichOptions.prefault({}).describe('attributes added to kept traces'),
  redact: redactOptions.describe('what is hidden, see docs/redaction.md; [] = nothing'),
  batch: batchOptions.prefault({}),
  export: exportOptions,
  observe: block({})
    .optional()
    .describe('must be empty: metrics from spans before sampling are not supported in this version'),
  cluster: notYet(),
  kafka: notYet(),
  admin: adminOptions.prefault({}),
  log: logOptions.prefault({}),
});

/** The boot file after parsing: units converted, defaults filled in, names and paths as written. */
export type BootDocument = z.output<typeof bootSchema>;

/** What gateway.yaml says, defaults filled in: units in the names, paths absolute. */
export interface BootConfig {
  readonly environment: string;
  /** Keep every trace, whatever the rules say (TRACE_DEBUG). */
  readonly traceDebug: boolean;
  readonly shards: number | 'auto';
  readonly shutdownTimeoutMs: number;
  readonly dataDirectory: string;
  readonly receive: z.output<typeof receiveOptions>;
  readonly buffer: z.output<typeof bufferOptions>;
  readonly rules: {
    readonly file: string;
    readonly consul?: { readonly prefix: string; readonly client: ConsulClient };
  };
  readonly enrich: z.output<typeof enrichOptions>;
  readonly redact: z.output<typeof redactOptions>;
  readonly batch: z.output<typeof batchOptions>;
  readonly export: z.output<typeof exportOptions>;
  readonly admin: z.output<typeof adminOptions>;
  readonly log: z.output<typeof logOptions>;
}
