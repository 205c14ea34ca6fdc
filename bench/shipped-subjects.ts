import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Measured } from './process.ts';
import { collector, portOf, type SubjectKind, temporary } from './subjects.ts';

const here = fileURLToPath(new URL('..', import.meta.url));

interface Differences {
  readonly store: boolean;
  readonly gzip: boolean;
}

/**
 * bin/tailgate on config/gateway.yaml, as people start it, but for one core, the wait, room for what waits, and what
 * `differences` says. The load client's sink reads no zstd, so what ships goes to it in gzip.
 */
const shipped = ({ store, gzip }: Differences, root = here): SubjectKind => ({
  decides: true,
  start: async ({ cpus, waitSeconds, sinkPort }) => {
    const directory = temporary();
    let boot = readFileSync(join(root, 'config/gateway.yaml'), 'utf8');
    if (!store) boot = without(boot, /^ {2}- name: store.*\n {4}store:.*\n/m, '');
    if (!gzip) boot = without(boot, /compression: zstd/, 'compression: none');
    writeFileSync(join(directory, 'gateway.yaml'), boot);
    writeFileSync(join(directory, 'rules.yaml'), rules);
    const env = {
      DEPLOYMENT_ENVIRONMENT: 'production',
      TAILGATE_SHARDS: '1',
      TAILGATE_GRPC: '127.0.0.1:0',
      TAILGATE_HTTP: '127.0.0.1:0',
      TAILGATE_ADMIN: '127.0.0.1:0',
      TAILGATE_DATA: join(directory, 'data'),
      TAILGATE_DECISION_WAIT: `${waitSeconds}s`,
      TAILGATE_BUFFER_BYTES: '10GiB',
      TEMPO_OTLP_ENDPOINT: `http://127.0.0.1:${sinkPort}`,
    };
    const args = ['run', '--config', join(directory, 'gateway.yaml')];
    const process = new Measured(join(root, 'bin/tailgate'), args, { cpus, env, cwd: directory });
    const { grpc, admin } = await process.json<{ grpc: string; admin: string }>('grpc');
    return { process, grpcPort: portOf(grpc), admin: `http://${admin}` };
  },
});

/** The load's own route among those that are always kept. */
const rules = 'baseline_percent: 1\nlatency_threshold_ms: 500\nroutes: [/login/password, /upload]\n';

const collectorPolicies = `
      - { name: errors, type: status_code, status_code: { status_codes: [ERROR] } }
      - { name: slow, type: latency, latency: { threshold_ms: 500 } }
      - { name: routes, type: string_attribute, string_attribute: { key: http.route, values: [/login/password, /upload] } }
      - { name: baseline, type: probabilistic, probabilistic: { sampling_percentage: 1 } }`;

function without(text: string, what: RegExp, instead: string): string {
  if (!what.test(text)) throw new Error(`config/gateway.yaml has nothing like ${what} any more`);
  return text.replace(what, instead);
}

export const shippedSubjects = {
  'without store and gzip': shipped({ store: false, gzip: false }),
  'as shipped': shipped({ store: true, gzip: true }),
  'shipped, zstd to a Collector': shipped({ store: true, gzip: true }),
  'store alone': shipped({ store: true, gzip: false }),
  'gzip alone': shipped({ store: false, gzip: true }),
  'Collector, tail_sampling': collector(true, collectorPolicies),
} satisfies Record<string, SubjectKind>;

export type ShippedName = keyof typeof shippedSubjects;

/** Those that do not send to the load client's sink, but to a server that reads zstd. */
export const toCollector: ReadonlySet<ShippedName> = new Set(['shipped, zstd to a Collector']);
