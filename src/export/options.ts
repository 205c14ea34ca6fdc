import { z } from 'zod';
import { block, duration, list, mapOf, notYet, oneOf, size, text } from '../options.ts';

const otlp = block({
  endpoint: text(/^($|https?:\/\/[^\s/?#]+\S*$)/, 'a URL such as http://tempo:4317').describe(
    'URL of the receiver; an empty one leaves this exporter out',
  ),
  protocol: oneOf('grpc', 'http').prefault('grpc').describe('OTLP/gRPC, or OTLP/HTTP with protobuf'),
  compression: oneOf('gzip', 'none').prefault('gzip').describe('compression of the requests'),
  headers: mapOf(z.string({ error: 'expected text; put numbers in quotes' }))
    .prefault({})
    .describe('sent with every request, such as X-Scope-OrgID'),
  timeout: duration('1ms', '10m').prefault('10s').describe('longest that one attempt may take'),
  tls: notYet(),
});

const queue = block({
  max_bytes: size('1KiB', '1TiB')
    .prefault('256MiB')
    .describe('what waits for this exporter; what comes on top has failed, and is counted'),
  directory: notYet(),
});

const retry = block({
  initial: duration('1ms', '1h').prefault('1s').describe('pause after the first failure; doubles, with jitter'),
  max: duration('1ms', '1h').prefault('30s').describe('longest pause'),
  give_up_after: duration('0s', '168h').prefault('5m').describe('age at which a request is given up, and counted'),
}).superRefine((raw, context) => {
  if (raw.initial <= raw.max) return;
  context.addIssue({ code: 'custom', path: ['max'], message: 'shorter than initial: expected at least as long' });
});

const store = block({
  directory: text(/./, 'a directory')
    .optional()
    .describe('where the embedded store keeps its files (`data_directory`/store)'),
  retention: duration('1s', '87600h').prefault('24h').describe('age at which traces are removed'),
  max_bytes: size('64KiB', '64TiB').prefault('2GiB').describe('size at which the oldest traces are removed'),
});

const exporter = block({
  name: text(/^[A-Za-z0-9_.-]{1,64}$/, 'a name of letters, digits, "_", "." and "-"').describe(
    'label of its metrics; each exporter has its own',
  ),
  otlp: otlp.optional(),
  queue: queue.optional(),
  retry: retry.optional(),
  store: store.optional(),
}).superRefine((raw, context) => {
  if (!raw.otlp === !raw.store) {
    context.addIssue({ code: 'custom', message: 'expected either an otlp or a store block' });
  }
  for (const key of ['queue', 'retry'] as const) {
    const message = 'belongs to an otlp exporter: the store writes at once';
    if (raw.store && raw[key]) context.addIssue({ code: 'custom', path: [key], message });
  }
});

export interface OtlpExporterConfig {
  readonly name: string;
  readonly otlp: {
    readonly endpoint: string;
    readonly protocol: 'grpc' | 'http';
    readonly compression: 'gzip' | 'none';
    readonly headers: Readonly<Record<string, string>>;
    readonly timeoutMs: number;
  };
  readonly queue: { readonly maxBytes: number };
  readonly retry: { readonly initialMs: number; readonly maxMs: number; readonly giveUpAfterMs: number };
}

export interface StoreExporterConfig {
  readonly name: string;
  /** `directory` is absolute. */
  readonly store: { readonly directory: string; readonly retentionMs: number; readonly maxBytes: number };
}

export type ExporterConfig = OtlpExporterConfig | StoreExporterConfig;

/** `export:`. Exporters whose otlp.endpoint is empty are left out, so that a variable can switch one on. */
export const exportOptions = list(exporter)
  .superRefine((exporters, context) => {
    const names = exporters.map((each) => each.name);
    names.forEach((name, at) => {
      if (names.indexOf(name) === at) return;
      context.addIssue({
        code: 'custom',
        path: [at, 'name'],
        message: `"${name}" is taken: expected a name of its own`,
      });
    });
    if (exporters.every((each) => each.otlp?.endpoint === '')) {
      context.addIssue({
        code: 'custom',
        message: 'kept traces would go nowhere: expected at least one exporter with an endpoint, or a store',
      });
    }
  })
  .transform((exporters) => exporters.filter((each) => each.otlp?.endpoint !== '').map(toConfig));

function toConfig(raw: z.output<typeof exporter>): ExporterConfig {
  if (raw.store) {
    const { directory = '', retention, max_bytes } = raw.store;
    return { name: raw.name, store: { directory, retentionMs: retention, maxBytes: max_bytes } };
  }
  const { timeout, tls: _, ...target } = raw.otlp!;
  const { max_bytes } = raw.queue ?? queue.parse({});
  const { initial, max, give_up_after } = raw.retry ?? retry.parse({});
  return {
    name: raw.name,
    otlp: { ...target, timeoutMs: timeout },
    queue: { maxBytes: max_bytes },
    retry: { initialMs: initial, maxMs: max, giveUpAfterMs: give_up_after },
  };
}
